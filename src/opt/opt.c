/* The list of passes. */
#include "opt/opt.h"

void opt_run(struct ir_unit *u, const struct opt_config *config)
{
    if (!config->enabled)
        return;
    opt_state(u, config);
    opt_fold(u);
    opt_fuse(u);
    opt_dead(u);
}

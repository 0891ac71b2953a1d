/* The list of passes. */
#include "opt/opt.h"

void opt_run(struct ir_unit *u, const struct opt_config *config)
{
    if (!config->enabled)
        return;
    opt_dead(u);
}

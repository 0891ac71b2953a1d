#include "host/x64/x64.h"
bool select_fp(struct ctx *c, const struct ir_inst *in)
{
    (void)c, (void)in;
    return false;
}

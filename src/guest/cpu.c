/* The empty table of indirect branches that all cpus share: see cpu_set_pending. */
#include "guest/cpu.h"

struct cpu_jump cpu_jumps_none[1 << CPU_JUMP_BITS];

void cpu_jumps_init(void)
{
    cpu_jumps_none[0].pc = cpu_jump_none(0); /* of the others it is 0 */
}

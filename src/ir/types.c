/* Sizes and names of IR types, and the meaning of conditions. */
#include "ir/types.h"

const uint8_t ir_type_sizes[IR_TYPE_COUNT] = {
    [IR_VOID] = 0, [IR_I1] = 1,  [IR_I8] = 1,   [IR_I16] = 2, [IR_I32] = 4,
    [IR_I64] = 8,  [IR_F16] = 2, [IR_F32] = 4,  [IR_F64] = 8, [IR_F80] = 16,
    [IR_V64] = 8,  [IR_V128] = 16, [IR_V256] = 32, [IR_FLAGS] = 4,
};

static const char *const names[IR_TYPE_COUNT] = {
    [IR_VOID] = "void", [IR_I1] = "i1",     [IR_I8] = "i8",     [IR_I16] = "i16",
    [IR_I32] = "i32",   [IR_I64] = "i64",   [IR_F16] = "f16",   [IR_F32] = "f32",
    [IR_F64] = "f64",   [IR_F80] = "f80",   [IR_V64] = "v64",   [IR_V128] = "v128",
    [IR_V256] = "v256", [IR_FLAGS] = "flags",
};

const char *ir_type_name(enum ir_type t)
{
    return (unsigned)t < IR_TYPE_COUNT ? names[t] : "?";
}

bool ir_cc_holds(enum ir_cc cc, uint32_t flags)
{
    bool o = flags & IR_FLAG_O, c = flags & IR_FLAG_C, z = flags & IR_FLAG_Z;
    bool s = flags & IR_FLAG_S, p = flags & IR_FLAG_P, holds = false;

    switch ((unsigned)cc >> 1) {
    case 0: holds = o; break;
    case 1: holds = c; break;
    case 2: holds = z; break;
    case 3: holds = c || z; break;
    case 4: holds = s; break;
    case 5: holds = p; break;
    case 6: holds = s != o; break;
    case 7: holds = z || s != o; break;
    }
    return holds != ((unsigned)cc & 1);
}

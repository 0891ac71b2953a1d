/* Sizes and names of IR types, and the meaning of conditions. */
#include "ir/types.h"

static const struct {
    const char *name;
    uint8_t size;
} types[IR_TYPE_COUNT] = {
    [IR_VOID] = {"void", 0},  [IR_I1] = {"i1", 1},       [IR_I8] = {"i8", 1},
    [IR_I16] = {"i16", 2},    [IR_I32] = {"i32", 4},     [IR_I64] = {"i64", 8},
    [IR_F16] = {"f16", 2},    [IR_F32] = {"f32", 4},     [IR_F64] = {"f64", 8},
    [IR_F80] = {"f80", 16},   [IR_V64] = {"v64", 8},     [IR_V128] = {"v128", 16},
    [IR_V256] = {"v256", 32}, [IR_FLAGS] = {"flags", 4},
};

unsigned ir_type_size(enum ir_type t)
{
    return types[t].size;
}

const char *ir_type_name(enum ir_type t)
{
    return (unsigned)t < IR_TYPE_COUNT ? types[t].name : "?";
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

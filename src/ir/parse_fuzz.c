/* The parser, printer and verifier on arbitrary bytes.  Has libFuzzer's signature; ir_test.c calls
 * it with mutated texts. */
#include "ir/random_unit.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct ir_unit u, again;
    const char *error, *first, *second;
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = 0;
    ir_unit_init(&u, &arena, random_slots, RANDOM_SLOTS);
    if (ir_parse(&u, text, &error)) {
        /* What the parser takes prints to a text that it takes as well, if it verifies. */
        first = ir_print(&u);
        ir_unit_init(&again, &arena, random_slots, RANDOM_SLOTS);
        if (!ir_verify(&u)) {
            if (!ir_parse(&again, first, &error) || ir_verify(&again))
                abort();
            second = ir_print(&again);
            if (strcmp(first, second) != 0)
                abort();
        }
    }
    free(text);
    arena_free(&arena);
    return 0;
}

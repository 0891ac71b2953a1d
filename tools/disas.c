/* demotic-disas ARCH: host code as text for --dump asm.  On descriptor 0, a socket: requests of two 64-bit
 * numbers (address, size) and size bytes; each is answered on descriptor 1 with one line an instruction and a
 * NUL.  Ends with its client. */
#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(csh handle, const uint8_t *code, size_t size, uint64_t address)
{
    cs_insn *insn = cs_malloc(handle);
    while (size != 0 && cs_disasm_iter(handle, &code, &size, &address, insn)) {
        char hex[64] = "";
        for (unsigned i = 0; i < insn->size && i < 16; i++)
            snprintf(hex + 2 * i, 3, "%02x", insn->bytes[i]);
        printf("%012" PRIx64 ": %-22s %s %s\n", insn->address, hex, insn->mnemonic, insn->op_str);
    }
    cs_free(insn, 1);
}

int main(int argc, char **argv)
{
    csh handle;
    uint64_t header[2];
    const char *arch = argc > 1 ? argv[1] : "";
    cs_err error;
    if (strcmp(arch, "x86_64") == 0)
        error = cs_open(CS_ARCH_X86, CS_MODE_64, &handle);
    else if (strcmp(arch, "aarch64") == 0)
        error = cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &handle);
    else
        return fprintf(stderr, "usage: demotic-disas x86_64|aarch64\n"), 64;
    if (error != CS_ERR_OK)
        return 1;
    cs_option(handle, CS_OPT_SKIPDATA, CS_OPT_ON); /* constants lie between units */
    while (fread(header, sizeof header, 1, stdin) == 1) {
        size_t size = header[1];
        uint8_t *code = malloc(size + 1);
        if (code == NULL || fread(code, 1, size, stdin) != size)
            return 1;
        print(handle, code, size, header[0]);
        free(code);
        putchar('\0');
        fflush(stdout);
    }
    cs_close(&handle);
    return 0;
}

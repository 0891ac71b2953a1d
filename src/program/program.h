/* What a file is, and laying an ELF program out in memory.  Every byte of the file is untrusted. */
#pragma once
#include "support/base.h"
#include <limits.h>

enum program_kind {
    PROGRAM_EMPTY,
    PROGRAM_SCRIPT, /* starts with #! */
    PROGRAM_ELF,
    PROGRAM_PE,
    PROGRAM_TEXT, /* looks like text: a shell would run it as a script */
    PROGRAM_DATA, /* none of these */
};

enum program_error {
    PROGRAM_OK,
    PROGRAM_UNREADABLE,      /* read(2) failed; system_error says why */
    PROGRAM_TRUNCATED,       /* shorter than its own headers say */
    PROGRAM_BAD_HEADER,      /* a field no kernel would accept */
    PROGRAM_NOT_EXECUTABLE,  /* an ELF object file or core dump */
    PROGRAM_NO_INTERPRETER,  /* #! without a name */
    PROGRAM_LONG_INTERPRETER /* #! line cut off within the name */
};

#define PROGRAM_SCRIPT_LINE 256 /* the kernel's BINPRM_BUF_SIZE */

struct program_info {
    enum program_kind kind;
    enum program_error error;
    int system_error;   /* errno for PROGRAM_UNREADABLE */
    unsigned machine;   /* EM_*, or the PE header's Machine */
    unsigned type;      /* ET_*; PE: Characteristics */
    unsigned subsystem; /* PE */
    bool bits64, big_endian;
    bool arm64ec; /* PE for x86-64 whose code is Arm64's, with x64's conventions, wholly or partly */
    char interp[PATH_MAX];         /* of the ELF or script; "" if none */
    char arg[PROGRAM_SCRIPT_LINE]; /* script's one argument, if has_arg */
    bool has_arg;
};

#define PE_MACHINE_ARM64       0xaa64u
#define PE_MACHINE_AMD64       0x8664u
#define PE_MACHINE_I386        0x014cu
#define PE_MACHINE_ARM64EC     0xa641u
#define PE_CHARACTERISTICS_DLL 0x2000u

/* Looks at an open file (with pread: its offset stays). */
void program_recognise(int fd, struct program_info *info);
/* "Arm64", "x86-64", … for EM_* (pe: for a PE machine); "machine 0x1234" kinds into buf if unknown.
 */
const char *program_machine_name(unsigned machine, bool pe, char buf[32]);
/* One sentence without a full stop: what the file is, or what is wrong with it. */
void program_describe(const struct program_info *info, char *out, size_t size);

/* True if the PE file open at fd imports a function `name` when it is loaded. */
bool program_imports(int fd, const char *name);
/* The DLLs that the PE file open at fd imports from when it is loaded, in the file's order; names that no file can have are left
 * out.  fn must not keep the name. */
#define PROGRAM_LIBRARY_NAME 128
void program_each_library(int fd, void (*fn)(void *ctx, const char *name), void *ctx);

/* Removes the debugging information from the PE file open for reading and writing at fd, if it is laid out as linkers do; any
 * other file is left as it is.  0 or -errno. */
int program_strip_pe(int fd);

/* Where a program was put. */
struct program_image {
    uint64_t bias;  /* added to the file's addresses */
    uint64_t entry; /* of the program itself */
    uint64_t phdr;  /* address of its program headers, 0 if not mapped */
    unsigned phnum, phent;
    uint64_t brk; /* first page after everything */
    uint64_t code_start, code_end, data_start, data_end;
    uint64_t interp_base; /* the interpreter's bias; 0 without one */
    uint64_t start;       /* where to run first: the interpreter's entry or `entry` */
    bool stack_exec;      /* PT_GNU_STACK asks for it */
};

struct program_loader {
    unsigned machine; /* EM_* that may be loaded */
    /* Opens the interpreter by guest path: a descriptor (closed by us), or -errno. */
    int (*open_interp)(void *ctx, const char *path);
    void *ctx;
    const char *name; /* the program as the guest knows it, for the record of areas */
};

/* Maps the program open at fd, and its interpreter, and records the areas.  0, or -errno as execve
 * gives it, with a sentence in why; nothing is left mapped then. */
int program_load(const struct program_loader *l, int fd, struct program_image *image, char *why,
                 size_t why_size);

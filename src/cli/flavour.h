/* What differs between Wine for Arm64, x86-64 and i386, as Debian has them. */
#pragma once
#include "support/base.h"

struct flavour {
    unsigned machine;       /* PE_MACHINE_* of its programs */
    const char *name;       /* of the processor, for people */
    const char *microsoft;  /* what Microsoft calls it in names of files */
    const char *arch;       /* Debian's architecture */
    const char *root;       /* the root that is made for it */
    const char *packages;
    const char *loader, *server; /* guest paths; the server itself, without Debian's script around it */
    const char *libraries;  /* where Wine has its DLLs: host path below the root */
    const char *ntdll;      /* by which a root's Wine is known: host path below the root */
    const char *zlib;       /* guest path of a library that goes into each prefix, or NULL */
};

/* For programs of that machine; NULL if there is none. */
const struct flavour *flavour_of(unsigned machine);
/* True if the root (host path) has that Wine; the first that it has, or NULL. */
bool flavour_is_in(const struct flavour *f, const char *root);
const struct flavour *flavour_found(const char *root);

/* The kinds of Debian's Wine: one for each kind of Windows program. */
#include "cli/flavour.h"
#include "program/program.h"
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* Debian's Wine for x86 imports MinGW's zlib1.dll and does not look where Debian's MinGW has it. */
static const struct flavour flavours[] = {
    {PE_MACHINE_ARM64, "Arm64", "arm64", "arm64", "wine-arm64", "wine,wine64", "/usr/lib/wine/wine64", "/usr/lib/wine/wineserver64",
     "/usr/lib/aarch64-linux-gnu/wine/aarch64-windows", "/usr/lib/aarch64-linux-gnu/wine/aarch64-unix/ntdll.so", NULL},
    {PE_MACHINE_AMD64, "x86-64", "x64", "amd64", "wine-amd64", "wine,wine64", "/usr/lib/wine/wine64", "/usr/lib/wine/wineserver64",
     "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", "/usr/lib/x86_64-linux-gnu/wine/x86_64-unix/ntdll.so", "/usr/x86_64-w64-mingw32ucrt/lib/zlib1.dll"},
    {PE_MACHINE_I386, "i386", "x86", "i386", "wine-i386", "wine,wine32", "/usr/lib/wine/wine", "/usr/lib/wine/wineserver32",
     "/usr/lib/i386-linux-gnu/wine/i386-windows", "/usr/lib/i386-linux-gnu/wine/i386-unix/ntdll.so", "/usr/i686-w64-mingw32/lib/zlib1.dll"},
};
const struct flavour *flavour_of(unsigned machine)
{
    for (size_t i = 0; i < ARRAY_LEN(flavours); i++)
        if (flavours[i].machine == machine)
            return &flavours[i];
    return NULL;
}

bool flavour_is_in(const struct flavour *f, const char *root)
{
    char path[PATH_MAX + 128];
    snprintf(path, sizeof path, "%s%s", root, f->loader);
    if (access(path, R_OK) < 0)
        return false;
    snprintf(path, sizeof path, "%s%s", root, f->ntdll);
    return access(path, R_OK) == 0;
}

const struct flavour *flavour_found(const char *root)
{
    for (size_t i = 0; i < ARRAY_LEN(flavours); i++)
        if (flavour_is_in(&flavours[i], root))
            return &flavours[i];
    return NULL;
}

/* Names the DLLs that a Windows program lacks, after Wine has refused to start it: what is missing, which file wants it, and where it
 * is to be had.
 *
 * It is looked for as Windows does: the program's directory, C:\windows\system32 (where Wine has a file for each of its own),
 * C:\windows, the current directory, and WINEPATH, which Wine puts before PATH.  What is found outside C:\windows is the program's own,
 * and its libraries are looked for in turn.
 *
 * Known limitations: directories that the registry adds to PATH, and those that a manifest names, are not looked at; libraries that are
 * loaded when first used, or by name, are no reason not to start and are not looked for. */
#include "cli/missing.h"
#include "linux/path.h"
#include "program/program.h"
#include "support/log.h"
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MOST        64u /* of the program's own libraries, and of directories */

/* First match counts; in lower case. In the text @ stands for Microsoft's name of the processor (arm64, x64, x86). */
static const struct origin {
    const char *pattern, *text;
} origins[] = {
#define DEBUG_RUNTIME "the debugging build of Microsoft's C and C++ runtime, which only Visual Studio has: build the program without /MDd and /MTd"
    {"ucrtbased.dll", DEBUG_RUNTIME},
    {"vcruntime140*d.dll", DEBUG_RUNTIME},
    {"msvcp140*d.dll", DEBUG_RUNTIME},
    {"concrt140d.dll", DEBUG_RUNTIME},
    {"mfc140*d.dll", DEBUG_RUNTIME},
#define RUNTIME "Microsoft's Visual C++ runtime: https://aka.ms/vs/17/release/vc_redist.@.exe, or the DLL alone beside the program"
    {"vcruntime140*.dll", RUNTIME},
    {"msvcp140*.dll", RUNTIME},
    {"concrt140.dll", RUNTIME},
    {"vccorlib140.dll", RUNTIME},
    {"vcomp140.dll", RUNTIME},
    {"mfc140*.dll", RUNTIME},
    {"ucrtbase.dll", "part of Wine: the root is not whole"},
#define GCC "the runtime of GCC for Windows (MinGW): in the bin directory of the compiler; linking with -static does without"
    {"libgcc_s_*.dll", GCC},
    {"libstdc++-*.dll", GCC},
    {"libwinpthread-1.dll", GCC},
    {"libgomp-1.dll", GCC},
#define LLVM "the runtime of llvm-mingw: in the bin directory of its libraries for @; linking with -static does without"
    {"libc++.dll", LLVM},
    {"libunwind.dll", LLVM},
    {"libomp*.dll", LLVM},
    {"clang_rt.*.dll", "Clang's runtime for sanitizers: in the lib directory of the compiler"},
#define DOTNET ".NET's runtime for @ (https://dotnet.microsoft.com/download), or publish the program self-contained"
    {"hostfxr.dll", DOTNET},
    {"hostpolicy.dll", DOTNET},
    {"coreclr.dll", DOTNET},
    {"qt[56]*.dll", "Qt for Windows (@); windeployqt copies what a program needs beside it"},
    {"python3*.dll", "Python for Windows (@), in the very version (https://www.python.org/downloads/windows)"},
    {"jvm.dll", "a Java runtime for Windows (@)"},
    {"webview2loader.dll", "the NuGet package Microsoft.Web.WebView2, under runtimes/win-@"},
#define D3D12 "the NuGet package Microsoft.Direct3D.D3D12"
    {"d3d12core.dll", D3D12},
    {"d3d12sdklayers.dll", D3D12},
#define SHADERS "Microsoft's DirectX Shader Compiler (https://github.com/microsoft/DirectXShaderCompiler)"
    {"dxcompiler.dll", SHADERS},
    {"dxil.dll", SHADERS},
#define DIRECTX "Microsoft's old DirectX runtime, which exists for x86 and x64 only (https://www.microsoft.com/download/details.aspx?id=8109)"
    {"d3dx*_[0-9][0-9].dll", DIRECTX},
    {"xaudio2_[0-7].dll", DIRECTX},
    {"x3daudio1_[0-9].dll", DIRECTX},
    {"xapofx1_[0-9].dll", DIRECTX},
    {"d3d*.dll", "part of Direct3D, of which this Wine does not have it"},
#define CUDA "Nvidia's: there is none that would work here"
    {"nvcuda.dll", CUDA},
    {"cuda*64_*.dll", CUDA},
    {"openal32.dll", "OpenAL Soft (https://openal-soft.org)"},
    {"sdl[23].dll", "SDL (https://libsdl.org), built for @"},
    {"api-ms-win-crt-*.dll", "part of the C runtime, which this Wine does not have by that name: a newer Wine may"},
#define NEWER_WINE "part of Windows, which this Wine does not have: a newer Wine may"
    {"api-ms-*.dll", NEWER_WINE},
    {"ext-ms-*.dll", NEWER_WINE},
};

/* Where the library comes from, a clause without a full stop. */
static void origin_of(const struct flavour *f, const char *name, char out[512])
{
    const char *text = "not one of Wine's; if it came with the program, put it beside it (built for @), else ask who made the program";
    for (size_t i = 0; i < ARRAY_LEN(origins); i++)
        if (fnmatch(origins[i].pattern, name, FNM_CASEFOLD) == 0) {
            text = origins[i].text;
            break;
        }
    const char *at = strchr(text, '@');
    snprintf(out, 512, "%.*s%s%s", (int)(at ? at - text : (int)strlen(text)), text, at ? f->microsoft : "", at ? at + 1 : "");
}

struct search {
    char *dirs[MOST]; /* host paths, in the order of the search */
    unsigned dir_count;
    unsigned system_end; /* [0] is the program's; [1, system_end) are of Windows */
    char *files[MOST];              /* of which the libraries are to be looked for */
    char *seen[4 * MOST];
    unsigned file_count, seen_count;
    const char *file; /* whose turn it is */
    const struct wine *wine;
};

/* The file `name` in directory dir, in whatever case; false if there is none. */
static bool find_file(const char *dir, const char *name, char out[PATH_MAX])
{
    bool found = false;
    if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return false;
    if (access(out, F_OK) == 0)
        return true;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = strcasecmp(e->d_name, name) == 0 && snprintf(out, PATH_MAX, "%s/%s", dir, e->d_name) < PATH_MAX;
    if (d)
        closedir(d);
    return found;
}

static void add_dir(struct search *s, const char *dir)
{
    if (s->dir_count < MOST && (s->dirs[s->dir_count] = strdup(dir)))
        s->dir_count++;
}

/* Directories as in WINEPATH: with semicolons between them, of Windows on drive Z:, or of Unix. */
static void add_path(struct search *s, const char *text)
{
    char dir[PATH_MAX], host[PATH_MAX];
    for (size_t n; text && *text; text += n + (text[n] == ';')) {
        n = strcspn(text, ";");
        bool z = n > 2 && (text[0] == 'Z' || text[0] == 'z') && text[1] == ':';
        snprintf(dir, sizeof dir, "%.*s", (int)(n - (z ? 2 : 0)), text + (z ? 2 : 0));
        for (char *p = dir; *p; p++)
            if (*p == '\\')
                *p = '/';
        if (dir[0] == '/' && path_translate(NULL, AT_FDCWD, dir, 0, host) >= 0)
            add_dir(s, host);
    }
}

/* api-ms-win-core-file-l1-2-0.dll and the like are other names for Wine's libraries, listed in one of them, in UTF-16, without the last
 * number. */
static bool is_api_set(const struct wine *w, const char *name)
{
    char path[PATH_MAX + 128], wide[2 * PROGRAM_LIBRARY_NAME];
    const char *end = strrchr(name, '-');
    size_t n = 0, size = 0;
    if ((strncasecmp(name, "api-", 4) != 0 && strncasecmp(name, "ext-", 4) != 0) || !end || (size_t)(end - name) >= PROGRAM_LIBRARY_NAME)
        return false;
    for (const char *p = name; p < end; p++) {
        wide[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        wide[n++] = 0;
    }
    snprintf(path, sizeof path, "%s%s/apisetschema.dll", w->root, w->flavour->libraries);
    FILE *f = fopen(path, "re");
    char *text = f ? malloc(1 << 20) : NULL;
    if (text)
        size = fread(text, 1, 1 << 20, f);
    bool found = text && memmem(text, size, wide, n);
    free(text);
    if (f)
        fclose(f);
    return found;
}

static bool already(struct search *s, const char *name)
{
    for (unsigned i = 0; i < s->seen_count; i++)
        if (strcasecmp(s->seen[i], name) == 0)
            return true;
    if (s->seen_count == ARRAY_LEN(s->seen) || !(s->seen[s->seen_count] = strdup(name)))
        return true;
    s->seen_count++;
    return false;
}

/* The library was found outside C:\windows. */
static void check_own(struct search *s, const char *path)
{
    struct program_info info;
    char what[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    program_recognise(fd, &info);
    close(fd);
    if (info.kind != PROGRAM_PE || info.error || info.machine != s->wine->flavour->machine) {
        program_describe(&info, what, sizeof what);
        log_warn("%s, which %s needs, %s; one for %s is wanted", path, s->file, what, s->wine->flavour->name);
    } else if (s->file_count < MOST && (s->files[s->file_count] = strdup(path))) {
        s->file_count++;
    }
}

static void look_for(void *ctx, const char *name)
{
    struct search *s = ctx;
    char path[PATH_MAX], origin[512];
    if (already(s, name))
        return;
    for (unsigned i = 0; i < s->dir_count; i++) {
        if (!find_file(s->dirs[i], name, path))
            continue;
        if (i < 1 || i >= s->system_end)
            check_own(s, path);
        return;
    }
    if (!is_api_set(s->wine, name)) {
        origin_of(s->wine->flavour, name, origin);
        log_warn("%s is missing, which %s needs: %s", name, s->file, origin);
    }
}

void missing_report(const struct wine *w, const char *program)
{
    static struct search s;
    char dir[PATH_MAX + 128];
    s = (struct search){.wine = w};
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(program, '/') - program), program);
    add_dir(&s, *dir ? dir : "/");
    snprintf(dir, sizeof dir, "%s/drive_c/windows/system32", w->prefix);
    add_dir(&s, dir);
    snprintf(dir, sizeof dir, "%s%s", w->root, w->flavour->libraries);
    add_dir(&s, dir);
    snprintf(dir, sizeof dir, "%s/drive_c/windows", w->prefix);
    add_dir(&s, dir);
    s.system_end = s.dir_count;
    if (getcwd(dir, PATH_MAX))
        add_dir(&s, dir);
    add_path(&s, getenv("WINEPATH"));
    if ((s.files[0] = strdup(program)))
        s.file_count = 1;
    for (unsigned i = 0; i < s.file_count; i++) {
        int fd = open(s.files[i], O_RDONLY | O_CLOEXEC);
        s.file = s.files[i];
        if (fd >= 0) {
            program_each_library(fd, look_for, &s);
            close(fd);
        }
    }
    for (unsigned i = 0; i < s.dir_count; i++)
        free(s.dirs[i]);
    for (unsigned i = 0; i < s.file_count; i++)
        free(s.files[i]);
    for (unsigned i = 0; i < s.seen_count; i++)
        free(s.seen[i]);
}

/* Wine prefixes: the directory that is a Windows program's C: drive and registry.
 *
 * Making one takes Wine many seconds, so it is done once for each root, into a template, from which prefixes are copied.  Template and
 * prefix are made beside their place under another name and renamed when they are whole; who makes one holds a lock on
 * the data directory.  So at any moment a name is either free or a whole prefix, and what a killed run left is
 * swept away by the next one.  A system (an image, a package) can bring a template beside its roots.
 *
 * Wine writes the time of its wine.inf into a prefix, and brings a prefix with another time up to date by itself; a template with
 * another time is made anew.  So is one with older settings of ours; a prefix gets the new ones. */
#include "cli/cli.h"
#include "cli/server.h"
#include "cli/windows.h"
#include "program/program.h"
#include "support/file.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool is_prefix(const char *path)
{
    char file[PATH_MAX + 32];
    snprintf(file, sizeof file, "%s/system.reg", path);
    return access(file, F_OK) == 0;
}

/* A prefix made by Demotic has a file with the number of the settings it got last; counted up when they change. */
#define SETTINGS_FILE    ".demotic-settings"
#define SETTINGS_VERSION 3

static int settings_version(const char *prefix)
{
    char path[PATH_MAX + 32];
    int version = 0;
    snprintf(path, sizeof path, "%s/" SETTINGS_FILE, prefix);
    FILE *f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%d", &version) != 1)
            version = 0;
        fclose(f);
    }
    return version;
}

/* True if the template was made by the Wine that the root has now, and has the settings. */
static bool is_current(const struct wine *w, const char *template)
{
    char file[PATH_MAX + 32], text[32] = "";
    struct stat st;
    snprintf(file, sizeof file, "%s/usr/share/wine/wine.inf", w->root);
    if (settings_version(template) < SETTINGS_VERSION)
        return false;
    if (!is_prefix(template) || stat(file, &st) < 0)
        return is_prefix(template);
    snprintf(file, sizeof file, "%s/.update-timestamp", template);
    FILE *f = fopen(file, "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return strtoll(text, NULL, 10) == (long long)st.st_mtime;
}

static int strip_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    int fd = type == FTW_F ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0) {
        program_strip_pe(fd);
        close(fd);
    }
    return 0;
}

/* Wine copies its own libraries into C:\windows\system32 with their debugging information, three quarters of half a gigabyte.
 * What runs is the root's copy; those here only have to be there. */
static void strip(const char *prefix)
{
    char dir[PATH_MAX + 32];
    snprintf(dir, sizeof dir, "%s/drive_c/windows", prefix);
    nftw(dir, strip_one, 16, FTW_PHYS);
}

/* Where Wine's defaults do not suit programs that are run from a command line:
 * - Without a display it refuses programs a window, with error messages at each start, since Windows' own desktop wants one.
 *   With "null" as the last choice they draw into the void.
 * - After a crash it starts its debugger, which (in Wine 10, for Arm64) does not end, or shows a dialog.  The
 *   crash itself is told on standard error anyway.
 * - At each first start it writes menus and file types into the user's desktop, which takes a process of its own, the desktop's and
 *   COM's, half of what such a start costs.
 * - Its drivers for game controllers, USB and Bluetooth take another process at each first start, and one of them crashes now and
 *   then when it ends (Wine 10's hidclass.sys leaves a request that points into the stack of a thread that has ended).  Wine
 *   starts them whatever their services say, as long as their devices are there.
 * - The event log is started when something is written to it. */
static const char settings[] =
    "REGEDIT4\r\n\r\n"
    "[HKEY_CURRENT_USER\\Software\\Wine\\Drivers]\r\n\"Graphics\"=\"x11,wayland,null\"\r\n\r\n"
    "[HKEY_CURRENT_USER\\Software\\Wine\\WineDbg]\r\n\"ShowCrashDialog\"=dword:00000000\r\n\r\n"
    "[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows NT\\CurrentVersion\\AeDebug]\r\n\"Debugger\"=\"false\"\r\n\r\n"
    "[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows\\CurrentVersion\\RunServices]\r\n\"winemenubuilder\"=-\r\n\r\n"
    "[-HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Enum\\ROOT\\WINE\\WINEBUS]\r\n\r\n"
    "[-HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Enum\\ROOT\\WINE\\WINEUSB]\r\n\r\n"
    "[-HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Enum\\ROOT\\WINE\\WINEBTH]\r\n\r\n"
    "[HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Services\\Eventlog]\r\n\"Start\"=dword:00000003\r\n";

/* Gives the prefix the settings; 0 or the exit status of what failed. */
static int import_settings(struct options *o, const struct wine *w, const char *prefix)
{
    char *import[] = {"C:\\windows\\system32\\reg.exe", "import", "C:\\demotic-settings.reg", NULL};
    char file[PATH_MAX + 32];
    snprintf(file, sizeof file, "%s/drive_c/demotic-settings.reg", prefix);
    FILE *f = fopen(file, "we");
    bool written = f && fputs(settings, f) >= 0;
    if (!f || fclose(f) != 0 || !written)
        return 126;
    int status = windows_quietly(o, w, prefix, import);
    unlink(file);
    snprintf(file, sizeof file, "%s/" SETTINGS_FILE, prefix);
    f = status ? NULL : fopen(file, "we");
    if (f) {
        fprintf(f, "%d\n", SETTINGS_VERSION);
        fclose(f);
    }
    return status;
}

/* Has Wine fill the directory `prefix`; 0 or the exit status of what failed. */
static int boot(struct options *o, const struct wine *w, const char *prefix)
{
    char *init[] = {"C:\\windows\\system32\\wineboot.exe", "--init", NULL};
    windows_hold_server(o, w, prefix);
    int status = windows_quietly(o, w, prefix, init);
    return status ? status : import_settings(o, w, prefix);
}

/* True for a prefix that an older Demotic made; false for one that the user made with Wine alone. */
static bool is_dated(const char *prefix, const char *data)
{
    size_t n = strlen(data);
    int version = settings_version(prefix);
    return is_prefix(prefix) && version < SETTINGS_VERSION && (version > 0 || (strncmp(prefix, data, n) == 0 && prefix[n] == '/'));
}

static void update(struct options *o, const struct wine *w)
{
    windows_hold_server(o, w, w->prefix);
    if (import_settings(o, w, w->prefix) != 0)
        log_warn("the prefix %s could not be brought up to date", w->prefix);
}

/* What Wine itself imports and does not find by itself: before Wine makes the rest. */
static bool place_zlib(const struct wine *w, const char *prefix)
{
    char from[PATH_MAX + 128], dir[PATH_MAX + 64], to[PATH_MAX + 128];
    if (!w->flavour->zlib)
        return true;
    snprintf(from, sizeof from, "%s%s", w->root, w->flavour->zlib);
    snprintf(dir, sizeof dir, "%s/drive_c/windows/system32", prefix);
    snprintf(to, sizeof to, "%s/zlib1.dll", dir);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return errno == ENOENT;
    int out = make_dirs(dir) ? open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    struct stat st;
    bool ok = out >= 0 && fstat(in, &st) == 0 && copy_data(in, out, st.st_size) == 0;
    close(in);
    return out >= 0 && close(out) == 0 && ok;
}

static bool make_template(struct options *o, const struct wine *w, const char *template)
{
    char part[PATH_MAX + 8];
    struct timespec start, end;
    snprintf(part, sizeof part, "%s.part", template);
    fprintf(stderr, "demotic: preparing Windows' C: drive (once for this root; some ten seconds) ...\n");
    clock_gettime(CLOCK_MONOTONIC, &start);
    remove_tree(part);
    if (mkdir(part, 0755) < 0) {
        log_warn("cannot make %s: %s", part, strerror(errno));
        return false;
    }
    if (!place_zlib(w, part))
        log_warn("%s could not be copied", w->flavour->zlib);
    int status = boot(o, w, part);
    if (status != 0 || !windows_wait_server(part, 60, NULL) || !is_prefix(part)) {
        log_warn("Wine could not make a prefix (status %d); its messages are shown with WINEDEBUG=err+all in the environment", status);
        windows_kill_server(part);
        remove_tree(part);
        return false;
    }
    server_forget(part);
    strip(part);
    remove_tree(template);
    if (rename(part, template) < 0) {
        log_warn("cannot move %s to %s: %s", part, template, strerror(errno));
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    fprintf(stderr, "demotic: done in %ld seconds\n", (long)(end.tv_sec - start.tv_sec));
    return true;
}

/* DIR/NAME -> DIR/.NAME.part */
static void part_name(const char *path, char out[PATH_MAX + 16])
{
    const char *name = strrchr(path, '/') + 1;
    snprintf(out, PATH_MAX + 16, "%.*s.%s.part", (int)(name - path), path, name);
}

static bool copy_template(const char *template, const char *prefix)
{
    char part[PATH_MAX + 16];
    part_name(prefix, part);
    remove_tree(part);
    int error = copy_tree(template, part);
    if (!error && rename(part, prefix) == 0)
        return true;
    if (!error && !is_prefix(prefix)) /* else somebody has made it meanwhile, with Wine alone */
        error = -errno;
    if (error)
        log_warn("cannot make the prefix %s: %s", prefix, strerror(-error));
    remove_tree(part);
    return !error;
}

/* A directory with something in it that is no prefix is Wine's to judge. */
static bool is_free(const char *path)
{
    return access(path, F_OK) < 0 || rmdir(path) == 0;
}

/* Can be written, and made if need be. */
static bool is_usable(const char *dir)
{
    return file_make_dirs(dir, 0755) == 0 && access(dir, W_OK | X_OK) == 0;
}

bool prefixes_dir(char out[4096])
{
    static const char *const names[] = {"XDG_RUNTIME_DIR", "TMPDIR", NULL};
    struct stat st;
    data_dir(out);
    strcat(out, "/prefixes");
    if (is_usable(out))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *dir = names[i] ? getenv(names[i]) : "/tmp";
        if (!dir || dir[0] != '/')
            continue;
        /* In a directory that all may write to, another could have made it. */
        snprintf(out, 4096, "%.3900s/demotic-%u", dir, geteuid());
        mkdir(out, 0700);
        if (lstat(out, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022)) {
            setenv("XDG_CACHE_HOME", out, 0); /* where Wine's libraries (fontconfig) keep theirs */
            strcat(out, "/prefixes");
            if (is_usable(out))
                return true;
        }
    }
    data_dir(out);
    log_warn("there is no place for Windows' C: drive: %s cannot be written, nor /tmp (XDG_DATA_HOME or WINEPREFIX names another)", out);
    return false;
}

/* The template for the root: the user's own in `data`, or the system's, if it is current; else false, with the name of the one that is
 * to be made. */
static bool find_template(const struct wine *w, const char *data, char template[PATH_MAX])
{
    const char *name = strrchr(w->root, '/');
    char dir[4096];
    name = name && name[1] ? name + 1 : "root";
    for (const char *at = NULL; data_dirs(&at, dir);) {
        if (snprintf(template, PATH_MAX, "%s/prefixes/.%s.template", dir, name) < PATH_MAX && is_current(w, template))
            return true;
    }
    snprintf(template, PATH_MAX, "%.2000s/.%.255s.template", data, name);
    return false;
}

bool prefix_prepare(struct options *o, const struct wine *w)
{
    char data[4096], template[PATH_MAX], parent[PATH_MAX];
    if (is_prefix(w->prefix) && settings_version(w->prefix) >= SETTINGS_VERSION)
        return true;
    snprintf(parent, sizeof parent, "%s", w->prefix);
    strrchr(parent, '/')[strrchr(parent, '/') == parent] = 0;
    if (!prefixes_dir(data) || !make_dirs(parent))
        return false;
    if (is_prefix(w->prefix) && !is_dated(w->prefix, data))
        return true;
    bool have = !is_prefix(w->prefix) && find_template(w, data, template);
    int lock = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (lock >= 0 && flock(lock, LOCK_EX) < 0 && errno == EINTR)
        ;
    bool ok = is_prefix(w->prefix) || !is_free(w->prefix) || /* another has made it meanwhile */
              ((have || is_current(w, template) || make_template(o, w, template)) && copy_template(template, w->prefix));
    if (ok && is_dated(w->prefix, data))
        update(o, w);
    if (lock >= 0)
        close(lock);
    return ok;
}

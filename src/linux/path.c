/* Guest paths to host paths.
 *
 * The guest sees one tree made of two: the root (a file system for the guest's architecture) laid
 * over the host's.  docs/roots.md has the rule; in short, an absolute name is looked up component
 * by component as the guest's kernel would, and each name is taken from the first of these that has
 * it:
 *   - the host, if it is inside one of the host trees (/proc, /tmp, /home, ..., the initial
 * directory);
 *   - the root;
 *   - the host, but for what belongs to a system (/usr/bin, /usr/lib, ...) if the root is a whole one; what such a
 *     root shows of the host's /etc and /usr/share is for reading (copy_up.c).
 * Symlinks found on the way are expanded in the guest's tree.  The result names a place without any
 * symlink before its last component, so that the host's kernel cannot leave the tree that was
 * chosen.
 *
 * The common case is a path without symlinks, which one openat2(RESOLVE_NO_SYMLINKS) proves.  It
 * takes a descriptor for a moment, which another guest thread could notice or close: it is used
 * only while there is one guest thread.  Otherwise, and on kernels before 5.6, the components are
 * read one by one with readlinkat.
 *
 * Known limitations: names are resolved before the host uses them, so a program that renames
 * directories under another's feet may see either state or ENOENT, never something outside both
 * trees.  A directory listing shows one side only. */
#include "linux/path.h"
#include "linux/copy_up.h"
#include "support/fd.h"
#include "linux/hostcall.h"
#include "linux/proc.h"
#include "linux/process.h"
#include "linux/syscall.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINKS 40

/* Always the host's.  The last place is for the initial working directory. */
static const char *host_trees[] = {"/proc", "/sys", "/dev",   "/tmp", "/run", "/home",
                                   "/root", "/mnt", "/media", "/srv", NULL};
#define ALONE_TREES 3 /* the first so many, where the root is alone */
/* What is of one system and architecture: a root that is a whole system does not have it completed by the host's... */
static const char *const owned_trees[] = {"/usr",   "/bin",    "/sbin", "/lib",             "/lib32",
                                          "/lib64", "/libx32", "/var",  "/etc/alternatives"};
/* ...except for what is the same on all of them, and may be read. */
static const char *const shared_trees[] = {"/etc", "/usr/share", "/usr/src", "/usr/local/share", "/usr/local/src"};
#define CHANGES (PATH_CREATE | PATH_WRITE | PATH_REMOVE)
/* Named by the user on the command line: the host's, although in an owned tree. */
static char *granted[PATH_GRANTS];
static unsigned granted_count;
static char *granted_text; /* all of them, for path_granted */
static char root_path[PATH_MAX];
static size_t root_len; /* 0: there is no root */
static bool alone;      /* the host has nothing but what no tree can have in its place */
static bool whole;      /* the root has a shell, so it is a system, not only some libraries */
static int root_fd = -1;
static bool no_openat2;

/* One look-up in progress. */
struct walk {
    struct thread *t;
    unsigned flags, links;
    bool in_root;      /* `at` is in the root, else on the host */
    bool missing;      /* the last component does not exist */
    bool slash, dot;   /* the path ended in "/", in "/." */
    size_t len;        /* of `at` */
    char at[PATH_MAX]; /* guest path so far, canonical, "" is "/" */
    char *rest;        /* what is still to be walked, at the end of `room` */
    char room[2 * PATH_MAX];
};

static bool has_prefix(const char *path, const char *dir, size_t len)
{
    return !strncmp(path, dir, len) && (path[len] == '/' || !path[len]);
}

static bool in_host_tree(const char *path)
{
    for (unsigned i = 0; i < (alone ? ALONE_TREES : ARRAY_LEN(host_trees)); i++)
        if (host_trees[i] && has_prefix(path, host_trees[i], strlen(host_trees[i])))
            return true;
    for (unsigned i = 0; i < granted_count; i++)
        if (has_prefix(path, granted[i], strlen(granted[i])))
            return true;
    return false;
}

/* dir is, holds or leads to path. */
static bool related(const char *path, const char *dir)
{
    return has_prefix(path, dir, strlen(dir)) || has_prefix(dir, path, strlen(path));
}

/* True if the host's file of this name is never meant. */
static bool root_only(const char *path)
{
    bool owned = false;

    if (alone)
        return !in_host_tree(path);
    /* The dynamic linker's configuration is about one architecture: another's is never right. */
    if (!strncmp(path, "/etc/ld.so.", 11))
        return true;
    if (!whole)
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(owned_trees) && !owned; i++)
        owned = has_prefix(path, owned_trees[i], strlen(owned_trees[i]));
    for (unsigned i = 1; i < ARRAY_LEN(shared_trees) && owned; i++) /* not /etc, in which the one above lies */
        owned = !related(path, shared_trees[i]);
    for (unsigned i = 0; i < granted_count && owned; i++)
        owned = !related(path, granted[i]);
    const char *start = host_trees[ARRAY_LEN(host_trees) - 1];

    return owned && !(start && related(path, start));
}

/* True if the host's file of this name is for reading: a change is made to a copy in the root. */
static bool read_only(const char *path)
{
    if (!whole || alone || in_host_tree(path))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(shared_trees); i++)
        if (has_prefix(path, shared_trees[i], strlen(shared_trees[i])))
            return true;
    return false;
}

void path_set_alone(bool yes)
{
    alone = yes;
}

const char *path_root(void)
{
    return root_len ? root_path : NULL;
}

int path_root_fd(void)
{
    return root_fd;
}

bool path_is_host_tree(const char *guest)
{
    return in_host_tree(guest);
}

bool path_is_root_only(const char *guest)
{
    return root_len && guest[0] == '/' && !in_host_tree(guest) && root_only(guest);
}

int path_set_root(const char *root)
{
    static char start[PATH_MAX];

    if (root_fd >= 0)
        fd_own_close(root_fd);
    root_fd = -1;
    root_len = 0;
    whole = false;
    while (granted_count)
        free(granted[--granted_count]);
    free(granted_text);
    granted_text = NULL;
    host_trees[ARRAY_LEN(host_trees) - 1] = NULL;
    if (!root)
        return 0;
    char real[PATH_MAX];
    if (!realpath(root, real))
        return -errno;
    if (!strcmp(real, "/"))
        return 0; /* the host itself */
    int64_t fd = host(openat, AT_FDCWD, real, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return (int)fd;
    root_fd = fd_own((int)fd);
    strcpy(root_path, real);
    root_len = strlen(root_path);
    whole = host(faccessat, root_fd, "bin/sh", F_OK) == 0 || host(faccessat, root_fd, "usr/bin/sh", F_OK) == 0;
    if (host(getcwd, start, sizeof start) > 0 && start[0] == '/' && start[1] &&
        !has_prefix(start, root_path, root_len))
        host_trees[ARRAY_LEN(host_trees) - 1] = start;
    return 0;
}

/* True if a path is canonical but for a slash at its end, so that a comparison of texts can judge
 * it. */
static bool is_canonical(const char *path)
{
    for (const char *p = path; *p;) {
        const char *name = *p == '/' ? ++p : p;
        p = strchrnul(p, '/');
        size_t n = (size_t)(p - name);
        if ((!n && *p) || (n == 1 && name[0] == '.') || (n == 2 && !memcmp(name, "..", 2)))
            return false;
    }
    return true;
}

static void grant(const char *path)
{
    if (!is_canonical(path) || strchr(path, '\n') || !(root_only(path) || read_only(path)))
        return;
    if (granted_count == PATH_GRANTS) {
        log_warn("%s: too many files of the host in the system's directories; this one is looked for in the root only",
                 path);
        return;
    }
    size_t old = granted_text ? strlen(granted_text) + 1 : 0;
    char *text = realloc(granted_text, old + strlen(path) + 1), *copy = strdup(path);

    if (text)
        granted_text = text;
    if (!text || !copy)
        log_die(126, "out of memory");
    if (old)
        text[old - 1] = '\n';
    strcpy(text + old, path);
    granted[granted_count++] = copy;
}

void path_grant(const char *arg)
{
    char host_path[PATH_MAX], parent[PATH_MAX], real[PATH_MAX + NAME_MAX + 2];

    if (*arg != '/') /* --file=/usr/... */
        arg = strchr(arg, '=') ? strchr(arg, '=') + 1 : "";
    if (alone || *arg != '/' || strlen(arg) >= PATH_MAX || !(root_only(arg) || read_only(arg)))
        return;
    if ((!path_translate(NULL, AT_FDCWD, arg, 0, host_path) && !read_only(host_path) && access(host_path, F_OK) == 0) ||
        access(arg, F_OK))
        return;
    grant(arg);
    /* And as the walk comes to it where directories are links (/lib). */
    const char *slash = strrchr(arg, '/');

    snprintf(parent, sizeof parent, "%.*s", slash > arg ? (int)(slash - arg) : 1, arg);
    if (realpath(parent, host_path) && strlen(slash + 1) <= NAME_MAX) {
        snprintf(real, sizeof real, "%s/%s", host_path, slash + 1);
        grant(real);
    }
    if (realpath(arg, host_path))
        grant(host_path);
}

const char *path_granted(void)
{
    return granted_text ? granted_text : "";
}

void path_grant_list(const char *list)
{
    char path[PATH_MAX];

    while (*list) {
        size_t n = strcspn(list, "\n");

        if (n < sizeof path) {
            memcpy(path, list, n);
            path[n] = 0;
            grant(path);
        }
        list += n + (list[n] != 0);
    }
}

void path_to_guest(const char *host, char out[PATH_MAX])
{
    if (root_len && has_prefix(host, root_path, root_len)) {
        host += root_len;
        if (!*host)
            host = "/";
    }
    size_t n = strlen(host);
    n = n < PATH_MAX ? n : PATH_MAX - 1;
    memmove(out, host, n);
    out[n] = 0;
}

/* The guest path of a directory descriptor, "" for "/"; -errno if it has none. */
static int dirfd_path(int dirfd, char out[PATH_MAX])
{
    char host[PATH_MAX];
    if (dirfd == AT_FDCWD) {
        int64_t n = host(getcwd, host, sizeof host);
        if (n < 0)
            return (int)n;
    } else {
        char link[40];
        proc_fd_path(dirfd, link);
        int64_t n = host(readlinkat, AT_FDCWD, link, host, sizeof host - 1);
        if (n < 0)
            return n == -ENOENT ? -EBADF : (int)n;
        host[n] = 0;
    }
    if (host[0] != '/')
        return -ENOENT;
    path_to_guest(host, out);
    if (!out[1])
        out[0] = 0;
    return 0;
}

/* Puts text before what is left to walk; slash: a slash followed, even if nothing else does. */
static bool walk_prepend(struct walk *w, const char *text, size_t n, bool slash)
{
    if ((size_t)(w->rest - w->room) < n + 1)
        return false;
    if (slash || *w->rest)
        *--w->rest = '/';
    w->rest -= n;
    memcpy(w->rest, text, n);
    return true;
}

/* readlink of guest path `at` on one side: length, or -errno (-EINVAL: exists and is no link). */
static int64_t read_link(const char *at, bool in_root, char *link)
{
    if (!in_root)
        return host(readlinkat, AT_FDCWD, at[0] ? at : "/", link, PATH_MAX - 1);
    return host(readlinkat, root_fd, at[0] ? at + 1 : ".", link, PATH_MAX - 1);
}

/* Finds out on which side guest path w->at lies, and reads it if it is a link; -ENOENT if it is
 * nowhere. parent_in_root: its directory is in the root. */
static int64_t walk_look(struct walk *w, bool parent_in_root, char *link)
{
    if (root_len && parent_in_root && !in_host_tree(w->at)) {
        w->in_root = true;
        int64_t n = read_link(w->at, true, link);
        if (n != -ENOENT || root_only(w->at))
            return n;
    }
    if (root_len && root_only(w->at))
        return -ENOENT;
    w->in_root = false;
    return read_link(w->at, false, link);
}

/* Side of the directory w->at. */
static void walk_side(struct walk *w)
{
    w->in_root = root_len && !in_host_tree(w->at) &&
                 (!w->at[0] || host(faccessat, root_fd, w->at + 1, F_OK) == 0);
}

static int walk_dotdot(struct walk *w)
{
    char link[PATH_MAX];
    if (w->len + 3 > sizeof w->at)
        return -ENAMETOOLONG;
    strcpy(w->at + w->len, "/."); /* ENOTDIR from this if it is none */
    int64_t n = read_link(w->at, w->in_root, link);
    w->at[w->len] = 0;
    if (n != -EINVAL)
        return n < 0 ? (int)n : -ENOTDIR;
    char *slash = strrchr(w->at, '/');
    w->len = slash ? (size_t)(slash - w->at) : 0;
    w->at[w->len] = 0;
    walk_side(w);
    return 0;
}

/* Follows the link at w->at, whose text is link[0..n); parent: length of its directory's path, and
 * side. Returns 1 if it is to be left to the host's kernel. */
static int walk_follow(struct walk *w, char *link, size_t n, size_t parent, bool parent_in_root,
                       bool last, bool slash)
{
    if (++w->links > MAX_LINKS)
        return -ELOOP;
    link[n] = 0;
    if (!w->in_root && !strncmp(w->at, "/proc/", 6)) {
        switch (proc_link(w->t, w->at, link)) {
        case PROC_LINK_PLAIN:
            break;
        case PROC_LINK_GUEST: /* `link` is now what the guest is to see */
            break;
        case PROC_LINK_MAGIC: /* may name what has no path: only the kernel can follow it */
            if (last || link[0] != '/')
                return 1;
            path_to_guest(link, link);
        }
        n = strlen(link);
    } else if (root_len && link[0] == '/') {
        path_to_guest(link, link);
        n = strlen(link);
    }
    if (!n)
        return -ENOENT;
    if (!walk_prepend(w, link, n, slash))
        return -ENAMETOOLONG;
    w->len = link[0] == '/' ? 0 : parent;
    w->at[w->len] = 0;
    w->in_root = link[0] == '/' ? root_len > 0 : parent_in_root;
    return 0;
}

/* One component from w->rest, which is not empty and does not start with '/'.  0, 1: stop here, or
 * -errno. */
static int walk_step(struct walk *w)
{
    char *end = strchrnul(w->rest, '/'), link[PATH_MAX];
    size_t n = (size_t)(end - w->rest), parent = w->len;
    char *name = w->rest;
    bool slash = *end == '/';
    while (*end == '/')
        end++;
    bool last = !*end;
    w->rest = end;
    w->slash = last && slash;
    w->dot = last && n == 1 && name[0] == '.';
    if (n == 1 && name[0] == '.') {
        return 0;
    }
    if (n == 2 && name[0] == '.' && name[1] == '.')
        return walk_dotdot(w);
    if (n > NAME_MAX || w->len + n + 2 > sizeof w->at)
        return -ENAMETOOLONG;
    bool parent_in_root = w->in_root;
    w->at[w->len] = '/';
    memcpy(w->at + w->len + 1, name, n);
    w->len += n + 1;
    w->at[w->len] = 0;
    int64_t r = walk_look(w, parent_in_root, link);
    if (r == -EINVAL)
        return 0;
    if (r == -ENOENT && last) {
        w->in_root = parent_in_root && !in_host_tree(w->at);
        w->missing = true;
        return 1;
    }
    if (r < 0)
        return (int)r;
    if (last && !slash && (w->flags & PATH_NOFOLLOW))
        return 1;
    return walk_follow(w, link, (size_t)r, parent, parent_in_root, last, slash);
}

/* Composes the host path of where the walk ended. */
static int walk_result(const struct walk *w, char out[PATH_MAX])
{
    size_t n = w->in_root ? root_len : 0, tail = strlen(w->rest);
    if (n + w->len + tail + 4 > PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(out, root_path, n);
    memcpy(out + n, w->at, w->len + 1);
    n += w->len;
    if (!n)
        out[n++] = '/';
    if (tail) { /* the kernel is to go on from a link it alone can follow */
        out[n++] = '/';
        memcpy(out + n, w->rest, tail);
        n += tail;
    } else if (w->dot || w->slash) {
        if (out[n - 1] != '/')
            out[n++] = '/';
        if (w->dot)
            out[n++] = '.';
    }
    out[n] = 0;
    return 0;
}

static int walk_run(struct walk *w, const char *guest, char out[PATH_MAX])
{
    w->rest = w->room + sizeof w->room - 1;
    *w->rest = 0;
    size_t n = strlen(guest);
    if (n >= PATH_MAX)
        return -ENAMETOOLONG;
    w->rest -= n;
    memcpy(w->rest, guest, n);
    for (;;) {
        while (*w->rest == '/')
            w->rest++;
        if (!*w->rest)
            break;
        int r = walk_step(w);
        if (r < 0)
            return r;
        if (r == 1)
            break;
    }
    if (root_len && !w->in_root && (w->flags & CHANGES) && read_only(w->at)) {
        int r = w->flags & PATH_REMOVE ? 0 : copy_up(root_fd, w->at, w->flags & PATH_WRITE);

        if (r < 0)
            return r;
        w->in_root = true;
    }
    return walk_result(w, out);
}

static bool single_thread(const struct thread *t)
{
    return t && t->process && t->process->threads && !t->process->threads->next;
}

/* True if a canonical relative path may lead from a directory of the root into a host tree: then it
 * begins with a component of one. */
static bool may_enter_host_tree(const char *path)
{
    size_t n = (size_t)(strchrnul(path, '/') - path);
    for (unsigned i = 0; i < ARRAY_LEN(host_trees); i++)
        for (const char *p = host_trees[i]; p && *p;) {
            const char *end = strchrnul(++p, '/');
            if ((size_t)(end - p) == n && !memcmp(p, path, n))
                return true;
            p = end;
        }
    return granted_count > 0;
}

/* 0 if path from dirfd exists and there is no symlink in it (or, with PATH_NOFOLLOW, but the last);
 * -errno. */
static int64_t probe(int dirfd, const char *path, unsigned flags)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (flags & PATH_NOFOLLOW ? O_NOFOLLOW : 0),
                           .resolve = RESOLVE_NO_SYMLINKS};
    int64_t fd = host(openat2, dirfd, path, &how, sizeof how);
    if (fd == -ENOSYS || fd == -EPERM)
        no_openat2 = true; /* an old kernel, or a filter of a container from that time */
    if (fd >= 0)
        host(close, fd);
    return fd < 0 ? fd : 0;
}

/* The absolute path by one probe for each side; false if a walk is needed. */
static bool translate_quick(const char *guest, unsigned flags, char out[PATH_MAX])
{
    size_t n = strlen(guest);
    if (no_openat2 || root_len + n + 1 > PATH_MAX || !is_canonical(guest))
        return false;
    if (!strncmp(guest, "/proc", 5))
        return false;
    int64_t r = -ENOENT;
    if (!in_host_tree(guest)) {
        const char *rel = guest;
        while (*rel == '/')
            rel++;
        r = probe(root_fd, *rel ? rel : ".", flags);
        if (r == 0) {
            memcpy(out, root_path, root_len);
            memcpy(out + root_len, guest, n + 1);
            if (!*rel)
                out[root_len] = 0;
            return true;
        }
        if (root_only(guest)) {
            if (r != -ENOENT)
                return false;
            memcpy(out, root_path, root_len);
            memcpy(out + root_len, guest, n + 1);
            return true;
        }
    }
    if (r == -ENOENT && !((flags & CHANGES) && read_only(guest)) && probe(AT_FDCWD, guest, flags) == 0) {
        memcpy(out, guest, n + 1);
        return true;
    }
    return false;
}

int64_t path_open_quick(struct thread *t, int dirfd, const char *guest, uint64_t flags)
{
    struct open_how how = {.flags = flags & 0x7fffff, .resolve = RESOLVE_NO_SYMLINKS};
    int64_t fd = -ENOENT;

    if (!root_len || no_openat2 || (flags & (O_CREAT | O_TMPFILE)) || !*guest || proc_path(guest))
        return PATH_NOT_QUICK;
    bool changes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);

    if (*guest != '/') {
        if (!is_canonical(guest) || may_enter_host_tree(guest) || (changes && whole))
            return PATH_NOT_QUICK;
        /* The name of a file that proc_open replaces may be relative to /proc. */
        if (!strchr(guest, '/') && proc_name(guest))
            return PATH_NOT_QUICK;
        fd = sys_blocking(t, SYS_openat2, (uint64_t)dirfd, (uint64_t)guest, (uint64_t)&how,
                          sizeof how, 0, 0);
    } else {
        if (has_prefix(guest, root_path, root_len) || !is_canonical(guest))
            return PATH_NOT_QUICK;
        if (!in_host_tree(guest)) {
            const char *rel = guest;
            while (*rel == '/')
                rel++;
            fd = sys_blocking(t, SYS_openat2, (uint64_t)root_fd, (uint64_t)(*rel ? rel : "."),
                              (uint64_t)&how, sizeof how, 0, 0);
        }
        if (fd == -ENOENT && root_only(guest))
            return fd;
        if (fd == -ENOENT && changes && read_only(guest))
            return PATH_NOT_QUICK;
        if (fd == -ENOENT)
            fd = sys_blocking(t, SYS_openat2, (uint64_t)AT_FDCWD, (uint64_t)guest, (uint64_t)&how,
                              sizeof how, 0, 0);
    }
    if (fd == -ENOSYS || fd == -EPERM)
        no_openat2 = true;
    return fd >= 0 || fd == SYS_ERESTART || fd == -EINTR ? fd : PATH_NOT_QUICK;
}

/* A path relative to dirfd. Left as it is if it exists, has no symlink and no "..", and stays on
 * its side. */
static int translate_relative(struct walk *w, int dirfd, const char *guest, char out[PATH_MAX])
{
    int64_t r = 0;
    bool copied = whole && (w->flags & CHANGES) && dirfd_path(dirfd, w->at) == 0 && read_only(w->at);
    if (is_canonical(guest) && !may_enter_host_tree(guest) && !copied) {
        char link[PATH_MAX];
        if (!strchr(guest, '/')) {
            r = host(readlinkat, dirfd, guest, link, sizeof link);
            if (r > 0 && (w->flags & PATH_NOFOLLOW))
                r = -EINVAL;
        } else {
            r = !no_openat2 && single_thread(w->t) ? probe(dirfd, guest, w->flags) : -ELOOP;
            r = r == 0 ? -EINVAL : r;
        }
        if (r == -EINVAL || r == -ENOTDIR || r == -EACCES || r == -EBADF) {
            strcpy(out, guest);
            return 0;
        }
    }
    int e = dirfd_path(dirfd, w->at);
    if (e < 0) { /* deleted, or outside of what we can see: the kernel knows best */
        strcpy(out, guest);
        return 0;
    }
    w->len = strlen(w->at);
    char *deleted = strstr(w->at, " (deleted)");
    if (deleted && !deleted[10]) {
        strcpy(out, guest);
        return 0;
    }
    walk_side(w);
    if (r == -ENOENT && !w->in_root) { /* no second tree to look in */
        strcpy(out, guest);
        return 0;
    }
    return walk_run(w, guest, out);
}

int path_translate(struct thread *t, int dirfd, const char *guest, unsigned flags,
                   char out[PATH_MAX])
{
    char stripped[PATH_MAX];

    if (strlen(guest) >= PATH_MAX)
        return -ENAMETOOLONG;
    if (!root_len && !proc_path(guest)) {
        strcpy(out, guest);
        return 0;
    }
    if (!*guest) {
        *out = 0;
        return 0;
    }
    struct walk w; /* large: only what is read is set */
    w.t = t;
    w.flags = flags;
    w.links = 0;
    w.in_root = w.missing = w.slash = w.dot = false;
    w.len = 0;
    w.at[0] = 0;
    if (*guest != '/') {
        if (root_len)
            return translate_relative(&w, dirfd, guest, out);
        strcpy(out, guest);
        return 0;
    }
    if (root_len && has_prefix(guest, root_path, root_len)) {
        path_to_guest(guest, stripped);
        guest = stripped;
    }
    if (root_len && single_thread(t) && translate_quick(guest, flags, out))
        return 0;
    w.in_root = root_len > 0;
    return walk_run(&w, guest, out);
}

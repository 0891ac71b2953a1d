/* Mends a root's Wine where a defect of it, not of Demotic, makes programs fail on any Arm64 machine: an instruction or two in a
 * file, found by those around it.  A file in which they are not found exactly once (another version, already mended) is left alone.
 *
 * Wine 10.0, dlls/ntdll/unix/signal_arm64.c, user_mode_abort_thread: the stack pointer of a thread that is to end while it runs
 * Windows code is to be that of its first system call, frame->syscall_cfa; what is loaded is the field before it, prev_frame, which
 * is NULL.  So the thread faults instead of ending, and takes the process along: any program that ends while another of its threads
 * computes loses, now and then, its exit status and the output still in buffers (139 instead of 5). */
#include "cli/cli.h"
#include "support/file.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS 3

struct mend {
    const char *file;       /* in the root */
    uint32_t before[WORDS]; /* Arm64 instructions as they are, */
    uint32_t after[WORDS];  /* and as they should be */
};

static const struct mend mends[] = {
    {"/usr/lib/aarch64-linux-gnu/wine/aarch64-unix/ntdll.so",
     {0xf9408821, 0xd103003d, 0x910003bf},  /* ldr x1, [x1, #0x110]; sub x29, x1, #0xc0; mov sp, x29 */
     {0xf9408c21, 0xd103003d, 0x910003bf}}, /* ldr x1, [x1, #0x118]; ... */
};

/* The file's bytes, *size of them, or NULL. */
static unsigned char *read_file(int fd, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > 64 << 20)
        return NULL;
    unsigned char *data = malloc((size_t)st.st_size + 1);
    for (*size = 0; data && *size < (size_t)st.st_size;) {
        ssize_t n = read(fd, data + *size, (size_t)st.st_size - *size);
        if (n <= 0) {
            free(data);
            return NULL;
        }
        *size += (size_t)n;
    }
    return data;
}

/* The new contents under the old name; processes that have the old file mapped keep it. */
static bool replace(const char *path, int old, const unsigned char *data, size_t size)
{
    char new[4200];
    struct stat st;
    snprintf(new, sizeof new, "%.4000s.%d.new", path, getpid());
    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && fstat(old, &st) == 0 && file_write(fd, data, size) == 0;
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    ok = ok && fchmod(fd, st.st_mode & 07777) == 0 && futimens(fd, times) == 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (ok && rename(new, path) == 0)
        return true;
    int error = errno;
    unlink(new);
    log_warn("cannot mend %s: %s", path, strerror(error));
    return false;
}

static bool apply(const struct mend *m, const char *root, unsigned *count)
{
    char path[4200];
    size_t size, at = 0;
    unsigned found = 0;
    snprintf(path, sizeof path, "%.3900s%s", root, m->file);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    unsigned char *data = fd < 0 ? NULL : read_file(fd, &size);
    for (size_t i = 0; data && i + sizeof m->before <= size; i += 4) {
        if (memcmp(data + i, m->before, sizeof m->before) == 0) {
            found++;
            at = i;
        }
    }
    bool ok = true;
    if (found == 1) {
        memcpy(data + at, m->after, sizeof m->after);
        ok = replace(path, fd, data, size);
        *count += ok;
    }
    free(data);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool root_mend(const char *root, unsigned *count)
{
    bool ok = true;
    *count = 0;
    for (size_t i = 0; i < ARRAY_LEN(mends); i++)
        ok &= apply(&mends[i], root, count);
    return ok;
}

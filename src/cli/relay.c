/* Demotic's side of the relay (src/relay/relay.c): which of the standard streams it is to replace, its file in the prefix, and the note
 * that it leaves of a status which Wine folds.
 *
 * A note has a name by chance, for runs in several containers may share a prefix and a process number. */
#include "cli/relay.h"
#include "program/program.h"
#include "support/file.h"
#include "support/log.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define RELAY_NAME "demotic-relay.exe"

/* One for each flavour; sizes of 0: Demotic was built without them. */
extern const unsigned char relay_arm64[], relay_x64[], relay_x86[];
extern const size_t relay_arm64_size, relay_x64_size, relay_x86_size;

struct file {
    const unsigned char *bytes;
    size_t size;
};

static struct file file_for(const struct flavour *f)
{
    switch (f->machine) {
    case PE_MACHINE_ARM64:
        return (struct file){relay_arm64, relay_arm64_size};
    case PE_MACHINE_AMD64:
        return (struct file){relay_x64, relay_x64_size};
    default:
        return (struct file){relay_x86, relay_x86_size};
    }
}

/* Which standard streams are pipes, as the relay wants to be told; "" if none is. */
static void find_pipes(bool own_input, char out[4])
{
    struct stat st[3];
    size_t n = 0;
    for (int i = own_input ? 0 : 1; i < 3; i++) {
        if (fstat(i, &st[i]) < 0 || !(S_ISFIFO(st[i].st_mode) || S_ISSOCK(st[i].st_mode)))
            continue;
        bool same = i == 2 && n && out[n - 1] == 'o' && st[1].st_ino == st[2].st_ino && st[1].st_dev == st[2].st_dev;
        out[n++] = same ? 's' : "ioe"[i];
    }
    out[n] = 0;
}

/* True if the file is the relay, of this build. */
static bool is_there(const char *path, struct file relay)
{
    unsigned char buffer[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buffer, sizeof buffer) : -1;
    if (fd >= 0)
        close(fd);
    return n == (ssize_t)relay.size && memcmp(buffer, relay.bytes, relay.size) == 0;
}

static bool place(const char *path, struct file relay)
{
    char new[PATH_MAX + 96];
    if (is_there(path, relay))
        return true;
    snprintf(new, sizeof new, "%s.%d", path, getpid());
    unlink(new);
    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    bool ok = fd >= 0 && file_write(fd, relay.bytes, relay.size) == 0;
    if (fd >= 0)
        close(fd);
    ok = ok && rename(new, path) == 0;
    if (!ok)
        unlink(new);
    return ok;
}

bool relay_is_there(void)
{
    return relay_arm64_size && relay_x64_size && relay_x86_size;
}

const char *relay_prepare(struct relay *r, const struct wine *w, bool own_input, unsigned seconds)
{
    char path[PATH_MAX + 64], pipes[4];
    uint64_t number = 0;
    snprintf(path, sizeof path, "%s/drive_c/windows/" RELAY_NAME, w->prefix);
    struct file relay = file_for(w->flavour);
    if (!relay.size || !place(path, relay))
        return NULL;
    if (getrandom(&number, sizeof number, 0) < 0)
        number = (uint64_t)getpid();
    find_pipes(own_input, pipes);
    snprintf(r->word, sizeof r->word, "%s:%u:demotic-%016llx", pipes, seconds, (unsigned long long)number);
    snprintf(r->note, sizeof r->note, "%s/drive_c/windows/demotic-%016llx", w->prefix, (unsigned long long)number);
    return "C:\\windows\\" RELAY_NAME;
}

int relay_status(const struct relay *r, int status)
{
    char text[9] = "";
    int fd = status == 1 ? open(r->note, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
        return status;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    unlink(r->note);
    unsigned long whole = strtoul(text, NULL, 16);
    if (n == sizeof text - 1 && whole)
        log_warn("exit status 0x%lx (%d); the shell sees 1, since the low eight bits are 0", whole, (int)whole);
    return status;
}

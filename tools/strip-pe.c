/* strip-pe FILE...: takes the debugging information out of Windows programs and libraries, in place (src/program/strip.c).  The
 * image's build uses it on Wine's; what is no PE file, or is laid out otherwise, stays as it is. */
#include "program/program.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        int error = fd < 0 ? -errno : program_strip_pe(fd);
        if (error < 0) {
            fprintf(stderr, "strip-pe: %s: %s\n", argv[i], strerror(-error));
            failed = 1;
        }
        if (fd >= 0)
            close(fd);
    }
    return failed;
}

/* Runs a program and says what it cost, more exactly than a large parent could: the peak of resident memory that the kernel
 * gives begins with that of the process that forks.
 *     measure REPORT TIMES PROGRAM [ARGUMENT]...
 * Runs PROGRAM so often, one after the other, each with standard input from its beginning, and writes to the file REPORT:
 * nanoseconds of CPU (user and system, children included), nanoseconds that passed, the peak in KiB, the worst status. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t ns_of_timeval(struct timeval t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u; }

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    uint64_t cpu = 0, wall = 0;
    long peak = 0;
    int worst = 0;

    if (argc < 4)
        return 64;
    for (int i = atoi(argv[2]); i > 0; i--) {
        struct rusage used;
        int status;
        uint64_t start = now_ns();

        lseek(0, 0, SEEK_SET);
        pid_t pid = fork();
        if (pid == 0) {
            execv(argv[3], argv + 3);
            _exit(127);
        }
        if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
            return 1;
        wall += now_ns() - start;
        cpu += ns_of_timeval(used.ru_utime) + ns_of_timeval(used.ru_stime);
        peak = used.ru_maxrss > peak ? used.ru_maxrss : peak;
        status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        worst = status > worst ? status : worst;
    }
    FILE *f = fopen(argv[1], "w");
    if (!f)
        return 1;
    fprintf(f, "%llu %llu %ld %d\n", (unsigned long long)cpu, (unsigned long long)wall, peak, worst);
    return fclose(f) != 0;
}

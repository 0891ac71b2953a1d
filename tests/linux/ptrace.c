/* What a debugger does with another process' memory: stop it, read, write, let it go. */
#include "test.h"
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static volatile long word = (long)0x1122334455667788;

int main(void)
{
    int ready[2], status;
    char c = 0;

    ok(pipe(ready) == 0);
    pid_t child = fork();
    if (!child) {
        write(ready[1], &c, 1);
        for (int i = 0; i < 60000 && word != 7; i++)
            usleep(1000);
        _exit(word == 7 ? 5 : 6);
    }
    ok(read(ready[0], &c, 1) == 1);
    ok(ptrace(PTRACE_ATTACH, child, 0, 0) == 0);
    ok(waitpid(child, &status, __WALL) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    errno = 0;
    ok(ptrace(PTRACE_PEEKDATA, child, (void *)&word, 0) == (long)0x1122334455667788 && errno == 0);
    ok(ptrace(PTRACE_PEEKDATA, child, (void *)8, 0) == -1 && errno == EIO);
    ok(ptrace(PTRACE_POKEDATA, child, (void *)&word, (void *)7) == 0);
    ok(word == (long)0x1122334455667788);
    ok(ptrace(PTRACE_DETACH, child, 0, 0) == 0);
    ok(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 5);
    ok(ptrace(PTRACE_ATTACH, 0x3fffffff, 0, 0) == -1 && errno == ESRCH);
    return test_done();
}

/* Says each Ctrl-C and goes on. Run by launcher.py, at a terminal. */
#include "test.h"

static BOOL WINAPI on_event(DWORD event)
{
    printf("event %lu\n", (unsigned long)event);
    fflush(stdout);
    return TRUE;
}

int main(int argc, char **argv)
{
    SetConsoleCtrlHandler(on_event, TRUE);
    if (argc > 1)
        return done();
    printf("ready\n");
    fflush(stdout);
    for (;;)
        Sleep(1000);
}

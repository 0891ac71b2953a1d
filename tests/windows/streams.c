/* Reads its input to the end and writes it to output and error in turns; every stream is asked for what only Windows' own pipes can.
 * Run by launcher.py. */
#include "test.h"

int main(int argc, char **argv)
{
    static const DWORD names[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    char text[4096];
    DWORD n, m, total = 0;

    for (int i = argc > 1; i < 3; i++) { /* with an argument: the outputs only, and nothing is read */
        DWORD mode = PIPE_READMODE_BYTE | PIPE_WAIT;
        CHECK(GetFileType(GetStdHandle(names[i])) == FILE_TYPE_PIPE);
        CHECK(SetNamedPipeHandleState(GetStdHandle(names[i]), &mode, NULL, NULL));
    }
    if (argc > 1) {
        puts(failures ? "it is no pipe" : "it is a pipe");
        return failures ? 1 : 52;
    }
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), text, sizeof text, &n, NULL) && n) {
        for (DWORD i = 0; i < n; i += m) {
            DWORD some = n - i < 1000 ? n - i : 1000;
            if (!WriteFile(GetStdHandle(total % 2000 < 1000 ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE), text + i, some, &m, NULL))
                return 3;
            total += m;
        }
    }
    return failures ? 1 : 0x1234;
}

/* Shows what arrived: arguments, directory, an environment variable, standard input; ends with the status it is told. */
#include "test.h"
#include <stdlib.h>

int main(int argc, char **argv)
{
    char text[MAX_PATH] = "";
    unsigned long status = 0;

    for (int i = 1; i < argc; i++) {
        printf("[%s]\n", argv[i]);
        if (!strncmp(argv[i], "status=", 7))
            status = strtoul(argv[i] + 7, NULL, 0);
    }
    GetCurrentDirectoryA(sizeof text, text);
    printf("in %s\n", text);
    GetEnvironmentVariableA("FROM_LINUX", text, sizeof text);
    printf("variable %s\n", text);
    while (argc > 1 && !strcmp(argv[1], "-stdin") && fgets(text, sizeof text, stdin))
        printf("read %s", text);
    fflush(stdout);
    fprintf(stderr, "to stderr\n");
    fflush(stderr);
    while (argc > 1 && !strcmp(argv[1], "-wait"))
        Sleep(1000);
    ExitProcess(status);
}

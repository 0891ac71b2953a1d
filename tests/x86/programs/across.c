/* Says how wide it is and executes what its arguments name. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    printf("%zu\n", 8 * sizeof(long));
    fflush(stdout);
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}

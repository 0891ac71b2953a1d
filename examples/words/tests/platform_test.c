/* Are we where we think?  Argument: the system the program was compiled for, as CMake calls it. */
#include <stdio.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <sys/utsname.h>
#endif

int main(int argc, char **argv)
{
    char system[64] = "", machine[64] = "";
#ifdef _WIN32
    SYSTEM_INFO info;
    GetNativeSystemInfo(&info);
    strcpy(system, "Windows");
    strcpy(machine, info.wProcessorArchitecture == 12 /* PROCESSOR_ARCHITECTURE_ARM64 */ ? "ARM64" : "another");
#else
    struct utsname name;
    uname(&name);
    strcpy(system, name.sysname);
    strcpy(machine, name.machine);
#endif
    printf("%s on %s, pointers of %d bits\n", system, machine, (int)sizeof(void *) * 8);
    if (argc != 2 || strcmp(argv[1], system) != 0)
        return 1;
#if defined(__aarch64__) || defined(_M_ARM64)
    return strcmp(machine, "ARM64") != 0 && strcmp(machine, "aarch64") != 0;
#else
    return 0;
#endif
}

/* The list of hosts of this build, and what they share. A new host is a folder and a line here. */
#include "host/host.h"
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct host *const hosts[] = {
#if defined(DEMOTIC_HOST_X64)
    &host_x64,
#endif
    &host_interp,
};

const struct host *host_by_name(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(hosts); i++)
        if (strcmp(hosts[i]->name, name) == 0)
            return hosts[i];
    return NULL;
}

const struct host *host_best(void)
{
    return hosts[0];
}

bool host_readable(uint64_t address)
{
    char byte;
    struct iovec to = {&byte, 1}, from = {(void *)(uintptr_t)address, 1};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

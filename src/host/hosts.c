/* The list of hosts of this build. A new host is a folder and a line here. */
#include "host/host.h"
#include <string.h>

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

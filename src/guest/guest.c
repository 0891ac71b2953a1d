/* The list of guests. */
#include "guest/guest.h"
#include <string.h>

static const struct {
    const char *machine; /* ELF's e_machine, in decimal */
    const struct guest *guest;
} guests[] = {
    {"183", &guest_arm64},
    {"3", &guest_i386},
    {"62", &guest_x86_64},
};

const struct guest *guest_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(guests); i++) {
        if (strcmp(guests[i].guest->name, name) == 0 || strcmp(guests[i].machine, name) == 0)
            return guests[i].guest;
    }
    return NULL;
}

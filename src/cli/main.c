/* Entry: a program to run, or one of Demotic's own commands. */
#include "cli/cli.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct process_config config = {0};
    struct process_start start = {0};
    if (process_exec_parse(argc, argv, &config, &start))
        return cli_start(&start, &config);
    struct options o;
    options_parse(argc, argv, &o);
    if (o.command != COMMAND_DOCTOR)
        disk_cache_choose(&o);
    switch (o.command) {
    case COMMAND_ROOT:
        return cli_root(&o);
    case COMMAND_DOCTOR:
        return cli_doctor(&o);
    case COMMAND_CACHE:
        return cli_cache(&o);
    case COMMAND_WINE:
        return cli_wine(&o);
    case COMMAND_RUN:
        return cli_run(&o);
    }
    return 64;
}

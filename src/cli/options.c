/* Parses the command line with argp: the options table below is also --help. */
#include "cli/options.h"
#include "support/log.h"
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "demotic " DEMOTIC_VERSION;
const char *argp_program_bug_address = NULL;

enum {
    KEY_ENGINE = 0x100,
    KEY_ALONE,
    KEY_CPU,
    KEY_STRACE,
    KEY_TRACE,
    KEY_DUMP,
    KEY_STATS,
    KEY_LOG,
    KEY_CACHE,
    KEY_DISK,
    KEY_DISK_SIZE,
    KEY_NO_DISK,
    KEY_RELOCATE,
    KEY_REGIONS,
    KEY_NO_REGIONS,
    KEY_MAX_INSNS,
    KEY_NO_LINK,
    KEY_NO_OPT,
    KEY_CHAOS,
    KEY_SIGNALS,
    KEY_WINE_WAIT,
    KEY_RAW_ARGS,
    KEY_WINE_DIRECT,
};

static const struct argp_option option_table[] = {
    {0, 0, 0, 0, "Where the program finds its libraries:", 1},
    {"root", 'r', "ROOT", 0, "Guest file system: a name (see 'demotic root list') or a directory. Default: "
                             "$DEMOTIC_ROOT, else the root named like the program's architecture", 1},
    {"alone", KEY_ALONE, 0, 0, "The program sees the root and nothing of the host's files but /proc, /sys and /dev", 1},
    {0, 0, 0, 0, "How it is run:", 2},
    {"engine", KEY_ENGINE, "ENGINE", 0, "jit (default), interp, or a host by name (x64)", 2},
    {"cpu", KEY_CPU, "MODEL", 0, "Processor to be: max (default), armv8.2, armv8.0; what a model lacks is undefined", 2},
    {"cache-size", KEY_CACHE, "MIB", 0, "Bound of the code cache (default 256)", 2},
    {"disk-cache", KEY_DISK, "DIR", 0, "Keep translations in DIR (default: $DEMOTIC_DISK_CACHE, else demotic in "
                                       "$XDG_CACHE_HOME or ~/.cache)", 2},
    {"disk-cache-size", KEY_DISK_SIZE, "MIB", 0, "Bound of what is kept there (default 512)", 2},
    {"no-disk-cache", KEY_NO_DISK, 0, 0, "Do not keep translations", 2},
    {"regions", KEY_REGIONS, "WHEN", OPTION_ARG_OPTIONAL, "Translate hot code a second time, as paths across branches and calls: "
                                                          "off, or (for tests) 1: everything and at once, 2: in the background", 2},
    {"no-regions", KEY_NO_REGIONS, 0, 0, "The same as --regions=off", 2},
    {0, 0, 0, 0, "To see what it does:", 3},
    {"strace", KEY_STRACE, 0, 0, "Print system calls, decoded", 3},
    {"trace", KEY_TRACE, "FILE", OPTION_ARG_OPTIONAL, "Print every instruction with the registers it changes (slow)", 3},
    {"dump", KEY_DUMP, "WHAT", 0, "Print translations: any of ir,opt,asm, then =ADDR for the unit with that address only; perf: names of code for perf(1), in /tmp/perf-PID.map; counts: how often each unit was run, at exit", 3},
    {"stats", KEY_STATS, 0, 0, "Print counters at exit", 3},
    {"log", KEY_LOG, "FILE", 0, "Messages, traces and dumps go to FILE instead of standard error", 3},
    {0, 0, 0, 0, "Windows programs:", 4},
    {"wine-wait", KEY_WINE_WAIT, "SECONDS", 0, "When the program has ended, wait so long for others in its prefix to end and for the "
                                               "registry to be written (default 10; 0: not at all)", 4},
    {"raw-args", KEY_RAW_ARGS, 0, 0, "Do not turn paths of existing files (/home/me/x) into Windows paths (Z:\\home\\me\\x)", 4},
    {"wine-direct", KEY_WINE_DIRECT, 0, 0, "Start the program without the relay in between: pipes are Linux', and of some exit statuses "
                                           "only 1 is known (to trace the program alone)", 4},
    {0, 0, 0, 0, "To test Demotic itself:", 5},
    {"max-insns", KEY_MAX_INSNS, "N", 0, "At most N guest instructions in a translation", 5},
    {"no-link", KEY_NO_LINK, 0, 0, "Go back to the engine after every translation", 5},
    {"no-opt", KEY_NO_OPT, 0, 0, "Do not optimise", 5},
    {"relocate", KEY_RELOCATE, 0, 0, "Make translations for another address and move them, as those kept on disk", 5},
    {"chaos", KEY_CHAOS, "SEED", OPTION_ARG_OPTIONAL, "Throw translations away at random", 5},
    {"random-signals", KEY_SIGNALS, 0, 0, "Interrupt threads at random", 5},
    {0},
};

static const char doc[] =
    "Runs programs built for another processor and another operating system: Arm64 Linux programs, "
    "and Windows programs for Arm64 through Wine."
    "\vCommands other than running a program:\n"
    "  demotic root create NAME --arch ARCH [--suite SUITE] [--include PKG,...]\n"
    "  demotic root list | path NAME | remove NAME | run NAME PROGRAM [ARG...]\n"
    "  demotic cache stat | clear   translations kept on disk: how many; remove them\n"
    "  demotic cache warm PROGRAM [ARG...]   run PROGRAM so that its translations are kept\n"
    "  demotic doctor          what this machine can do, and what is missing\n"
    "  wine-arm64 PROGRAM...   the same under another name: Windows programs, also its own\n"
    "                          (cmd, reg, notepad) and C:\\ paths\n"
    "\nA program that is called like a command is run as ./NAME.\n"
    "Exit status: the program's; 126 if it cannot be run, 127 if it is not found, 64 for wrong usage.";

/* A positive number no larger than max, or an error that names the option. */
static unsigned long number(struct argp_state *state, const char *option, const char *text, unsigned long max)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || *end || end == text || v == 0 || v > max)
        argp_error(state, "--%s wants a number from 1 to %lu, not '%s'", option, max, text);
    return v;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'r':
        o->root_name = arg;
        return 0;
    case KEY_ALONE:
        o->config.alone = true;
        return 0;
    case KEY_ENGINE:
        o->config.engine_name = arg;
        return 0;
    case KEY_CPU:
        o->config.cpu_name = arg;
        return 0;
    case KEY_STRACE:
        o->config.strace = true;
        return 0;
    case KEY_TRACE:
        o->config.trace = arg ? arg : "-";
        return 0;
    case KEY_DUMP:
        o->config.dump = arg;
        if (strstr(arg, "counts")) /* of units */
            o->config.regions = REGIONS_NONE;
        return 0;
    case KEY_STATS:
        o->config.stats = true;
        return 0;
    case KEY_LOG:
        o->config.log_path = arg;
        return 0;
    case KEY_CACHE:
        o->config.cache_bytes = number(state, "cache-size", arg, 2047) << 20;
        return 0;
    case KEY_DISK:
        o->config.disk_cache = arg;
        return 0;
    case KEY_DISK_SIZE:
        o->config.disk_limit = (uint64_t)number(state, "disk-cache-size", arg, 1ul << 20) << 20;
        return 0;
    case KEY_NO_DISK:
        o->no_disk_cache = true;
        return 0;
    case KEY_RELOCATE:
        o->config.relocate = true;
        return 0;
    case KEY_REGIONS:
        o->config.regions = !arg ? REGIONS_HOT : !strcmp(arg, "off") ? REGIONS_NONE : (unsigned)number(state, "regions", arg, REGIONS_HOT);
        return 0;
    case KEY_NO_REGIONS:
        o->config.regions = REGIONS_NONE;
        return 0;
    case KEY_MAX_INSNS:
        o->config.max_insns = (unsigned)number(state, "max-insns", arg, 1024);
        return 0;
    case KEY_NO_LINK:
        o->config.no_link = true;
        return 0;
    case KEY_NO_OPT:
        o->config.no_opt = true;
        return 0;
    case KEY_CHAOS:
        o->config.chaos = true;
        o->config.chaos_seed = arg ? number(state, "chaos", arg, ~0ul) : 1;
        return 0;
    case KEY_WINE_WAIT:
        o->wine_wait = strcmp(arg, "0") == 0 ? 0 : (unsigned)number(state, "wine-wait", arg, 1000000);
        return 0;
    case KEY_RAW_ARGS:
        o->raw_args = true;
        return 0;
    case KEY_WINE_DIRECT:
        o->wine_direct = true;
        return 0;
    case KEY_SIGNALS:
        o->config.random_signals = true;
        return 0;
    case ARGP_KEY_ARG: /* the program: everything from here on is its own */
        o->args = state->argv + state->next - 1;
        o->arg_count = state->argc - state->next + 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void options_parse(int argc, char **argv, struct options *out)
{
    static const struct argp argp = {option_table, parse_option, "PROGRAM [ARG...]\nroot|cache|doctor [ARG...]", doc, 0, 0, 0};
    memset(out, 0, sizeof *out);
    out->wine_wait = 10;
    out->config.regions = REGIONS_HOT;
    argp_err_exit_status = 64;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, out);
    const char *slash = strrchr(argv[0], '/');
    if (strcmp(slash ? slash + 1 : argv[0], "wine-arm64") == 0)
        out->command = COMMAND_WINE;
    else if (strcmp(out->args[0], "root") == 0)
        out->command = COMMAND_ROOT;
    else if (strcmp(out->args[0], "doctor") == 0)
        out->command = COMMAND_DOCTOR;
    else if (strcmp(out->args[0], "cache") == 0)
        out->command = COMMAND_CACHE;
}

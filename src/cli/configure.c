/* What turns unpacked Debian packages into installed ones: dpkg's database, and the packages' postinst scripts, which make
 * users, alternatives and caches.
 *
 * mmdebstrap runs configure_hook when it has unpacked the packages, while it has them as files: the hook writes for each
 * what dpkg would have written.  Then root_configure has the root's own dpkg configure all of them, under Demotic, so in no
 * chroot and without privilege: fakeroot lets owners be set in appearance, --alone keeps the scripts away from the host.
 *
 * Known limitations: preinst scripts are not run; what base-passwd's does (the first users) the hook does. Triggers that
 * unpacking would have set off are not, but a script that acts on one does the same when it configures. */
#include "cli/cli.h"
#include "support/file.h"
#include "support/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run by mmdebstrap's shell; $1 is the tree. */
const char configure_hook[] =
    "set -e; cd \"$1\"; d=var/lib/dpkg; mkdir -p $d/info $d/updates $d/triggers $d/alternatives $d/parts; t=$(mktemp -d)\n"
    "echo 1 > $d/info/format; : > $d/status.new\n"
    "for deb in var/cache/apt/archives/*.deb; do\n"
    "  rm -rf $t/c; dpkg-deb -e \"$deb\" $t/c; c=$t/c/control\n"
    /* The name under which its files are: with the architecture where several can be installed together. */
    "  n=$(awk '/^Package:/ {p = $2} /^Architecture:/ {a = $2} /^Multi-Arch: *same/ {m = 1} END {print m ? p \":\" a : p}' $c)\n"
    "  dpkg-deb --fsys-tarfile \"$deb\" | tar -t | sed 's,^\\./,/,; s,\\(.\\)/$,\\1,; s,^/$,/.,' > $d/info/$n.list\n"
    "  { sed '/^Package:/a Status: install ok unpacked' $c\n"
    "    if [ -s $t/c/conffiles ]; then echo Conffiles:; while read -r f rest; do\n"
    "      if [ -f \".$f\" ]; then echo \" $f\" $(md5sum < \".$f\" | cut -c1-32); fi; done < $t/c/conffiles; fi\n"
    "    echo; } >> $d/status.new\n"
    "  rm $c\n"
    "  if [ -f $t/c/triggers ]; then awk -v p=${n%:*} -v d=$d/triggers '\n"
    "    $1 ~ /^interest/ {w = $1 ~ /noawait/ ? p \"/noawait\" : p; if ($2 ~ /^\\//) print $2, w >> (d \"/File\"); else print w >> (d \"/\" $2)}' $t/c/triggers; fi\n"
    "  for f in $t/c/*; do if [ -f $f ]; then cp -p $f $d/info/$n.${f##*/}; fi; done\n"
    "done\n"
    "mv $d/status.new $d/status; rm -rf $t\n"
    "for f in passwd group; do if [ -f usr/share/base-passwd/$f.master ] && ! [ -e etc/$f ]; then\n"
    "  cp usr/share/base-passwd/$f.master etc/$f; fi; done\n";

/* Services are not started: dpkg's scripts ask this first. */
static bool no_services(const char *root, char path[4300])
{
    static const char text[] = "#!/bin/sh\nexit 101\n";

    snprintf(path, 4300, "%s/usr/sbin/policy-rc.d", root);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (fd < 0) {
        path[0] = 0;
        return errno == EEXIST;
    }
    bool ok = file_write(fd, text, sizeof text - 1) == 0;
    close(fd);
    return ok;
}

static bool has(const char *root, const char *file)
{
    char path[4300];
    struct stat st;

    snprintf(path, sizeof path, "%s%s", root, file);
    return lstat(path, &st) == 0;
}

/* dpkg in the root under this Demotic; its words go to the log. The status as of waitpid. */
static int run_dpkg(const char *root, const char *log)
{
    static char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
                                "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true", "SYSTEMD_OFFLINE=1", NULL};
    char cache[4300];
    struct options o = {0};
    disk_cache_choose(&o);
    if (o.config.disk_cache)
        snprintf(cache, sizeof cache, "--disk-cache=%s", o.config.disk_cache);
    else
        strcpy(cache, "--no-disk-cache");
    char *argv[] = {"demotic", cache, "--alone", "--root", (char *)(uintptr_t)root, "/usr/bin/fakeroot-sysv",
                    "/usr/bin/dpkg", "--configure", "--pending", NULL};
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644), in = open("/dev/null", O_RDONLY);

        if (out < 0 || in < 0 || chdir("/") < 0)
            _exit(127);
        dup2(in, 0);
        dup2(out, 1);
        dup2(out, 2);
        umask(022);
        execve("/proc/self/exe", argv, env);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

void root_configure(const char *root)
{
    char log[4300], policy[4300];

    if (!has(root, "/usr/bin/dpkg") || !has(root, "/usr/bin/fakeroot-sysv") || !has(root, "/var/lib/dpkg/status"))
        return;
    fprintf(stderr, "demotic: running the packages' scripts ...\n");
    snprintf(log, sizeof log, "%s/var/log/demotic-configure.log", root);
    bool ok = no_services(root, policy) && run_dpkg(root, log) == 0;

    if (policy[0])
        unlink(policy);
    if (!ok)
        log_warn("some packages' scripts failed; their programs are there. What they said is in the root's "
                 "/var/log/demotic-configure.log");
}

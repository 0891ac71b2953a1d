/* Names of the constants that --strace shows.  Open flags are the guest's (arm64); all others are
 * the same on guest and host. In tables of flags a value of several bits comes before its parts. */
#include "linux/convert.h"
#include "linux/trace.h"
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define N(x)                                                                                       \
    {                                                                                              \
        (uint64_t)(x), #x                                                                          \
    }
#define TABLE(name) const struct trace_name trace_names_##name[]
#define END                                                                                        \
    {                                                                                              \
        0, NULL                                                                                    \
    }

TABLE(whence) = {N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE), END};
TABLE(fcntl) = {N(F_DUPFD),         N(F_GETFD),
                N(F_SETFD),         N(F_GETFL),
                N(F_SETFL),         N(F_GETLK),
                N(F_SETLK),         N(F_SETLKW),
                N(F_SETOWN),        N(F_GETOWN),
                N(F_SETSIG),        N(F_GETSIG),
                N(F_SETOWN_EX),     N(F_GETOWN_EX),
                N(F_OFD_GETLK),     N(F_OFD_SETLK),
                N(F_OFD_SETLKW),    N(F_SETLEASE),
                N(F_GETLEASE),      N(F_NOTIFY),
                N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ),
                N(F_GETPIPE_SZ),    N(F_ADD_SEALS),
                N(F_GET_SEALS),     END};
TABLE(epollop) = {N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD), END};
TABLE(af) = {N(AF_UNSPEC), N(AF_UNIX),  N(AF_INET), N(AF_INET6), N(AF_NETLINK),
             N(AF_PACKET), N(AF_VSOCK), N(AF_ALG),  END};
TABLE(sol) = {N(SOL_SOCKET),
              {0, "SOL_IP"},
              {6, "SOL_TCP"},
              {17, "SOL_UDP"},
              {41, "SOL_IPV6"},
              {270, "SOL_NETLINK"},
              END};
TABLE(sockopt) = {N(SO_DEBUG),         N(SO_REUSEADDR),   N(SO_TYPE),       N(SO_ERROR),
                  N(SO_DONTROUTE),     N(SO_BROADCAST),   N(SO_SNDBUF),     N(SO_RCVBUF),
                  N(SO_KEEPALIVE),     N(SO_OOBINLINE),   N(SO_PRIORITY),   N(SO_LINGER),
                  N(SO_REUSEPORT),     N(SO_PASSCRED),    N(SO_PEERCRED),   N(SO_RCVLOWAT),
                  N(SO_SNDLOWAT),      N(SO_RCVTIMEO),    N(SO_SNDTIMEO),   N(SO_BINDTODEVICE),
                  N(SO_ATTACH_FILTER), N(SO_TIMESTAMP),   N(SO_ACCEPTCONN), N(SO_PEERSEC),
                  N(SO_SNDBUFFORCE),   N(SO_RCVBUFFORCE), N(SO_PASSSEC),    N(SO_MARK),
                  N(SO_PROTOCOL),      N(SO_DOMAIN),      N(SO_BUSY_POLL),  END};
TABLE(shut) = {N(SHUT_RD), N(SHUT_WR), N(SHUT_RDWR), END};
TABLE(clock) = {N(CLOCK_REALTIME),          N(CLOCK_MONOTONIC),     N(CLOCK_PROCESS_CPUTIME_ID),
                N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE),
                N(CLOCK_MONOTONIC_COARSE),  N(CLOCK_BOOTTIME),      N(CLOCK_REALTIME_ALARM),
                N(CLOCK_BOOTTIME_ALARM),    N(CLOCK_TAI),           END};
TABLE(itimer) = {N(ITIMER_REAL), N(ITIMER_VIRTUAL), N(ITIMER_PROF), END};
TABLE(resource) = {N(RLIMIT_CPU),
                   N(RLIMIT_FSIZE),
                   N(RLIMIT_DATA),
                   N(RLIMIT_STACK),
                   N(RLIMIT_CORE),
                   N(RLIMIT_RSS),
                   N(RLIMIT_NPROC),
                   N(RLIMIT_NOFILE),
                   N(RLIMIT_MEMLOCK),
                   N(RLIMIT_AS),
                   N(RLIMIT_LOCKS),
                   N(RLIMIT_SIGPENDING),
                   N(RLIMIT_MSGQUEUE),
                   N(RLIMIT_NICE),
                   N(RLIMIT_RTPRIO),
                   N(RLIMIT_RTTIME),
                   END};
TABLE(sighow) = {N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK), END};
TABLE(madv) = {N(MADV_NORMAL),         N(MADV_RANDOM),
               N(MADV_SEQUENTIAL),     N(MADV_WILLNEED),
               N(MADV_DONTNEED),       N(MADV_FREE),
               N(MADV_REMOVE),         N(MADV_DONTFORK),
               N(MADV_DOFORK),         N(MADV_MERGEABLE),
               N(MADV_UNMERGEABLE),    N(MADV_HUGEPAGE),
               N(MADV_NOHUGEPAGE),     N(MADV_DONTDUMP),
               N(MADV_DODUMP),         N(MADV_WIPEONFORK),
               N(MADV_KEEPONFORK),     N(MADV_COLD),
               N(MADV_PAGEOUT),        N(MADV_POPULATE_READ),
               N(MADV_POPULATE_WRITE), END};
TABLE(prctl) = {N(PR_SET_PDEATHSIG),
                N(PR_GET_PDEATHSIG),
                N(PR_GET_DUMPABLE),
                N(PR_SET_DUMPABLE),
                N(PR_SET_KEEPCAPS),
                N(PR_GET_KEEPCAPS),
                N(PR_SET_NAME),
                N(PR_GET_NAME),
                N(PR_GET_SECCOMP),
                N(PR_SET_SECCOMP),
                N(PR_CAPBSET_READ),
                N(PR_CAPBSET_DROP),
                N(PR_SET_TIMERSLACK),
                N(PR_GET_TIMERSLACK),
                N(PR_SET_MM),
                N(PR_SET_PTRACER),
                N(PR_SET_CHILD_SUBREAPER),
                N(PR_GET_CHILD_SUBREAPER),
                N(PR_SET_NO_NEW_PRIVS),
                N(PR_GET_NO_NEW_PRIVS),
                N(PR_SET_THP_DISABLE),
                N(PR_CAP_AMBIENT),
                N(PR_SVE_SET_VL),
                N(PR_SVE_GET_VL),
                N(PR_PAC_RESET_KEYS),
                N(PR_SET_TAGGED_ADDR_CTRL),
                N(PR_GET_TAGGED_ADDR_CTRL),
                N(PR_SET_SYSCALL_USER_DISPATCH),
                {0x53564d41, "PR_SET_VMA"},
                END};
TABLE(idtype) = {N(P_ALL), N(P_PID), N(P_PGID), {3, "P_PIDFD"}, END};
TABLE(sched) = {N(SCHED_OTHER), N(SCHED_FIFO), N(SCHED_RR), N(SCHED_BATCH), N(SCHED_IDLE), END};
TABLE(ipccmd) = {N(IPC_RMID), N(IPC_SET),  N(IPC_STAT), N(IPC_INFO), N(GETPID),
                 N(GETVAL),   N(GETALL),   N(GETNCNT),  N(GETZCNT),  N(SETVAL),
                 N(SETALL),   N(SEM_STAT), N(SEM_INFO), END};
TABLE(futex) = {N(FUTEX_WAIT),           N(FUTEX_WAKE),          N(FUTEX_FD),
                N(FUTEX_REQUEUE),        N(FUTEX_CMP_REQUEUE),   N(FUTEX_WAKE_OP),
                N(FUTEX_LOCK_PI),        N(FUTEX_UNLOCK_PI),     N(FUTEX_TRYLOCK_PI),
                N(FUTEX_WAIT_BITSET),    N(FUTEX_WAKE_BITSET),   N(FUTEX_WAIT_REQUEUE_PI),
                N(FUTEX_CMP_REQUEUE_PI), {13, "FUTEX_LOCK_PI2"}, END};
TABLE(ioctls) = {N(TCGETS),
                 N(TCSETS),
                 N(TCSETSW),
                 N(TCSETSF),
                 N(TCSBRK),
                 N(TCFLSH),
                 N(TIOCGWINSZ),
                 N(TIOCSWINSZ),
                 N(TIOCGPGRP),
                 N(TIOCSPGRP),
                 N(TIOCSCTTY),
                 N(TIOCNOTTY),
                 N(TIOCGPTN),
                 N(TIOCSPTLCK),
                 N(TIOCGSID),
                 N(FIONREAD),
                 N(FIONBIO),
                 N(FIOCLEX),
                 N(FIONCLEX),
                 N(FIOASYNC),
                 {0x8912, "SIOCGIFCONF"},
                 {0x8913, "SIOCGIFFLAGS"},
                 {0x8915, "SIOCGIFADDR"},
                 {0x8927, "SIOCGIFHWADDR"},
                 {0x8933, "SIOCGIFINDEX"},
                 {0x40049409, "FICLONE"},
                 END};

TABLE(open) = {N(O_CREAT),
               N(O_EXCL),
               N(O_NOCTTY),
               N(O_TRUNC),
               N(O_APPEND),
               N(O_NONBLOCK),
               {04010000, "O_SYNC"},
               N(O_DSYNC),
               N(O_ASYNC),
               {020040000, "O_TMPFILE"},
               {ARM64_O_DIRECTORY, "O_DIRECTORY"},
               {ARM64_O_NOFOLLOW, "O_NOFOLLOW"},
               {ARM64_O_DIRECT, "O_DIRECT"},
               {ARM64_O_LARGEFILE, "O_LARGEFILE"},
               N(O_NOATIME),
               N(O_CLOEXEC),
               N(O_PATH),
               END};
TABLE(at) = {
    N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR),        N(AT_SYMLINK_FOLLOW),  N(AT_NO_AUTOMOUNT),
    N(AT_EMPTY_PATH),       N(AT_STATX_FORCE_SYNC), N(AT_STATX_DONT_SYNC), END};
TABLE(access) = {{0, "F_OK"}, N(R_OK), N(W_OK), N(X_OK), END};
TABLE(prot) = {{0, "PROT_NONE"},  N(PROT_READ),       N(PROT_WRITE),
               N(PROT_EXEC),      {0x10, "PROT_BTI"}, {0x20, "PROT_MTE"},
               N(PROT_GROWSDOWN), N(PROT_GROWSUP),    END};
TABLE(map) = {N(MAP_SHARED_VALIDATE), N(MAP_SHARED),    N(MAP_PRIVATE),         N(MAP_FIXED),
              N(MAP_ANONYMOUS),       N(MAP_GROWSDOWN), N(MAP_DENYWRITE),       N(MAP_EXECUTABLE),
              N(MAP_LOCKED),          N(MAP_NORESERVE), N(MAP_POPULATE),        N(MAP_NONBLOCK),
              N(MAP_STACK),           N(MAP_HUGETLB),   N(MAP_FIXED_NOREPLACE), END};
TABLE(mremap) = {N(MREMAP_MAYMOVE), N(MREMAP_FIXED), N(MREMAP_DONTUNMAP), END};
TABLE(clone) = {N(CLONE_VM),
                N(CLONE_FS),
                N(CLONE_FILES),
                N(CLONE_SIGHAND),
                N(CLONE_PIDFD),
                N(CLONE_PTRACE),
                N(CLONE_VFORK),
                N(CLONE_PARENT),
                N(CLONE_THREAD),
                N(CLONE_NEWNS),
                N(CLONE_SYSVSEM),
                N(CLONE_SETTLS),
                N(CLONE_PARENT_SETTID),
                N(CLONE_CHILD_CLEARTID),
                N(CLONE_DETACHED),
                N(CLONE_UNTRACED),
                N(CLONE_CHILD_SETTID),
                N(CLONE_NEWCGROUP),
                N(CLONE_NEWUTS),
                N(CLONE_NEWIPC),
                N(CLONE_NEWUSER),
                N(CLONE_NEWPID),
                N(CLONE_NEWNET),
                N(CLONE_IO),
                END};
TABLE(msg) = {N(MSG_OOB),        N(MSG_PEEK),     N(MSG_DONTROUTE),    N(MSG_CTRUNC),
              N(MSG_TRUNC),      N(MSG_DONTWAIT), N(MSG_EOR),          N(MSG_WAITALL),
              N(MSG_CONFIRM),    N(MSG_ERRQUEUE), N(MSG_NOSIGNAL),     N(MSG_MORE),
              N(MSG_WAITFORONE), N(MSG_FASTOPEN), N(MSG_CMSG_CLOEXEC), END};
TABLE(wait) = {N(WNOHANG),
               N(WUNTRACED),
               N(WEXITED),
               N(WCONTINUED),
               N(WNOWAIT),
               {0x80000000, "__WCLONE"},
               {0x40000000, "__WALL"},
               {0x20000000, "__WNOTHREAD"},
               END};
TABLE(eventfd) = {N(EFD_SEMAPHORE), N(EFD_CLOEXEC), N(EFD_NONBLOCK), END};
TABLE(timerfd) = {N(TFD_TIMER_ABSTIME), N(TFD_TIMER_CANCEL_ON_SET), N(TFD_CLOEXEC), N(TFD_NONBLOCK),
                  END};
TABLE(inotify) = {N(IN_ALL_EVENTS),  N(IN_ACCESS),        N(IN_MODIFY),      N(IN_ATTRIB),
                  N(IN_CLOSE_WRITE), N(IN_CLOSE_NOWRITE), N(IN_OPEN),        N(IN_MOVED_FROM),
                  N(IN_MOVED_TO),    N(IN_CREATE),        N(IN_DELETE),      N(IN_DELETE_SELF),
                  N(IN_MOVE_SELF),   N(IN_ONLYDIR),       N(IN_DONT_FOLLOW), N(IN_EXCL_UNLINK),
                  N(IN_MASK_ADD),    N(IN_ISDIR),         N(IN_ONESHOT),     END};
TABLE(flock) = {N(LOCK_SH), N(LOCK_EX), N(LOCK_UN), N(LOCK_NB), END};
TABLE(falloc) = {N(FALLOC_FL_KEEP_SIZE),
                 N(FALLOC_FL_PUNCH_HOLE),
                 N(FALLOC_FL_COLLAPSE_RANGE),
                 N(FALLOC_FL_ZERO_RANGE),
                 N(FALLOC_FL_INSERT_RANGE),
                 N(FALLOC_FL_UNSHARE_RANGE),
                 END};
TABLE(xattr) = {N(XATTR_CREATE), N(XATTR_REPLACE), END};
TABLE(splice) = {N(SPLICE_F_MOVE), N(SPLICE_F_NONBLOCK), N(SPLICE_F_MORE), N(SPLICE_F_GIFT), END};
TABLE(rename) = {{1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"}, {4, "RENAME_WHITEOUT"}, END};
TABLE(grnd) = {N(GRND_NONBLOCK), N(GRND_RANDOM), {4, "GRND_INSECURE"}, END};
TABLE(memfd) = {N(MFD_CLOEXEC),         N(MFD_ALLOW_SEALING), N(MFD_HUGETLB),
                {8, "MFD_NOEXEC_SEAL"}, {16, "MFD_EXEC"},     END};
TABLE(rwf) = {N(RWF_HIPRI), N(RWF_DSYNC), N(RWF_SYNC), N(RWF_NOWAIT), N(RWF_APPEND), END};
TABLE(closerange) = {N(CLOSE_RANGE_UNSHARE), N(CLOSE_RANGE_CLOEXEC), END};
TABLE(statxmask) = {N(STATX_ALL),    N(STATX_BASIC_STATS), N(STATX_TYPE),   N(STATX_MODE),
                    N(STATX_NLINK),  N(STATX_UID),         N(STATX_GID),    N(STATX_ATIME),
                    N(STATX_MTIME),  N(STATX_CTIME),       N(STATX_INO),    N(STATX_SIZE),
                    N(STATX_BLOCKS), N(STATX_BTIME),       N(STATX_MNT_ID), END};
TABLE(socktype) = {N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_RDM), N(SOCK_SEQPACKET), END};
TABLE(sa) = {N(SA_NOCLDSTOP),
             N(SA_NOCLDWAIT),
             N(SA_SIGINFO),
             {0x04000000, "SA_RESTORER"},
             N(SA_ONSTACK),
             N(SA_RESTART),
             {0x40000000, "SA_NODEFER"},
             {0x80000000, "SA_RESETHAND"},
             END};
TABLE(ss) = {N(SS_ONSTACK), N(SS_DISABLE), {0x80000000, "SS_AUTODISARM"}, END};
TABLE(epollev) = {N(EPOLLIN),     N(EPOLLPRI),     N(EPOLLOUT),           N(EPOLLERR),
                  N(EPOLLHUP),    N(EPOLLRDNORM),  N(EPOLLRDBAND),        N(EPOLLWRNORM),
                  N(EPOLLWRBAND), N(EPOLLMSG),     N(EPOLLRDHUP),         N(EPOLLEXCLUSIVE),
                  N(EPOLLWAKEUP), N(EPOLLONESHOT), {1u << 31, "EPOLLET"}, END};
TABLE(poll) = {N(POLLIN),     N(POLLPRI),    N(POLLOUT),    N(POLLERR),
               N(POLLHUP),    N(POLLNVAL),   N(POLLRDNORM), N(POLLRDBAND),
               N(POLLWRNORM), N(POLLWRBAND), N(POLLRDHUP),  END};

const char *trace_errno_name(int err)
{
    return err == 512 ? "ERESTARTSYS" : strerrorname_np(err);
}

const char *trace_signal_name(int sig)
{
    return sigabbrev_np(sig);
}

#!/usr/bin/env python3
"""--strace of sample.c, line by line.   strace_test.py DEMOTIC CROSS-CC [OPTION...]"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

EXPECTED = r"""
getppid\(\) = \d+
openat\(AT_FDCWD, "/missing/file", O_RDONLY\|O_DIRECTORY\|O_CLOEXEC\) = -1 ENOENT
openat\(AT_FDCWD, "/dev/null", O_RDWR\|O_CREAT\|O_NOFOLLOW, 0640\) = 3
fcntl\(3, F_GETFL\) = 0x\w+|fcntl\(3, F_GETFL\) = \d+
fcntl\(3, F_SETFD, FD_CLOEXEC\) = 0
fstat\(3, \{st_mode=S_IFCHR\|0\d\d\d, st_rdev=makedev\(0x1, 0x3\), \.\.\.\}\) = 0
newfstatat\(AT_FDCWD, "/tmp", \{st_mode=S_IFDIR\|0\d+, st_size=\d+, \.\.\.\}, AT_SYMLINK_NOFOLLOW\) = 0
fstat\(99, 0x\w+\) = -1 EBADF
pipe2\(\[4, 5\], O_NONBLOCK\) = 0
write\(5, "tab\\there, \\"quotes\\", new\\n", 24\) = 24
read\(4, "tab\\there, \\"quotes\\", new\\n", 100\) = 24
writev\(5, \[\{iov_base="one", iov_len=3\}, \{iov_base="a text of more than thirty-two c"\.\.\., iov_len=41\}\], 2\) = 44
write\(5, 0x8, 1\) = -1 EFAULT
nanosleep\(\{tv_sec=0, tv_nsec=1000\}, NULL\) = 0
ppoll\(\[\{fd=4, events=POLLIN\|POLLPRI, revents=POLLIN\}\], 1, \{tv_sec=0, tv_nsec=\d+\}, NULL, 8\) = 1
rt_sigprocmask\(SIG_BLOCK, \[USR1 RT_8\], NULL, 8\) = 0
epoll_create1\(O_CLOEXEC\) = 6
epoll_ctl\(6, EPOLL_CTL_ADD, 4, \{events=EPOLLIN\|EPOLLET, data=0x1234\}\) = 0
epoll_pwait\(6, \[\{events=EPOLLIN, data=0x1234\}\], 1, 0, NULL, 8\) = 1
socketpair\(AF_UNIX, SOCK_DGRAM\|SOCK_CLOEXEC, 0, \[7, 8\]\) = 0
connect\(7, \{sa_family=AF_INET, sin_port=htons\(80\), sin_addr=inet_addr\("127.0.0.1"\)\}, 16\) = -1 E\w+
connect\(7, \{sa_family=AF_UNIX, sun_path="/tmp/no such socket"\}, 110\) = -1 ENOENT
mmap\(NULL, 4096, PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_ANONYMOUS, -1, 0\) = 0x\w+
munmap\(0x\w+, 4096\) = 0
lseek\(3, -1, SEEK_END\) = .*
mkdirat\(AT_FDCWD, "/proc/x", 0755\) = -1 E\w+
exit_group\(3.*
""".strip().splitlines()


def main():
    demotic, cc, *options = sys.argv[1:]
    here = Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as d:
        exe, log = Path(d) / "sample", Path(d) / "log"
        subprocess.run([cc, "-O1", "-static", "-w", "-o", exe, here / "sample.c"], check=True)
        r = subprocess.run([demotic, *options, "--strace", f"--log={log}", exe])
        lines = [re.sub(r"^\d+ ", "", line) for line in log.read_text().splitlines()]
    if r.returncode != 3:
        sys.exit(f"exit status {r.returncode}")
    if sum("unknown system call 3000" in line for line in lines) != 1:
        sys.exit("the unknown call is not named once")
    while lines and not lines[0].startswith("getppid"):
        lines.pop(0)
    lines = [line for line in lines if not line.startswith("demotic: ")]
    for want, line in zip(EXPECTED, lines + [""] * len(EXPECTED)):
        if not re.fullmatch(want, line):
            sys.exit(f"expected {want}\nbut got  {line}")


main()

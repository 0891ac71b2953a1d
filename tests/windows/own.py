"""The C programs of this directory: each asserts many things and counts them."""
import glob
import os
import re

from cases import case, want
from session import Failure

HERE = os.path.dirname(os.path.abspath(__file__))


def counted(out):
    """(passed, failed) of a program's last line"""
    found = re.findall(r'^(\d+) passed, (\d+) failed$', out, re.M)
    return (int(found[-1][0]), int(found[-1][1])) if found else None


def enter(name, on=None):
    @case('own', name, on=on)
    def program(w):
        r = w.run(w.store.program(name, w.arch), timeout=180)
        counts = counted(r.out)
        want(counts, f'status {r.status}, it did not come to its end; {r.out[-1500:]} {r.err[-800:]}')
        if counts[1] or r.status:
            raise Failure(f'status {r.status}; {r.out[-3000:]} {r.err[-500:]}')
        return counts[0]


# Those that launcher.py runs: with a terminal, with pipes, in a root whose Wine is mended (exit.c).
ELSEWHERE = ('arguments.c', 'exit.c', 'interrupted.c', 'streams.c')
ONLY = {'chain': ('i386',)}  # of those for x86
for path in sorted(glob.glob(HERE + '/*.c')):
    if os.path.basename(path) not in ELSEWHERE:
        enter(os.path.basename(path)[:-2])
for path in sorted(glob.glob(HERE + '/x86/*.c*')):
    name = os.path.basename(path).split('.')[0]
    enter('x86/' + name, on=ONLY.get(name, ('amd64', 'i386')))


@case('own', 'arguments')
def arguments(w):
    """What a program is given from Linux: arguments, directory, environment, input, and what it gives back"""
    text = 'C:\\x "quoted" ä%PATH% ^& *.c'
    program = w.store.program('arguments', w.arch)
    r = w.run(program, '-stdin', text, '', 'a\\', 'status=300', stdin=b'one\r\ntwo\r\n', env={'FROM_LINUX': 'a value'})
    wanted = ''.join(f'[{a}]\n' for a in ('-stdin', text, '', 'a\\', 'status=300'))
    wanted += f'in {w.path(w.work)}\nvariable a value\nread one\nread two\n'
    got = r.raw.decode('cp1252').replace('\r\n', '\n')  # Wine's ANSI code page
    want(got == wanted, f'{got!r}, not {wanted!r}')
    want(r.status == 300 & 255, f'status {r.status}')
    want('to stderr' in r.err.split('\n'), f'standard error: {r.err!r}')
    return 4

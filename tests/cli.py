#!/usr/bin/env python3
"""What the command line says to wrong input, and that options do what they say.

    tests/cli.py BUILD

Every case names the exit status and what must be in the messages: one line, which names the file or option.
"""
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import counting
from counting import check

build = Path(sys.argv[1]).resolve()
demotic = build / 'demotic'
cc = 'aarch64-linux-gnu-gcc'
work = tempfile.TemporaryDirectory(prefix='demotic-cli-')
here = Path(work.name)
ENV = {'PATH': '/usr/bin:/bin', 'HOME': str(here), 'LC_ALL': 'C'}


def run(*args, timeout=60, **kw):
    try:
        p = subprocess.run([str(demotic), *map(str, args)], cwd=here, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, errors='replace', timeout=timeout, **kw)
        return p.returncode, p.stdout, p.stderr
    except subprocess.TimeoutExpired:
        return 'time-out', '', ''


def case(name, args, status, *patterns, out=None, lines=1, **kw):
    """status; every pattern is in the messages, which are no more than `lines` lines; out: standard output."""
    got, stdout, stderr = run(*args, **kw)
    good = (got == status and all(re.search(p, stderr) for p in patterns) and stderr.count('\n') <= lines
            and (out is None or stdout == out) and 'internal error' not in stderr)
    check(name, good, f'   demotic {" ".join(map(str, args))}\n   status {got}, expected {status}\n   {stdout!r}\n   {stderr!r}')


def compile(name, source, *flags):
    (here / (name + '.c')).write_text(source)
    subprocess.run([cc, '-O1', '-o', here / name, here / (name + '.c'), *flags], check=True, cwd=here)
    return here / name


def patched(name, base, *changes):
    data = bytearray(base)
    for at, value in changes:
        data[at:at + len(value)] = value
    return made(name, data)


def made(name, data, mode=0o755):
    path = here / name
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pe(machine):
    return b'MZ' + bytes(58) + struct.pack('<I', 64) + b'PE\0\0' + struct.pack('<HHIIIHH', machine, 1, 0, 0, 0, 240, 0x22) + \
        struct.pack('<H', 0x20b) + bytes(66) + struct.pack('<H', 3) + bytes(400)


def main():
    hello = compile('hello', '#include <stdio.h>\nint main(int n, char **v) { printf("hello %d\\n", n); return 3; }', '-static')
    elf = hello.read_bytes()

    # the command line itself
    case('no arguments', [], 64, 'Usage: demotic', lines=20)
    case('unknown option', ['--frobnicate', hello], 64, '--frobnicate', lines=3)
    case('unknown engine', ['--engine', 'foo', hello], 64, "no engine 'foo'.*jit.*interp")
    case('unknown processor', ['--cpu', 'help', hello], 64, "no processor 'help'.*max.*armv8.2.*armv8.0")
    case('cache of no size', ['--cache-size', '0', hello], 64, '--cache-size.*1 to', lines=3)
    case('log not to be written', ['--log', '/nowhere/log', hello], 64, '--log /nowhere/log: No such file')
    case('unknown root', ['--root', 'nowhere', hello], 64, "no root 'nowhere'")
    case('dump of what', ['--dump', 'nonsense', hello], 64, 'nonsense')
    case('works', [hello, 'a', '--engine'], 3, out='hello 3\n', lines=0)
    for engine in ('jit', 'interp'):
        case(f'--engine {engine}', ['--engine', engine, hello], 3, out='hello 1\n', lines=0)
    status, out, err = run('--version')
    check('--version', status == 0 and out.startswith('demotic '), out + err)
    status, out, err = run('--help')
    check('--help', status == 0 and '--engine' in out, out + err)

    # files that are no programs, or not ours
    case('missing', ['./nothing'], 127, r'\./nothing: No such file')
    case('missing in PATH', ['nothing-of-the-kind'], 127, 'not found in PATH')
    case('directory', ['/usr'], 126, '/usr: .*[Ii]s a directory')
    case('empty', [made('empty', b'')], 126, 'is empty')
    case('text', [made('text', b'echo hello\n')], 126, 'text without')
    case('data', [made('data', bytes(range(256)))], 126, 'no program')
    case('not executable', [made('plain', elf, 0o644)], 126, 'Permission denied')
    if os.geteuid():
        case('unreadable', [made('secret', elf, 0o111)], 126, 'Permission denied')
    for size in (4, 19, 63, 64, 100, 4096, len(elf) // 2):
        case(f'ELF cut at {size}', [made('cut', elf[:size])], 126, 'truncated')
    case('object file', [patched('object', elf, (16, b'\1\0'))], 126, 'not a program')
    case('bad program headers', [patched('phdr', elf, (54, b'\1\0'))], 126, 'damaged')
    case('program headers far away', [patched('phoff', elf, (32, b'\xf8' + b'\xff' * 7))], 126, 'truncated|damaged')
    for name, machine, word in (('riscv', 243, 'RISC-V'), ('ppc64', 21, 'PowerPC64'), ('unknown', 4242, 'machine 0x1092')):
        case(name, [patched(name, elf, (18, struct.pack('<H', machine)))], 126, word)
    case('arm32', [patched('arm', elf, (4, b'\1'), (18, struct.pack('<H', 40)))], 126, r'32-bit ELF program for Arm \(32 bit\)')
    case('big-endian', [patched('be', elf, (5, b'\2'), (16, b'\0\2'), (18, b'\0\xb7'))], 126, 'big-endian.*Arm64')
    case('i386 of no use', [made('i386', b'\x7fELF\1\1\1' + bytes(9) + struct.pack('<HHI', 2, 3, 1) + bytes(64))], 126,
         'damaged ELF')
    case('PE for Arm (32 bit)', [made('arm32.exe', pe(0x1c4))], 126, 'Only those for Arm64, x86-64 and i386', lines=3)
    case('PE cut', [made('cut.exe', pe(0xaa64)[:70])], 126, 'truncated', lines=3)
    case('DOS program', [made('dos.exe', b'MZ' + bytes(500))], 126, 'damaged|truncated', lines=3)
    case('script without interpreter', [made('noint', b'#!\n')], 126, 'names no interpreter')
    case('script of a missing interpreter', [made('script', b'#!/nowhere/sh\n')], 127, '/nowhere/sh')
    if not os.path.exists('/lib/ld-linux-aarch64.so.1'):
        dynamic = compile('dynamic', 'int main(void) { return 0; }')
        case('missing ld.so', [dynamic], 127, 'needs /lib/ld-linux-aarch64.so.1.*demotic root create')
        root = here / 'root'
        (root / 'lib').mkdir(parents=True)
        case('missing ld.so in a root', ['--root', root, dynamic], 127, 'ld-linux-aarch64.so.1.*in the root')

    # the user's roots, then the system's
    for place, names in (('.local/share', 'mine both'), ('system', 'both theirs')):
        for name in names.split():
            (here / place / 'demotic/roots' / name).mkdir(parents=True)
    ENV['XDG_DATA_DIRS'] = f'/nowhere::relative:{here}/system'
    status, out, err = run('root', 'list')
    check('root list', status == 0 and sorted(out.split()) == ['both', 'mine', 'theirs'], out + err)
    (here / 'system/demotic/roots/theirs.sources').write_text('no root')
    status, out, err = run('doctor')
    check('doctor: roots', re.search(r'^ok +roots +3 ', out, re.M), out + err)
    for name, place in (('mine', '.local/share'), ('both', '.local/share'), ('theirs', 'system')):
        case(f'root path {name}', ['root', 'path', name], 0, out=f'{here}/{place}/demotic/roots/{name}\n', lines=0)
    case('root path of none', ['root', 'path', 'nowhere'], 1, "no root 'nowhere'")
    tools = here / 'tools'
    tools.mkdir()
    (tools / 'mmdebstrap').write_text('#!/bin/sh\nexec tar -c --mode=755 --transform="s/tools/etc/" -C "$HOME" ./tools\n')
    (tools / 'mmdebstrap').chmod(0o755)
    ENV['PATH'] = f'{tools}:{ENV["PATH"]}'
    case('root create', ['root', 'create', 'theirs'], 0, 'making root .theirs. .*local/share', lines=2)
    check('root create: the files', (here / '.local/share/demotic/roots/theirs/etc/mmdebstrap').exists())
    case('root create once more', ['root', 'create', 'theirs'], 1, 'exists')
    del ENV['XDG_DATA_DIRS']

    # what a program does
    bad = compile('bad', 'int main(void) { __asm__(".inst 0x04200000"); return 0; }', '-static')
    case('unknown instruction', [bad], -4, r'bad: SIGILL: instruction 0x04200000 at 0x[0-9a-f]+ \(.*/bad\+0x[0-9a-f]+\).*report')
    udf = compile('udf', 'int main(void) { __asm__(".inst 0"); return 0; }', '-static')
    case('UDF', [udf], -4, lines=0)
    caught = compile('caught', '#include <signal.h>\n#include <unistd.h>\nstatic void on(int s) { _exit(5); }\n'
                     'int main(void) { signal(SIGILL, on); __asm__(".inst 0x04200000"); return 0; }', '-static')
    case('unknown instruction, handled', [caught], 5, lines=0)
    call = compile('call', '#include <errno.h>\n#include <unistd.h>\nint main(void) { for (int i = 0; i < 3; i++) '
                   'if (syscall(9999) != -1 || errno != ENOSYS) return 1; return 0; }', '-static')
    case('unknown system call', [call], 0, 'unknown system call 9999')

    # processor models
    lse = compile('lse', '#include <sys/auxv.h>\nint main(int n, char **v) { long x = 1; if (n > 1) '
                  '__asm__ volatile(".arch armv8.1-a\\nldadd %0, %0, [%1]" : "+r"(x) : "r"(&x) : "memory"); '
                  'return (getauxval(AT_HWCAP) >> 8 & 1) + 2 * x; }', '-static')
    case('--cpu max', ['--cpu', 'max', lse], 3, lines=0)
    case('--cpu armv8.2', ['--cpu', 'armv8.2', lse], 3, lines=0)
    case('--cpu armv8.0', ['--cpu', 'armv8.0', lse], 2, lines=0)
    case('--cpu armv8.0, LSE', ['--cpu', 'armv8.0', lse, '1'], -4, r'SIGILL: instruction 0xf8.*--cpu')
    start = compile('start', '#include <unistd.h>\nint main(int n, char **v) { chdir("/"); '
                    'return execv(v[1], v + 1); }', '-static')
    case('--cpu is handed on', ['--cpu', 'armv8.0', start, lse], 2, lines=0)
    case('--log', ['--log', 'log', start, call], 0, lines=0)
    log = (here / 'log').read_text() if (here / 'log').exists() else ''
    check('--log: the file', log == 'demotic: unknown system call 9999; the program gets ENOSYS\n', log)

    # a reader of what Demotic says that goes away is nothing to the program
    deaf = compile('deaf', '#include <signal.h>\n#include <unistd.h>\nstatic volatile int seen; static void on(int s) { seen++; }\n'
                   'int main(int n, char **v) { signal(SIGPIPE, n > 1 ? on : SIG_DFL); for (int i = 0; i < 50; i++) getppid(); return 3 + seen; }',
                   '-static')
    for option in ('--strace', '--trace'):
        for handled in ([], ['handled']):
            read, write = os.pipe()
            os.close(read)
            try:
                p = subprocess.run([str(demotic), option, str(deaf), *handled], cwd=here, env=ENV, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=write, timeout=60, restore_signals=True)
                status = p.returncode
            except subprocess.TimeoutExpired:
                status = 'time-out'
            os.close(write)
            check(f'{option} into a pipe that nobody reads {handled}', status == 3, f'   status {status}')

    # names for perf
    named = compile('named', '#include <stdio.h>\n#include <unistd.h>\n__attribute__((noinline)) int answer(int x) { return x * 6; }\n'
                    'int main(int n, char **v) { printf("%d %d\\n", getpid(), answer(n)); return 0; }', '-static')
    status, out, err = run('--dump=perf', named)
    path = Path(f'/tmp/perf-{out.split()[0] if out else 0}.map')
    names = path.read_text() if path.exists() else ''
    path.unlink(missing_ok=True)
    check('--dump=perf', status == 0 and re.search(r'^[0-9a-f]+ [0-9a-f]+ answer\+0 \[named\]$', names, re.M) and not err, names[:2000] + err)
    status, out, err = run('--dump=counts', named)
    counted = re.findall(r'^count [0-9a-f]+ (\d+)(?: dead=[-\d,]+)?((?: [0-9a-f]{8})+)$', err, re.M)
    check('--dump=counts', status == 0 and len(counted) > 100 and all(int(n) for n, _ in counted) and max(int(n) for n, _ in counted) >= 5, err[:2000])

    # the code cache is bounded
    code = here / 'code'
    subprocess.run([cc, '-O1', '-static', '-pthread', '-o', code, Path(__file__).parent / 'linux' / 'code.c'], check=True)
    for engine in ('jit', 'interp'):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        status, out, err = run('--engine', engine, '--cache-size', '1', '--stats', code, timeout=120)
        evicted = re.search(r'(\d+)\s+chunks of the code cache evicted', err)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        check(f'{engine}, cache of 1 MiB', status == 0 and evicted and int(evicted.group(1)) > 100 and 'not ok' not in out
              and (most <= 96 << 10 or most == before), f'   status {status}, {most} KiB resident\n{out}\n{err}')

    return counting.finish()


if __name__ == '__main__':
    sys.exit(main())

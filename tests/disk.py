#!/usr/bin/env python3
"""Translations kept on disk: the same output cold and warm, code that changed is never run as it was, damage is survived.

    tests/disk.py BUILD
"""
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import counting
from counting import check

build = Path(sys.argv[1]).resolve()
demotic = build / 'demotic'
work = tempfile.TemporaryDirectory(prefix='demotic-disk-')
here = Path(work.name)
ENV = {'PATH': '/usr/bin:/bin', 'HOME': str(here / 'home'), 'LC_ALL': 'C'}
(here / 'home').mkdir()


def compile(name, source, *flags):
    (here / (name + '.c')).write_text(source)
    subprocess.run(['aarch64-linux-gnu-gcc', '-O1', '-static', '-o', here / name, here / (name + '.c'), *flags], check=True)
    return here / name


def start(*args, env={}, **kw):
    return subprocess.Popen([str(demotic), *map(str, args)], cwd=here, env={**ENV, **env}, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace', **kw)


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def stat(self, what):
        return sum(int(n) for n in re.findall(rf'^ *(\d+)  {what}$', self.err, re.M))

    @property
    def made(self):
        return self.stat('units translated')

    @property
    def taken(self):
        return self.stat('units taken from disk')

    @property
    def rejected(self):
        return self.stat('units on disk made from other bytes')

    def __str__(self):
        return f'status {self.status}, {self.made} made, {self.taken} taken, {self.rejected} rejected\n   {self.out!r}\n   {self.err[-400:]!r}'


def run(*args, **kw):
    p = start(*args, **kw)
    try:
        out, err = p.communicate('', timeout=60)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        return Result('time-out', out, err)
    return Result(p.returncode, out, err)


def fresh(name):
    d = here / ('kept-' + name)
    subprocess.run(['rm', '-rf', d])
    return d


def files(d):
    return sorted(d.glob('*.translations')) if d.is_dir() else []


HELLO = r'''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
__attribute__((noinline)) int answer(void) { return 4242; }
int main(int argc, char **argv)
{
    int v[200];
    for (int i = 0; i < 200; i++)
        v[i] = i * 7919 % 1000;
    qsort(v, 200, sizeof *v, compare);
    unsigned h = 0;
    for (int i = 0; i < 200; i++)
        h = h * 31 + v[i];
    printf("%u %g %d\n", h, v[7] / 3.0, answer());
    if (argc > 1) { /* more code, later */
        getchar();
        char text[100];
        snprintf(text, sizeof text, "%a %s %o", 1.5, strerror(2), 511);
        puts(text);
    }
    return 0;
}
'''


def test_warm():
    d = fresh('warm')
    plain = run('--no-disk-cache', hello)
    cold = run('--stats', '--disk-cache', d, hello)
    warm = run('--stats', '--disk-cache', d, hello)
    check('cold', cold.out == plain.out and cold.made > 100 and cold.taken == 0, cold)
    check('warm', warm.out == plain.out and warm.taken > 100 and warm.made < 10, warm)
    trips = warm.stat('look-ups by the engine')
    check('many are taken at a time, and linked', 3 * trips < cold.stat('look-ups by the engine') and 2 * trips < warm.taken, (trips, warm))
    for engine in ('interp', 'jit'):
        for option in ('--no-link', '--no-opt', '--chaos=3', '--cache-size=1', '--max-insns=2'):
            for _ in range(2):
                r = run('--engine', engine, option, '--disk-cache', d, hello)
                check(f'{engine} {option}', r.out == plain.out and r.status == 0, r)
    r = run('--stats', '--disk-cache', d, '--max-insns=3', hello)
    check('options that make other code do not share units', r.taken == 0, r)
    for _ in range(2):
        r = run('--disk-cache', d, '--stats', hello, env={'DEMOTIC_X64_FEATURES': '0'})
        check('another processor', r.out == plain.out, r)
    check('another processor has units of its own', r.taken > 100, r)


def test_where():
    r = run(hello)
    check('default directory', files(here / 'home/.cache/demotic'), list(here.rglob('*.translations')))
    r = run(hello, env={'XDG_CACHE_HOME': str(here / 'xdg')})
    check('XDG_CACHE_HOME', files(here / 'xdg/demotic'))
    check('mode', (here / 'xdg/demotic').stat().st_mode & 0o777 == 0o700)
    r = run(hello, env={'DEMOTIC_DISK_CACHE': str(here / 'named')})
    check('DEMOTIC_DISK_CACHE', files(here / 'named'))
    subprocess.run(['rm', '-rf', here / 'home/.cache', here / 'xdg'])
    for kw in ({'env': {'DEMOTIC_DISK_CACHE': 'no'}}, {'env': {'HOME': '/nonexistent'}}):
        r = run(hello, **kw)
        check(f'none: {kw}', r.status == 0 and not r.err and not (here / 'home/.cache').exists(), r)
    run('--no-disk-cache', hello)
    check('--no-disk-cache', not (here / 'home/.cache').exists())
    check('no home made', not Path('/nonexistent').exists())


def test_ours():
    d = fresh('ours')
    run('--disk-cache', d, hello)
    d.chmod(0o777)
    r = run('--stats', '--disk-cache', d, hello)
    check('writable by others', r.status == 0 and r.taken == 0 and re.search('ours: translations are not kept there: it must', r.err), r)
    d.chmod(0o700)
    for f in files(d):
        f.chmod(0o666)
    r = run('--stats', '--disk-cache', d, hello)
    check('file writable by others', r.status == 0 and r.taken == 0, r)
    r = run('--disk-cache', '/proc/nothing', hello)
    check('cannot be made', r.status == 0 and re.search('/proc/nothing: translations cannot be kept there', r.err), r)


def test_changed():
    """An instruction of the program is another, its size and times are not."""
    d = fresh('changed')
    program = compile('changed', HELLO)
    first = run('--disk-cache', d, program)
    was = program.stat()
    data = bytearray(program.read_bytes())
    mov = (0x52800000 | 4242 << 5).to_bytes(4, 'little')  # mov w0, #4242
    at = data.find(mov)
    check('one place to change', at >= 0 and data.find(mov, at + 4) < 0)
    with open(program, 'r+b') as f:
        f.seek(at)
        f.write((0x52800000 | 4243 << 5).to_bytes(4, 'little'))
    os.utime(program, ns=(was.st_atime_ns, was.st_mtime_ns))
    now = program.stat()
    check('looks the same', (was.st_ino, was.st_size, was.st_mtime_ns) == (now.st_ino, now.st_size, now.st_mtime_ns))
    for i in range(3):
        r = run('--stats', '--disk-cache', d, program)
        check(f'changed program, run {i}', r.out == first.out.replace('4242', '4243') and r.taken > 100, r)
        check(f'changed program, run {i}: rejected', r.rejected >= (i == 0) and r.rejected < 20, r)


PATCH = r'''
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
__attribute__((noinline, aligned(4096))) int answer(int n) { return n + 1; }
__attribute__((noinline, aligned(4096))) int after(int n) { return n; }
int main(void)
{
    int sum = answer(1);
    for (int i = 0; i < 40; i++) {
        uint32_t *p = (uint32_t *)answer;
        mprotect(p, 4096, PROT_READ | PROT_WRITE);
        *p = 0x11000000 | (unsigned)(i % 20) << 10; /* add w0, w0, #i */
        mprotect(p, 4096, PROT_READ | PROT_EXEC);
        __builtin___clear_cache((char *)p, (char *)p + 4);
        sum = sum * 3 + answer(i) + after(i);
    }
    printf("%d\n", sum);
}
'''


def test_patched():
    """Pages of the program that it changes itself (text relocations, breakpoints)."""
    d = fresh('patched')
    program = compile('patch', PATCH)
    plain = run('--no-disk-cache', program)
    for i in range(4):
        r = run('--stats', '--disk-cache', d, program)
        check(f'patched, run {i}', r.status == 0 and r.out == plain.out and r.out.strip(), r)
    check('patched: the rest is taken', r.taken > 100, r)


def test_at_once():
    d = fresh('at-once')
    plain = run('--no-disk-cache', hello)
    for _ in range(3):
        running = [start('--disk-cache', d, hello) for _ in range(6)]
        for p in running:
            out, err = p.communicate('', timeout=60)
            check('at once', p.returncode == 0 and out == plain.out and not err, (p.returncode, out, err))
    r = run('--stats', '--disk-cache', d, hello)
    check('after many at once', r.taken > 100 and r.made < 10, r)


def test_killed():
    """Killed at any time, also while writing."""
    d = fresh('killed')
    plain = run('--no-disk-cache', hello)
    rng = random.Random(1)
    written = 0
    for _ in range(60):
        if rng.random() < 0.5:
            fresh('killed')
        p = start('--disk-cache', d, hello)
        time.sleep(rng.uniform(0.001, 0.06))
        p.kill()
        p.communicate()
        written += len(files(d))
        r = run('--disk-cache', d, 'cache', 'stat')
        check('whole after a kill', r.status == 0 and ' 0 damaged' in r.out, r)
    r = run('--disk-cache', d, hello)
    check('runs after kills', r.out == plain.out, r)


def test_damaged():
    d = fresh('damaged')
    plain = run('--no-disk-cache', hello)
    run('--disk-cache', d, hello)
    kept = {f: f.read_bytes() for f in files(d)}
    rng = random.Random(2)
    for i in range(60):
        for f, data in kept.items():
            bad = bytearray(data)
            if i % 4 == 0:
                bad = bad[:rng.randrange(len(bad))]
            elif i % 4 == 1:
                at = rng.randrange(len(bad)) & ~15
                bad[at:at + 4096] = rng.randbytes(len(bad[at:at + 4096]))
            else:
                for _ in range(rng.choice((1, 10, 1000))):
                    bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            f.write_bytes(bad)
        for k in range(2):
            r = run('--disk-cache', d, hello)
            check(f'damaged {i}', r.status == 0 and r.out == plain.out and not r.err, r)
    # Rebuilt: what is damaged was replaced.
    for f, data in kept.items():
        f.write_bytes(data[:100])
    run('--disk-cache', d, hello)
    r = run('--stats', '--disk-cache', d, hello)
    check('rebuilt', r.taken > 100 and r.made < 10, r)


def test_swapped():
    """One program's file under the name of another's, both used before."""
    d = fresh('swapped')
    other = compile('other', HELLO.replace('4242', '1717'))
    run('--disk-cache', d, hello)
    mine = files(d)
    run('--disk-cache', d, other)
    theirs = [f for f in files(d) if f not in mine]
    check('two files', len(mine) == 1 and len(theirs) == 1, files(d))
    mine[0].rename(here / 'x')
    theirs[0].rename(mine[0])
    (here / 'x').rename(theirs[0])
    for program in (hello, other):
        r = run('--stats', '--disk-cache', d, program)
        check('swapped', r.out == run('--no-disk-cache', program).out and r.taken == 0, r)


def test_truncated_while_used():
    d = fresh('truncated')
    run('--disk-cache', d, hello, 'more')
    plain = run('--no-disk-cache', hello, 'more')
    p = start('--disk-cache', d, hello, 'more')
    time.sleep(0.5)
    for f in files(d):
        os.truncate(f, 0)
    out, err = p.communicate('', timeout=60)
    check('truncated while it is mapped', p.returncode == 0 and out == plain.out, (p.returncode, out, err))


def test_no_room():
    d = fresh('small')
    plain = run('--no-disk-cache', hello)
    r = run('--disk-cache', d, hello, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)))
    check('limit on the size of files', r.status == 0 and r.out == plain.out and not r.err and not files(d), r)
    check('nothing left of it', not list(d.iterdir()) if d.is_dir() else True)
    disk = here / 'full'
    disk.mkdir()
    if os.geteuid() == 0 and subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', disk], capture_output=True).returncode == 0:
        try:
            for _ in range(2):
                r = run('--disk-cache', disk, hello)
                check('full disk', r.status == 0 and r.out == plain.out and not r.err, r)
            check('full disk: nothing left', not list(disk.iterdir()), list(disk.iterdir()))
        finally:
            subprocess.run(['umount', disk], check=True)
    big = fresh('bound')
    for i in range(6):
        run('--disk-cache', big, '--disk-cache-size', '1', compile(f'bound{i}', HELLO.replace('4242', str(100 + i))))
    size = sum(f.stat().st_blocks * 512 for f in files(big))
    check('bounded', files(big) and size <= 1 << 20, size)


EXEC = r'''
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv)
{
    int status = 0;
    pid_t pid = fork();
    if (!pid) {
        if (argc > 2)
            printf("%s %d\n", "in the child", getppid() == 1);
        fflush(stdout);
        execv(argv[1], argv + 1);
    }
    waitpid(pid, &status, 0);
    if (posix_spawn(&pid, argv[1], NULL, NULL, argv + 1, environ) == 0)
        waitpid(pid, &status, 0);
    execv(argv[1], (char *[]){argv[1], NULL});
    return 1;
}
'''


def test_exec():
    d = fresh('exec')
    program = compile('exec', EXEC)
    plain = run('--no-disk-cache', program, hello)
    cold = run('--stats', '--disk-cache', d, program, hello)
    warm = run('--stats', '--disk-cache', d, program, hello)
    check('exec, cold', cold.status == 0 and cold.out == plain.out, cold)
    check('exec, warm', warm.out == plain.out and warm.made < 40 and warm.taken > 300, warm)
    check('exec: files of both', len(files(d)) == 2, files(d))


SECTION = r'''
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#define SIZE 131072
int main(int argc, char **argv)
{
    int fd = open(argv[1], O_RDONLY);
    uint8_t *p = mmap((void *)0x150000000, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pread(fd, p, SIZE, 512) != SIZE || mprotect(p, SIZE, PROT_READ | PROT_EXEC))
        return 1;
    __builtin___clear_cache((char *)p, (char *)p + SIZE);
    unsigned long sum = 0;
    for (int i = 0; i < SIZE / 256; i++)
        sum = sum * 4 + ((unsigned long (*)(unsigned long))(p + 256 * i))(sum);
    printf("%lx\n", sum);
}
'''


def test_section():
    """Code that a program reads into fresh memory from a file, at an offset that is not page aligned."""
    d = fresh('section')
    program = compile('reader', SECTION)
    section = here / 'section'
    data = bytearray(512 + 131072)
    for i in range(512):  # add x0, x0, #i; ret
        data[512 + 256 * i:520 + 256 * i] = (0x91000000 | i << 10).to_bytes(4, 'little') + (0xd65f03c0).to_bytes(4, 'little')
    section.write_bytes(data)
    plain = run('--no-disk-cache', program, section)
    cold = run('--stats', '--disk-cache', d, program, section)
    warm = run('--stats', '--disk-cache', d, program, section)
    check('section, cold', cold.status == 0 and cold.out == plain.out and cold.made > 512, cold)
    check('section, warm', warm.out == plain.out and warm.made < 20 and warm.taken > 512, warm)
    was = section.stat()
    data[512 + 256 * 100:516 + 256 * 100] = (0x91000000 | 999 << 10).to_bytes(4, 'little')
    section.write_bytes(data)
    os.utime(section, ns=(was.st_atime_ns, was.st_mtime_ns))
    changed = run('--stats', '--disk-cache', d, program, section)
    check('section, changed', changed.out == run('--no-disk-cache', program, section).out != plain.out and changed.rejected == 1,
          changed)


CHILDREN = r'''
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    int total = 0;
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (!pid) {
            char text[200]; /* code that only children run */
            snprintf(text, sizeof text, "%a %.3e %s %lo", 1.5 * i, 2.25, strerror(i), 511l);
            _exit(strlen(text));
        }
        int status;
        waitpid(pid, &status, 0);
        total += WEXITSTATUS(status);
    }
    printf("%d\n", total);
}
'''


def test_children():
    """What one child of fork made the next takes, and does not write again."""
    d = fresh('children')
    program = compile('children', CHILDREN)
    plain = run('--no-disk-cache', '--stats', program)
    cold = run('--stats', '--disk-cache', d, program)
    check('children, cold', cold.out == plain.out and cold.taken > 200 and cold.made < plain.made, (cold, plain.made))
    warm = run('--stats', '--disk-cache', d, program)
    check('children, warm', warm.out == plain.out and warm.made < 100, warm)


FORKS = r'''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    for (int i = 0; i < atoi(argv[1]); i++) {
        if (!fork()) {
            char text[200]; /* code that only children run */
            snprintf(text, sizeof text, "%a %.3e %s %lo", 1.5 * i, 2.25, strerror(i), 511l);
            _exit(0);
        }
        wait(NULL);
    }
    write(1, "done\n", 5);
    return 0;
}
'''


def test_forks():
    """A parent makes what its first child needed before it forks again, and the next child makes nothing."""
    program = compile('forks', FORKS)
    counts = []
    for n in '1', '2', '3':
        r = run('--no-disk-cache', '--stats', program, n)
        check(f'forks {n}', r.status == 0 and r.out == 'done\n', r)
        made = [int(m) for m in re.findall(r'(\d+)  units translated', r.err)]
        counts.append((made[-1], made[:-1]))  # the parent's, the children's
    (once, (first,)), (_, second), (thrice, third) = counts
    check('the first child makes what it needs', first - once > 100, counts)
    check('then the parent has it', thrice >= first and thrice - once > 100, counts)
    check('and the third child makes little', third[2] - thrice < 20, counts)


def test_command():
    d = fresh('command')
    r = run('--disk-cache', d, 'cache', 'warm', hello)
    check('cache warm', r.status == 0 and r.out == run('--no-disk-cache', hello).out and files(d), r)
    r = run('--disk-cache', d, 'cache', 'stat')
    check('cache stat', re.search(r'1 files, \d{3,} units, \d+ of at most 524288 KiB; 0 damaged, 0 unfinished', r.out), r)
    files(d)[0].write_bytes(b'x' * 1000)
    r = run('--disk-cache', d, 'cache', 'stat')
    check('cache stat: damaged', '1 damaged' in r.out, r)
    (d / 'mine').write_text('not a file of translations')
    r = run('--disk-cache', d, 'cache', 'clear')
    check('cache clear', r.status == 0 and 'removed 1 files' in r.out and [f.name for f in d.iterdir()] == ['mine'], r)
    for bad in ([], ['what'], ['warm'], ['stat', 'more']):
        r = run('cache', *bad)
        check(f'cache {bad}', r.status == 64 and r.err.count('\n') == 1, r)


hello = compile('hello', HELLO)
for test in [v for k, v in list(globals().items()) if k.startswith('test_')]:
    test()
sys.exit(counting.finish())

#!/usr/bin/env python3
"""Times the same programs natively, under QEMU's user mode and under Demotic.

Demotic runs twice: cold, with nothing kept on disk and keeping what it makes, and warm, with what was kept before.
All are run in turn, round after round; what counts is the ratio of CPU times (user + system, children
included) within a round, and the median of those ratios: absolute times of a shared machine mean nothing.
Every run's output must equal the native one's.

    bench/run.py --demotic build/demotic [--qemu qemu-aarch64] [--rounds 5] [--only REGEX] [--write docs/performance.md]

Programs other than the C kernels are Debian's, in two roots of the same suite made with mmdebstrap (once) under
--roots: the guest's in arm64, the native ones in amd64.
"""
import argparse
import datetime
import math
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = 'base-files,bash,dash,coreutils,busybox,python3,luajit,sqlite3,xz-utils,zstd,openssl,perl,7zip'
SUITE = 'trixie'

PYTHON = '''
import json, re, random
random.seed(1)
def nq(n):
    def place(r, c, d, e):
        return 1 if r == n else sum(place(r + 1, c | 1 << i, d | 1 << (r + i), e | 1 << (r - i + n))
                                    for i in range(n) if not (c >> i & 1 or d >> (r + i) & 1 or e >> (r - i + n) & 1))
    return place(0, 0, 0, 0)
words = [''.join(random.choice('abcdefgh') for _ in range(6)) for _ in range(20000)]
count = {}
for w in words: count[w[:2]] = count.get(w[:2], 0) + 1
text = json.dumps(sorted(count.items()))
x = 0.0
for i in range(300000): x += (i % 7) * 0.5
print(nq(7), len(text), len(re.findall('[aeiou]+', ' '.join(words))), x, sum(json.loads(text)[0][1:]))
'''
LUA = '''
local function life(n) local a = {} for i = 0, n do a[i] = (i * 7919) % 3 == 0 and 1 or 0 end
  for g = 1, 60 do local b = {} for i = 0, n do local s = (a[i-1] or 0) + a[i] + (a[i+1] or 0) b[i] = s == 1 and 1 or 0 end a = b end
  local s = 0 for i = 0, n do s = s + a[i] end return s end
local function mandel(n) local c = 0 for y = 0, n-1 do for x = 0, n-1 do local cr, ci, zr, zi, k = 2*x/n-1.5, 2*y/n-1, 0, 0, 0
  while k < 50 and zr*zr+zi*zi < 4 do zr, zi, k = zr*zr-zi*zi+cr, 2*zr*zi+ci, k+1 end c = c + k end end return c end
local t = {} for i = 1, 60000 do t[#t+1] = string.format("%x", i*i) end
print(life(30000), mandel(300), #table.concat(t))
'''
SQL = '''create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i < 60000)
insert into t select i, hex(i*7919), i*0.5 from n;
create index tb on t(b);
select count(*), sum(c), max(b) from t where b like '%A%';
select sum(x.a) from t x join t y on x.b = y.b where y.a % 3 = 0;
'''


def programs(work):
    """(name, arguments, standard input): the first argument is a path in a root."""
    sample = os.path.join(work, 'sample')
    if not os.path.exists(sample):
        with open(sample, 'w') as f:
            for i in range(60000):
                f.write('%d %x the quick brown fox %d\n' % (i, i * i * 7919, i % 97))
    return [
        ('cpython', ['/usr/bin/python3', '-c', PYTHON], None),
        ('luajit', ['/usr/bin/luajit', '-e', LUA], None),
        ('luajit -joff', ['/usr/bin/luajit', '-joff', '-e', LUA], None),
        ('sqlite', ['/usr/bin/sqlite3', ':memory:'], SQL.encode()),
        ('xz', ['/usr/bin/xz', '-2', '-c', sample], None),
        ('zstd', ['/usr/bin/zstd', '-9', '-q', '-c', sample], None),
        ('perl', ['/usr/bin/perl', '-e', 'my %h; $h{$_ % 1000} .= sprintf("%x,", $_ * $_) for 1..300000; my $n = 0;'
                  ' for (values %h) { $n++ while /1[0-9]*a/g } print "$n\\n"'], None),
        ('sha256', ['/usr/bin/openssl', 'dgst', '-sha256', sample], None),
        ('start: true', ['/usr/bin/true'], None),
        ('start: busybox', ['/usr/bin/busybox', 'true'], None),
        ('start: perl', ['/usr/bin/perl', '-e', '1'], None),
        ('start: sqlite', ['/usr/bin/sqlite3', ':memory:', '.quit'], None),
        ('start: bash', ['/usr/bin/bash', '-c', 'echo hello'], None),
        ('start: python', ['/usr/bin/python3', '-c', 'print(1)'], None),
        ('fork+exec', ['/usr/bin/bash', '-c', 'for i in {1..40}; do /usr/bin/true; done; echo done'], None),
    ]


def make_root(path, arch):
    if not os.path.exists(path):
        print(f'making the {arch} root {path} …', file=sys.stderr)
        subprocess.run(['mmdebstrap', '--quiet', f'--arch={arch}', '--variant=extract', f'--include={PACKAGES}', SUITE,
                        path + '.part'], check=True)
        os.rename(path + '.part', path)


def run(command, stdin, env):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run(command, input=stdin if stdin is not None else b'', stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       env={**os.environ, **env}, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, p.returncode, p.stdout, p.stderr)


def geomean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


def native_in(root, args):
    """A native program of the other root, without privileges: through that root's own loader."""
    lib = f'{root}/usr/lib/x86_64-linux-gnu'
    return [f'{root}/lib64/ld-linux-x86-64.so.2', '--library-path', lib, '--argv0', args[0], root + args[0]] + args[1:]


def collect(o):
    tests = []
    kernels = {}
    for name, cc in (('x86_64', o.cc), ('arm64', o.cross)):
        kernels[name] = os.path.join(o.work, 'kernels-' + name)
        subprocess.run([cc, '-O2', '-ffp-contract=off', '-static', '-o', kernels[name], os.path.join(HERE, 'kernels.c'),
                        '-lpthread'], check=True)
    for k in subprocess.run([kernels['x86_64']], stdout=subprocess.PIPE, check=True, text=True).stdout.split():
        tests.append(('C: ' + k, None, {
            'native': ([kernels['x86_64'], k, str(o.scale)], {}),
            'qemu': ([o.qemu, kernels['arm64'], k, str(o.scale)], {}),
            'cold': ([o.demotic, kernels['arm64'], k, str(o.scale)], {}),
            'warm': ([o.demotic, kernels['arm64'], k, str(o.scale)], {})}))
    if o.kernels_only:
        return tests
    guest, native = os.path.join(o.roots, 'bench-arm64'), os.path.join(o.roots, 'bench-amd64')
    make_root(guest, 'arm64')
    make_root(native, 'amd64')
    for name, args, stdin in programs(o.work):
        # QEMU cannot follow an exec without a registered interpreter: it gets the loop's program through itself.
        qargs = [a.replace('/usr/bin/true;', f'{o.qemu} -L {guest} {guest}/usr/bin/true;') for a in args]
        nargs = [a.replace('/usr/bin/true;', ' '.join(native_in(native, ['/usr/bin/true'])) + ';') for a in args]
        home = {'PYTHONHOME': '/usr'} if 'python' in args[0] else {}
        nhome = {'PYTHONHOME': native + '/usr'} if home else {}
        tests.append((name, stdin, {
            'native': (native_in(native, nargs), nhome),
            'qemu': ([o.qemu, '-L', guest, guest + qargs[0]] + qargs[1:], {'PYTHONHOME': guest + '/usr'} if home else {}),
            'cold': ([o.demotic, '--root', guest] + args, home),
            'warm': ([o.demotic, '--root', guest] + args, home)}))
    return tests


def measure(o, tests):
    rows = []
    for name, stdin, commands in tests:
        if o.only and not re.search(o.only, name):
            continue
        ratios = {'qemu': [], 'cold': [], 'warm': []}
        bad = None
        native_times = []
        for r in range(o.rounds + 1):  # the first round warms up
            times, want = {}, None
            for who in ('native', 'qemu', 'cold', 'warm'):
                command, env = commands[who]
                kept = os.path.join(o.work, 'kept-' + who)
                if who == 'cold':
                    shutil.rmtree(kept, ignore_errors=True)
                env = {**env, 'DEMOTIC_DISK_CACHE': kept}
                t, status, out, err = run(command, stdin, env)
                times[who] = t
                if who == 'native':
                    want = (status, out)
                    if status:
                        bad = f'native: status {status} {err[-200:]}'
                elif (status, out) != want:
                    bad = f'{who}: status {status}, output differs; {err[-200:].decode(errors="replace")}'
            if bad and not bad.startswith('qemu'):
                break
            if r:
                native_times.append(times['native'])
                for who in ratios:
                    ratios[who].append(times[who] / max(times['native'], 1e-4))
        row = (name, statistics.median(native_times) if native_times else None,
               statistics.median(ratios['qemu']) if ratios['qemu'] else None,
               statistics.median(ratios['cold']) if ratios['cold'] else None,
               statistics.median(ratios['warm']) if ratios['warm'] else None, bad)
        rows.append(row)
        show = lambda v: '   -  ' if v is None else f'{v:6.2f}'
        print(f'{name:16} native {show(row[1])} s   qemu {show(row[2])} x   demotic cold {show(row[3])} x   warm {show(row[4])} x   {bad or ""}', flush=True)
    return rows


def summary(rows):
    good = [r for r in rows if r[2] and r[3] and r[4]]
    lines = []
    for title, pick in (('C kernels', lambda n: n.startswith('C:')), ('programs', lambda n: not n.startswith('C:') and ':' not in n and n != 'fork+exec'),
                        ('start-up and fork+exec', lambda n: n.startswith('start') or n == 'fork+exec'), ('all', lambda n: True)):
        part = [r for r in good if pick(r[0])]
        if part:
            q, c, w = (geomean([r[i] for r in part]) for i in (2, 3, 4))
            lines.append((title, len(part), q, c, w, q / w))
    return lines


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', default='build/demotic')
    p.add_argument('--qemu', default=os.environ.get('DEMOTIC_QEMU', 'qemu-aarch64'))
    p.add_argument('--cc', default='gcc')
    p.add_argument('--cross', default='aarch64-linux-gnu-gcc')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--scale', type=int, default=1)
    p.add_argument('--only')
    p.add_argument('--kernels-only', action='store_true')
    p.add_argument('--roots', default='build/roots')
    p.add_argument('--work', default='build/bench')
    p.add_argument('--write', help='Markdown file for the result')
    o = p.parse_args()
    o.work, o.roots = os.path.abspath(o.work), os.path.abspath(o.roots)
    o.demotic = os.path.abspath(o.demotic)
    os.makedirs(o.work, exist_ok=True)
    os.makedirs(o.roots, exist_ok=True)
    if not shutil.which(o.qemu):
        sys.exit(f'{o.qemu} not found: install qemu-user, or name it with --qemu or DEMOTIC_QEMU')
    os.environ['QEMU_CPU'] = 'neoverse-n1'
    rows = measure(o, collect(o))
    lines = summary(rows)
    for title, n, q, c, w, f in lines:
        print(f'{title} ({n}): qemu {q:.2f}, demotic cold {c:.2f}, warm {w:.2f}; warm is {f:.2f} times as fast as qemu')
    slower = [r[0] for r in rows if r[2] and r[3] and r[3] > 1.1 * r[2]] # cold
    print('slower than qemu by more than a tenth: ' + (', '.join(slower) or 'none'))
    if o.write:
        write(o, rows, lines, slower)


def cpu_model():
    with open('/proc/cpuinfo') as f:
        return re.search(r'model name\s*: (.*)', f.read()).group(1)


def write(o, rows, lines, slower):
    version = subprocess.run([o.qemu, '--version'], stdout=subprocess.PIPE, text=True).stdout.split('\n')[0]
    with open(o.write, 'w') as f:
        f.write(f'''# Performance

CPU time as a ratio to the native build of the same program (1 is native speed), medians of {o.rounds} rounds in which native,
QEMU and Demotic run in turn. Cold: nothing was kept on disk, and what is translated is written there; warm: translations
come from there, as in every run but a program's first. Made by `make bench` on {datetime.date.today()}, {cpu_model()}, Linux {platform.release()},
{version} with QEMU_CPU=neoverse-n1.

| program | native, s | QEMU | Demotic cold | Demotic warm | QEMU / warm |
| --- | --- | --- | --- | --- | --- |
''')
        for name, t, q, c, w, bad in rows:
            cell = lambda v: '–' if v is None else f'{v:.2f}'
            f.write(f'| {name} | {cell(t)} | {cell(q)} | {cell(c)} | {cell(w)} | {cell(q / w) if q and w else bad} |\n')
        f.write('\n| geometric mean | programs | QEMU | Demotic cold | Demotic warm | QEMU / warm |\n'
                '| --- | --- | --- | --- | --- | --- |\n')
        for title, n, q, c, w, r in lines:
            f.write(f'| {title} | {n} | {q:.2f} | {c:.2f} | {w:.2f} | {r:.2f} |\n')
        f.write(f'\nSlower than QEMU by more than a tenth, cold: {", ".join(slower) or "none"}.\n')


if __name__ == '__main__':
    main()

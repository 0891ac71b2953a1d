#!/usr/bin/env python3
"""Times the same programs natively, under QEMU's user mode and under Demotic.

Demotic runs twice: cold, with nothing kept on disk and keeping what it makes, and warm, with what was kept before.
All are run in turn, round after round; what counts is the ratio of CPU times (user + system, children
included) within a round, and the median of those ratios: absolute times of a shared machine mean nothing.
Every run's output must equal the native one's.

    bench/run.py --demotic build/demotic [--qemu qemu-aarch64] [--rounds 5] [--only REGEX] [--write docs/performance.md]

What is run is in suite.py.  Programs other than the C kernels are Debian's, in two roots of the same suite made with
mmdebstrap (once) under --roots: the guest's in arm64, the native ones in amd64.  Results are kept in WORK/results.json;
--report only writes the page from there.
"""
import argparse
import datetime
import hashlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys

import report
import suite
import translation

HERE = os.path.dirname(os.path.abspath(__file__))
WAYS = ('native', 'qemu', 'cold', 'warm')


def make_root(path, arch):
    """Also anew, if it was made with other packages"""
    stamp = path + '.packages'
    if os.path.exists(path) and (not os.path.exists(stamp) or open(stamp).read() == suite.PACKAGES):
        return
    print(f'making the {arch} root {path} …', file=sys.stderr)
    for old in (path, path + '.part'):
        subprocess.run(['rm', '-rf', '--one-file-system', old], check=True)
    subprocess.run(['mmdebstrap', '--quiet', f'--arch={arch}', '--variant=extract', f'--include={suite.PACKAGES}', suite.SUITE,
                    path + '.part'], check=True)
    os.rename(path + '.part', path)
    with open(stamp, 'w') as f:
        f.write(suite.PACKAGES)


class Run:
    """One row: the command and the environment of each way to run it"""
    def __init__(self, group, name, commands, stdin=None, repeat=1, wall=False):
        self.group, self.name, self.commands, self.stdin, self.repeat, self.wall = group, name, commands, stdin, repeat, wall


def kernels(o):
    built = {}
    for name, cc in (('x86_64', o.cc), ('arm64', o.cross)):
        built[name] = os.path.join(o.work, 'kernels-' + name)
        subprocess.run([cc, '-O2', '-ffp-contract=off', '-static', '-o', built[name], os.path.join(HERE, 'kernels.c'), '-lpthread'], check=True)
    with open(os.path.join(o.work, 'kernels.i'), 'w') as f:
        subprocess.run([o.cross, '-E', '-P', os.path.join(HERE, 'kernels.c')], check=True, stdout=f)
    for k in subprocess.run([built['x86_64']], stdout=subprocess.PIPE, check=True, text=True).stdout.split():
        guest = [built['arm64'], k, str(o.scale)]
        mine = ([o.demotic] + guest, {})
        yield Run('threads' if k in suite.THREADS else 'C kernels', 'C: ' + k,
                  {'native': ([built['x86_64']] + guest[1:], {}), 'qemu': ([o.qemu] + guest, {}), 'cold': mine, 'warm': mine},
                  wall=k in suite.BY_WALL)


def natively(o, root, p, args):
    """A program of the native root, without privileges: through that root's own loader, or in bubblewrap"""
    if p.boxed:
        links = [x for d in ('bin', 'lib', 'lib64') for x in ('--symlink', 'usr/' + d, '/' + d)]
        return ['bwrap', '--ro-bind', root + '/usr', '/usr', '--ro-bind', root + '/etc', '/etc', *links, '--dev', '/dev', '--proc', '/proc',
                '--ro-bind', HERE, HERE] + args
    lib = f'{root}/usr/lib/x86_64-linux-gnu'
    lib = ':'.join([lib, lib + '/blas', lib + '/lapack'])
    return [f'{root}/lib64/ld-linux-x86-64.so.2', '--library-path', lib, '--argv0', args[0], root + p.native] + args[1:]


def from_roots(o):
    guest, native = os.path.join(o.roots, 'bench-arm64'), os.path.join(o.roots, 'bench-amd64')
    make_root(guest, 'arm64')
    make_root(native, 'amd64')
    true = suite.Program('', '', ['/usr/bin/true'])
    for p in suite.programs(o.work):
        # QEMU cannot follow an exec without a registered interpreter: it gets the loop's program through itself.
        qemu = [a.replace('/usr/bin/true;', f'{o.qemu} -L {guest} {guest}/usr/bin/true;') for a in p.args]
        args = [a.replace('/usr/bin/true;', ' '.join(natively(o, native, true, true.args)) + ';') for a in p.args]
        env = lambda root, triplet: {k: v.replace('{root}', root).replace('{triplet}', triplet) for k, v in p.env.items()}
        mine = ([o.demotic, '--root', guest] + p.args, env('', 'aarch64-linux-gnu'))
        yield Run(p.group, p.name, {
            'native': (natively(o, native, p, args), env(native, 'x86_64-linux-gnu')),
            'qemu': ([o.qemu, '-L', guest, guest + qemu[0]] + qemu[1:], env(guest, 'aarch64-linux-gnu')),
            'cold': mine, 'warm': mine}, stdin=p.stdin, repeat=p.repeat)


def measured(o, run, way):
    """{cpu, wall: seconds, peak: KiB, status, out: of what was printed, err} of one run, or of as many as are measured together"""
    command, env = run.commands[way]
    kept = os.path.join(o.work, 'kept-' + way)
    times = 1 if way == 'cold' else run.repeat
    total = {'cpu': 0.0, 'wall': 0.0, 'peak': 0, 'status': 0, 'err': ''}
    digest = hashlib.sha256()
    for _ in range(run.repeat // times):
        if way == 'cold':
            shutil.rmtree(kept, ignore_errors=True)
        with open(run.stdin or os.devnull) as stdin, open(os.path.join(o.work, 'out'), 'w+b') as out:
            p = subprocess.run([os.path.join(o.work, 'measure'), os.path.join(o.work, 'cost'), str(times), shutil.which(command[0])] + command[1:],
                               stdin=stdin, stdout=out, stderr=subprocess.PIPE, env={**os.environ, **env, 'DEMOTIC_DISK_CACHE': kept},
                               timeout=1200, check=True)
            out.seek(0)
            digest.update(out.read())
        with open(os.path.join(o.work, 'cost')) as f:
            cpu, wall, peak, status = map(int, f.read().split())
        total['cpu'] += cpu / 1e9
        total['wall'] += wall / 1e9
        total['peak'] = max(total['peak'], peak)
        total['status'] = max(total['status'], status)
        total['err'] = p.stderr[-200:].decode(errors='replace')
    return {**total, 'out': digest.hexdigest()}


def row_of(run, rounds, bad):
    """What the report needs of a row"""
    what = 'wall' if run.wall else 'cpu'
    middle = lambda way, key: statistics.median([r[way][key] for r in rounds])
    return {'group': run.group, 'name': run.name, 'bad': bad, 'wall': run.wall,
            'native': middle('native', what) / run.repeat if rounds else None,
            'ratios': {w: [r[w][what] / max(r['native'][what], 1e-5) for r in rounds] for w in WAYS[1:] if rounds and not bad.get(w)},
            'peak': {w: middle(w, 'peak') for w in WAYS} if rounds else {}}


def measure(o, runs):
    rows = []
    for run in runs:
        if o.only and not re.search(o.only, run.name):
            continue
        rounds, bad = [], {}
        for r in range(o.rounds + 1):  # the first warms up
            got = {way: measured(o, run, way) for way in (WAYS if r else ('native', 'warm'))}
            for way, g in got.items():
                if (g['status'], g['out']) != (0, got['native']['out']):
                    bad[way] = f'status {g["status"]}, or other output: {g["err"]}'
            if r:
                rounds.append(got)
            if 'native' in bad:
                break
        rows.append(row_of(run, rounds, bad))
        ratios = '   '.join(f'{w} {statistics.median(v):6.2f} x' for w, v in rows[-1]['ratios'].items())
        print(f'{run.name:22} native {rows[-1]["native"] or 0:7.4f} s   {ratios}   {bad or ""}', flush=True)
    return rows


JITS = ('luajit: numbers', 'luajit: text', 'node: engine', 'node: calls')


def guest_jits(o, runs, rows):
    """{name: counts} of what compilers in the guest make Demotic do again, where the row could be measured"""
    out = {}
    for run in runs:
        if run.name not in JITS or run.name not in [r['name'] for r in rows if not r['bad']]:
            continue
        command, env = run.commands['warm']
        kept = os.path.join(o.work, 'kept-warm')
        for _ in range(2):  # the first one writes what is kept
            p = subprocess.run([command[0], '--stats'] + command[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **env, 'DEMOTIC_DISK_CACHE': kept}, timeout=1200)
        count = lambda what: int(re.search(rf'(\d+)  {what}', p.stderr).group(1))
        out[run.name] = {'taken': count('units taken from disk'), 'made': count('units translated'),
                         'invalidated': count('units invalidated'), 'host': float(re.search(r'([\d.]+)  host bytes a guest', p.stderr).group(1))}
    return out


def facts(o):
    line = lambda *c: subprocess.run(c, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=HERE).stdout.split('\n')[0]
    with open('/proc/cpuinfo') as f:
        model = re.search(r'model name\s*: (.*)', f.read()).group(1)
    return {'date': str(datetime.date.today()), 'host': f'{model}, {os.cpu_count()} processors, Linux {platform.release()}',
            'compilers': line(o.cc, '--version'), 'qemu': line(o.qemu, '--version'),
            'demotic': 'its source as of commit ' + line('git', 'log', '-1', '--format=%h (%cs)', '--', '../src'), 'rounds': o.rounds}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', default='build/demotic')
    p.add_argument('--qemu', default=os.environ.get('DEMOTIC_QEMU', 'qemu-aarch64'))
    p.add_argument('--cc', default='gcc')
    p.add_argument('--cross', default='aarch64-linux-gnu-gcc')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--scale', type=int, default=3, help='of the C kernels')
    p.add_argument('--only')
    p.add_argument('--kernels-only', action='store_true')
    p.add_argument('--roots', default='build/roots')
    p.add_argument('--work', default='build/bench')
    p.add_argument('--evaluation', default='build/windows/evaluation.json', help='what make evaluate found out, for Windows programs')
    p.add_argument('--write', help='Markdown file for the result; plots go to a directory of that name')
    p.add_argument('--report', action='store_true', help='do not measure')
    o = p.parse_args()
    o.work, o.roots = os.path.abspath(o.work), os.path.abspath(o.roots)
    o.demotic = os.path.abspath(o.demotic)
    os.makedirs(o.work, exist_ok=True)
    os.makedirs(o.roots, exist_ok=True)
    if not shutil.which(o.qemu):
        sys.exit(f'{o.qemu} not found: install qemu-user, or name it with --qemu or DEMOTIC_QEMU')
    os.environ['QEMU_CPU'] = 'neoverse-n1'
    kept = os.path.join(o.work, 'results.json')
    if not o.report:
        subprocess.run([o.cc, '-O2', '-o', os.path.join(o.work, 'measure'), os.path.join(HERE, 'measure.c')], check=True)
        loads = [os.getloadavg()[0]]
        runs = list(kernels(o)) + ([] if o.kernels_only else list(from_roots(o)))
        rows = measure(o, runs)
        results = {'rows': rows, 'jits': {} if o.only else guest_jits(o, runs, rows), 'translation': None if o.only else translation.measure(o),
                   'facts': {**facts(o), 'loads': loads + [os.getloadavg()[0]]}}
        if not o.only:
            with open(kept, 'w') as f:
                json.dump(results, f, indent=1)
    else:
        with open(kept) as f:
            results = json.load(f)
    report.say(results)
    if o.write:
        report.write(results, o.write, o.evaluation)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Times the same programs natively, under QEMU's user mode and under Demotic.

Demotic runs twice: cold, with nothing kept on disk and keeping what it makes, and warm, with what was kept before.
All are run in turn, round after round; what counts is the ratio of CPU times (user + system, children
included) within a round, and the median of those ratios: absolute times of a shared machine mean nothing.
Every run's output must equal the native one's.

    bench/run.py --demotic build/demotic [--qemu PATH] [--guest arm64]... [--rounds 5] [--only REGEX] [--write docs]

What is run is in suite.py, for each guest.  Programs other than the C kernels are Debian's, in roots of the same suite made
with mmdebstrap (once) under --roots: the guest's, and the native ones for Arm64; x86 programs are run in their own root, which
this machine can run as it is.  Results are kept in WORK/GUEST.json; --report only writes the pages from there.
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


# Not every mirror has i386.
MIRRORS = {'i386': ['http://deb.debian.org/debian']}


def make_root(path, arch, packages):
    """Also anew, if it was made with other packages"""
    stamp = path + '.packages'
    if os.path.exists(path) and (not os.path.exists(stamp) or open(stamp).read() == packages):
        return
    print(f'making the {arch} root {path} …', file=sys.stderr)
    for old in (path, path + '.part'):
        subprocess.run(['rm', '-rf', '--one-file-system', old], check=True)
    subprocess.run(['mmdebstrap', '--quiet', f'--arch={arch}', '--variant=extract', f'--include={packages}', suite.SUITE,
                    path + '.part'] + MIRRORS.get(arch, []), check=True)
    os.rename(path + '.part', path)
    with open(stamp, 'w') as f:
        f.write(packages)


class Run:
    """One row: the command and the environment of each way to run it"""
    def __init__(self, group, name, commands, stdin=None, repeat=1, wall=False):
        self.group, self.name, self.commands, self.stdin, self.repeat, self.wall = group, name, commands, stdin, repeat, wall


def compiled(o, name, cc, sources):
    path = os.path.join(o.work, name)
    subprocess.run(cc + ['-O2', '-ffp-contract=off', '-static', '-o', path] + [os.path.join(HERE, s) for s in sources] + ['-lpthread', '-lm'], check=True)
    return path


def kernels(o):
    g = o.guest
    sources = ['kernels.c'] + (['x87.c'] if g.x86() else [])
    guest = compiled(o, 'kernels-' + g.name, g.cc, sources)
    native = guest if g.x86() else compiled(o, 'kernels-' + g.native, g.native_cc, sources)
    for line in subprocess.run([native], stdout=subprocess.PIPE, check=True, text=True).stdout.split('\n')[:-1]:
        k, x87 = line.split()[0], line.endswith('x87')
        args = [k, str(o.scale)]
        mine = ([o.demotic, guest] + args, {})
        yield Run('threads' if k in suite.THREADS else 'x87 kernels' if x87 else 'C kernels', ('x87: ' if x87 else 'C: ') + k,
                  {'native': ([native] + args, {}), 'qemu': ([o.qemu_path, guest] + args, {}), 'cold': mine, 'warm': mine},
                  wall=k in suite.BY_WALL)


def natively(g, root, p, args):
    """A program of the native root, without privileges: through that root's own loader, or in bubblewrap"""
    if p.boxed:
        links = [x for d in ('bin', 'lib', 'lib64') for x in ('--symlink', 'usr/' + d, '/' + d)]
        return ['bwrap', '--ro-bind', root + '/usr', '/usr', '--ro-bind', root + '/etc', '/etc', *links, '--dev', '/dev', '--proc', '/proc',
                '--ro-bind', HERE, HERE] + args
    lib = f'{root}/usr/lib/{suite.TRIPLETS[g.native]}'
    lib = ':'.join([lib, lib + '/blas', lib + '/lapack'])
    return [f'{root}/{suite.LOADERS[g.native]}', '--library-path', lib, '--argv0', args[0], root + p.x86] + args[1:]


def from_roots(o):
    g = o.guest
    guest, native = (os.path.join(o.roots, 'bench-' + arch) for arch in (g.name, g.native))
    make_root(guest, g.name, g.packages())
    make_root(native, g.native, g.packages())
    # What the C compiler compiles, the same for all guests.
    with open(os.path.join(o.work, 'kernels.i'), 'w') as f:
        subprocess.run(suite.GUESTS['arm64'].cc + ['-E', '-P', os.path.join(HERE, 'kernels.c')], check=True, stdout=f)
    true = suite.Program('', '', ['/usr/bin/true'])
    for p in suite.programs(o.work):
        if p.group in g.lacking:
            continue
        if g.x86():
            p.args[0] = p.x86
        # QEMU cannot follow an exec without a registered interpreter: it gets the loop's program through itself.
        qemu = [a.replace('/usr/bin/true;', f'{o.qemu_path} -L {guest} {guest}/usr/bin/true;') for a in p.args]
        args = [a.replace('/usr/bin/true;', ' '.join(natively(g, native, true, true.args)) + ';') for a in p.args]
        env = lambda root, arch: {k: v.replace('{root}', root).replace('{triplet}', suite.TRIPLETS[arch]) for k, v in p.env.items()}
        lib = f'{guest}/usr/lib/{suite.TRIPLETS[g.name]}'  # else QEMU's x86 programs find this machine's own; not for what starts QEMU
        libraries = ['-E', 'LD_LIBRARY_PATH=' + ':'.join([lib, lib + '/blas', lib + '/lapack'])] if g.x86() else []
        mine = ([o.demotic, '--root', guest] + p.args, env('', g.name))
        yield Run(p.group, p.name, {
            'native': (natively(g, native, p, args), env(native, g.native)),
            'qemu': ([o.qemu_path, '-L', guest] + libraries + [guest + qemu[0]] + qemu[1:], env(guest, g.name)),
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


SIZES = {'code': "bytes of code in the guest's files", 'guest': 'bytes of guest code that units', 'host': 'bytes of their host code',
         'records': 'bytes of records of them'}


def sizes(o, run):
    """{code, guest, host, records: bytes} of the process that has most translations when it ends, of a warm run"""
    command, env = run.commands['warm']
    with open(run.stdin or os.devnull) as stdin:
        p = subprocess.run([command[0], '--stats'] + command[1:], stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                           errors='replace', env={**os.environ, **env, 'DEMOTIC_DISK_CACHE': os.path.join(o.work, 'kept-warm')}, timeout=1200)
    found = [list(map(int, re.findall(rf'(\d+)  {what}', p.stderr))) for what in SIZES.values()]
    return dict(zip(SIZES, max(zip(*found), key=lambda process: process[-1], default=()))) or None


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
        if rounds and not bad and run.group in suite.MEMORY:
            rows[-1]['sizes'] = sizes(o, run)
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
            'compilers': line(o.guest.native_cc[0], '--version') + ' ' + ' '.join(a for a in o.guest.native_cc[1:] if a.startswith('-m')),
            'qemu': line(o.qemu_path, '--version') + ', QEMU_CPU=' + o.guest.qemu_cpu,
            'demotic': 'its source as of commit ' + line('git', 'log', '-1', '--format=%h (%cs)', '--', '../src'), 'rounds': o.rounds}


def measure_guest(o):
    """The results for o.guest, measured, or kept from the last time"""
    kept = os.path.join(o.work, o.guest.name + '.json')
    if o.report:
        with open(kept) as f:
            return json.load(f)
    alone = len(o.guests) == 1 and not os.path.isdir(o.qemu)
    o.qemu_path = o.qemu if alone else os.path.join(o.qemu if os.path.isdir(o.qemu) else os.path.dirname(o.qemu), o.guest.qemu)
    if not shutil.which(o.qemu_path):
        sys.exit(f'{o.qemu_path} not found: --qemu names a directory that has it (tools/get-qemu.sh fetches it)')
    os.environ['QEMU_CPU'] = o.guest.qemu_cpu
    loads = [os.getloadavg()[0]]
    runs = list(kernels(o)) + ([] if o.kernels_only else list(from_roots(o)))
    rows = measure(o, runs)
    results = {'rows': rows, 'jits': {} if o.only else guest_jits(o, runs, rows), 'translation': None if o.only else translation.measure(o),
               'facts': {**facts(o), 'loads': loads + [os.getloadavg()[0]]}}
    if not o.only:
        with open(kept, 'w') as f:
            json.dump(results, f, indent=1)
    return results


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', default='build/demotic')
    p.add_argument('--qemu', default=os.environ.get('DEMOTIC_QEMU', ''), help='that of the guest, or a directory that has those of all guests')
    p.add_argument('--guest', action='append', dest='guests', choices=suite.GUESTS, help='one or more; default arm64')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--scale', type=int, default=3, help='of the C kernels')
    p.add_argument('--only')
    p.add_argument('--kernels-only', action='store_true')
    p.add_argument('--roots', default='build/roots')
    p.add_argument('--work', default='build/bench')
    p.add_argument('--evaluation', default='build/windows/evaluation.json', help='what make evaluate found out, for Windows programs')
    p.add_argument('--write', help='directory for the guests\' pages; plots go to a directory there with the name of the page')
    p.add_argument('--report', action='store_true', help='do not measure')
    o = p.parse_args()
    o.guests = [suite.GUESTS[name] for name in o.guests or ['arm64']]
    o.qemu = o.qemu or ('' if len(o.guests) > 1 else o.guests[0].qemu)
    o.work, o.roots = os.path.abspath(o.work), os.path.abspath(o.roots)
    o.demotic = os.path.abspath(o.demotic)
    os.makedirs(o.work, exist_ok=True)
    os.makedirs(o.roots, exist_ok=True)
    subprocess.run(['gcc', '-O2', '-o', os.path.join(o.work, 'measure'), os.path.join(HERE, 'measure.c')], check=True)
    results = {}
    for o.guest in o.guests:
        results[o.guest.name] = measure_guest(o)
        report.say(o.guest, results[o.guest.name])
    for page in {g.page: 0 for g in o.guests} if o.write else ():
        # The page's other guests stay as they were measured last.
        for g in suite.GUESTS.values():
            kept = os.path.join(o.work, g.name + '.json')
            if g.page == page and g.name not in results and os.path.exists(kept):
                with open(kept) as f:
                    results[g.name] = json.load(f)
        report.write([(g, results[g.name]) for g in suite.GUESTS.values() if g.page == page and g.name in results], os.path.join(o.write, page), o.evaluation)


if __name__ == '__main__':
    main()

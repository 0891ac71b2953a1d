#!/usr/bin/env python3
"""Finds the units that run most often over the benchmark set, and writes them to units.txt.

    tests/codegen/collect.py --demotic build/demotic --roots build/roots [--units 1500] [--keep DIR] [--write tests/codegen/units.txt]

Each program runs under `demotic --dump=counts`, which counts how often each unit is entered. A program's share of the whole is
its WEIGHT below, however long it runs: what counts is how the instructions it executes are distributed. Units of the same
instructions, wherever they lie, are one. The roots are those that bench/run.py and tests/programs/run.py make.
"""
import argparse
import collections
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'bench'))
import run as bench  # noqa: E402

NUMPY = '''
import numpy as np
a = np.arange(90000, dtype=np.float64).reshape(300, 300) % 17
b = a @ a.T
c = np.sort((a * 1.5 + np.sin(a)).ravel())
d = (np.arange(300000) * 7919 % 1000).astype(np.int32)
print(b.sum(), c[::1000].sum(), np.bincount(d).max(), np.cumsum(d)[-1], np.unique(d).size, (d[d > 500] // 3).sum())
'''
NODE = '''
const words = []; for (let i = 0; i < 60000; i++) words.push((i * 7919 % 65536).toString(36));
const m = new Map(); for (const w of words) m.set(w, (m.get(w) || 0) + 1);
let s = 0; for (let i = 0; i < 3e6; i++) s = (s + Math.imul(i, 31) ^ i >> 3) | 0;
const o = JSON.parse(JSON.stringify([...m].sort((a, b) => a[0] < b[0] ? -1 : 1)));
const t = words.join(' ').replace(/[aeiou]+/g, x => x.toUpperCase()); class P { constructor(x) { this.x = x; } add(o) { return new P(this.x + o.x); } }
let p = new P(0); for (let i = 0; i < 500000; i++) p = p.add(new P(i * 0.5));
console.log(s, o.length, t.length, p.x);
'''
BLAS = '/usr/lib/aarch64-linux-gnu/blas:/usr/lib/aarch64-linux-gnu/lapack'
SPEED = ['sha256', 'aes-128-gcm', 'chacha20-poly1305', 'rsa2048', 'ecdsap256', 'ecdhx25519', 'md5']


def collection(o, work):
    """(weight, name, root or None, arguments, standard input)"""
    kernels = os.path.join(work, 'kernels-arm64')
    subprocess.run([o.cross, '-O2', '-ffp-contract=off', '-static', '-o', kernels, os.path.join(HERE, '../../bench/kernels.c'),
                    '-lpthread'], check=True)
    listed = subprocess.run([o.demotic, kernels], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    sets = [(0.25, 'C: ' + k, None, [kernels, k], None) for k in listed if k not in ('syscalls', 'signals', 'fork', 'threads')]
    for name, args, stdin in bench.programs(work):
        if not name.startswith('start:') and name != 'fork+exec':
            sets.append((1, name, 'bench-arm64', args, stdin))
    sample = os.path.join(work, 'sample')
    sets += [
        (1, 'start: bash', 'bench-arm64', ['/usr/bin/bash', '-c', 'echo hello'], None),
        (1, 'numpy', 'runtimes-arm64', ['/usr/bin/python3', '-c', NUMPY], None),
        (1, 'node', 'programs-arm64', ['/usr/bin/node', '-e', NODE], None),
        (1, 'sort', 'programs-arm64', ['/usr/bin/sort', '-k', '2', sample], None),
        (1, '7z', 'programs-arm64', ['/usr/bin/7z', 'a', '-mmt1', '-si', '-so', '-txz', '-an'], open(sample, 'rb').read()),
        (1, 'cc1', 'programs-arm64', ['/usr/bin/gcc', '-O2', '-S', '-w', '-o', '/dev/null', os.path.abspath(HERE + '/../../bench/kernels.c')], None),
    ]
    sets += [(1 / len(SPEED), 'openssl ' + s, 'bench-arm64', ['/usr/bin/openssl', 'speed', '-seconds', '1', '-bytes', '1024'] +
              ([s] if s[-1:].isdigit() and s[:3] in ('rsa', 'ecd') or s == 'ecdhx25519' else ['-evp', s]), None) for s in SPEED]
    return sets


def counts(path):
    """{(words, dead): times} of one program's log"""
    found = collections.Counter()
    for line in open(path, errors='replace'):
        field = line.split()
        if len(field) < 4 or field[0] != 'count':
            continue
        dead = field[3][5:] if field[3].startswith('dead=') else ''
        found[tuple(field[4 if dead else 3:]), dead] += int(field[2])
    return found


def write_units(f, units, share):
    for k in units:
        f.write(f'{1e6 * share(k):.1f} {k[1] or "-"} {" ".join(k[0])}\n')


def per_program(o, log, found, instructions):
    with open(log.replace('.counts', '.units'), 'w') as f:
        write_units(f, found, lambda k: found[k] * len(k[0]) / instructions)
    done = subprocess.run([o.forms, f.name, '--total'], stdout=subprocess.PIPE, text=True, check=True)
    return '; host instructions for each, baseline and all: ' + done.stdout.strip()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', default='build/demotic')
    p.add_argument('--cross', default='aarch64-linux-gnu-gcc')
    p.add_argument('--roots', default='build/roots')
    p.add_argument('--keep', default='build/codegen', help='directory for what each program gave')
    p.add_argument('--units', type=int, default=1500)
    p.add_argument('--write')
    p.add_argument('--forms', help='build/tests/codegen/forms: host instructions for each guest instruction of each program')
    p.add_argument('--again', action='store_true', help='use what --keep holds')
    o = p.parse_args()
    os.makedirs(o.keep, exist_ok=True)
    o.demotic = os.path.abspath(o.demotic)
    total, weights = collections.Counter(), 0
    for weight, name, root, args, stdin in collection(o, os.path.abspath(o.keep)):
        log = os.path.join(o.keep, name.replace(' ', '_').replace(':', '') + '.counts')
        if not (o.again and os.path.exists(log)):
            if os.path.exists(log):
                os.remove(log)
            where = ['--root', os.path.join(o.roots, root)] if root else []
            env = {**os.environ, 'LC_ALL': 'C.UTF-8', 'PYTHONHOME': '/usr', 'LD_LIBRARY_PATH': BLAS}
            done = subprocess.run([o.demotic, '--dump=counts', '--log=' + log] + where + args, input=stdin or b'', env=env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=900)
            if done.returncode:
                print(f'{name}: status {done.returncode}: {done.stderr[-300:]!r}', file=sys.stderr)
        found = counts(log)
        instructions = sum(n * len(words) for (words, _), n in found.items())
        if not instructions:
            sys.exit(f'{name}: nothing counted')
        weights += weight
        for key, n in found.items():
            total[key] += weight * n / instructions  # entries for each instruction that the program executes
        host = per_program(o, log, found, instructions) if o.forms else ''
        print(f'{name:24} {instructions / 1e6:10.1f} million instructions, {len(found)} units{host}', flush=True)
    def share(key):
        return total[key] * len(key[0]) / weights
    units = sorted(total, key=lambda k: (-share(k), k))
    for n in (200, 500, 1000, 1500, 2000, 3000, 5000):
        print(f'{n} units: {100 * sum(map(share, units[:n])):.1f} %')
    if o.write:
        units = units[:o.units]
        with open(o.write, 'w') as f:
            f.write(f'# The {len(units)} units that are executed most over the benchmark set, found by tests/codegen/collect.py: how many of a million\n'
                    '# executed instructions are theirs; ways out, in bytes from the start, where the flags are dead, or -; the instructions.\n'
                    f'# All of them are {1e6 * sum(map(share, units)):.0f} of a million.\n')
            write_units(f, units, share)


if __name__ == '__main__':
    main()

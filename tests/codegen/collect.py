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
import suite  # noqa: E402

# The kernel's work, and threads'
NOT_CODE = ('syscalls', 'signals', 'fork') + suite.THREADS
# How many programs each program of a group counts as
WEIGHTS = {'C kernels': 0.25, 'OpenSSL': 0.25, 'start-up': 0.1, 'fork+exec': 0}


def find_root(o, program):
    """The first root that has the program, and NumPy if it wants that"""
    wanted = [program.args[0]] + (['/usr/lib/python3/dist-packages/numpy'] if program.group == 'NumPy' else [])
    for name in ('bench-arm64', 'programs-arm64', 'runtimes-arm64'):
        root = os.path.join(o.roots, name)
        if all(os.path.lexists(root + w) for w in wanted):
            return root
    sys.exit(f'no root has {program.args[0]}')


def collection(o, work):
    """(weight, name, root or None, arguments, standard input, environment)"""
    kernels, source = os.path.join(work, 'kernels-arm64'), os.path.join(HERE, '../../bench/kernels.c')
    subprocess.run([o.cross, '-O2', '-ffp-contract=off', '-static', '-o', kernels, source, '-lpthread'], check=True)
    with open(os.path.join(work, 'kernels.i'), 'w') as f:
        subprocess.run([o.cross, '-E', '-P', source], check=True, stdout=f)
    for k in subprocess.run([o.demotic, kernels], stdout=subprocess.PIPE, check=True, text=True).stdout.split():
        if k not in NOT_CODE:
            yield WEIGHTS['C kernels'], 'C: ' + k, None, [kernels, k], None, {}
    for p in suite.programs(work):
        weight = WEIGHTS.get(p.group, 1)
        if weight:
            env = {k: v.replace('{root}', '').replace('{triplet}', 'aarch64-linux-gnu') for k, v in p.env.items()}
            yield weight, p.name, find_root(o, p), p.args, open(p.stdin, 'rb').read() if p.stdin else None, env


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
    for weight, name, root, args, stdin, more in collection(o, os.path.abspath(o.keep)):
        log = os.path.join(o.keep, name.replace(' ', '_').replace(':', '') + '.counts')
        if not (o.again and os.path.exists(log)):
            if os.path.exists(log):
                os.remove(log)
            where = ['--root', root] if root else []
            env = {**os.environ, 'LC_ALL': 'C.UTF-8', **more}
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

"""Writes docs/suites.md from the results that run.py keeps."""
import collections
import json
import os
import platform
import re

ENGINES = ('jit', 'interp')
HEAD = '''# Suites of other projects

GCC's, QEMU's, Valgrind's and glibc's own tests, built for the guest and run under Demotic. They are fetched as Debian source packages when they are
run, and nothing of them is in this repository. `make suites` does it and writes this page; `tests/suites/run.py --help` says how to run a
part of it.

Each program runs natively first (Arm64: under QEMU, whose word is not always right), and only what runs natively is compared: exit status and
all output must be the same (of glibc's the status, which says all). *Not offered*: tests of what the guest processor's CPUID does not offer (AVX-512, AMX, GFNI, SSE4A, XOP, FMA4, …);
of those one in ten is run all the same, and has to end by itself without having tried. *Skips itself*: ran natively, but asks CPUID and then
does nothing. *Fails natively*: says that it cannot run there, too. *Varies*: not even the native exit status is the same twice. *Interpreter*: a part of the tests, chosen by name. *Golden*:
how many native outputs are those that Valgrind's authors recorded (others depend on the processor or the C library).
'''
COLUMNS = ['tests', 'not offered', 'not built', 'fails natively', 'skips natively', 'varies natively', 'compared', 'jit same', 'jit skips',
           'jit differs', 'interp same', 'interp skips', 'interp differs', 'golden']


def counts(results):
    verdicts = collections.Counter(r['verdict'] for r in results.values())
    out = {'tests': len(results)}
    out |= {k: verdicts[k] for k in COLUMNS[1:7]}
    for engine in ENGINES:
        tried = [r[engine] for r in results.values() if engine in r]
        out[f'{engine} same'], out[f'{engine} skips'] = tried.count('same'), tried.count('skips')
        out[f'{engine} differs'] = len(tried) - tried.count('same') - tried.count('skips')
    out['golden'] = [r.get('golden') for r in results.values()].count(True)
    return out


def differing(result):
    return {e: result[e] for e in ENGINES if result.get(e, 'same') not in ('same', 'skips')}


def processor():
    found = re.search(r'^model name\s*: (.*)$', open('/proc/cpuinfo').read(), re.M)
    return found[1] if found else platform.machine()


def write(page, build, suites, known):
    """`suites`: their names in order; what was run before, and not this time, stays in the page"""
    rows, differ, unbuilt = [], [], []
    for name in suites:
        for arch in ('amd64', 'i386', 'arm64'):
            path = f'{build}/{name.replace("/", "-")}/{arch}/results.json'
            if not os.path.exists(path):
                continue
            run = json.load(open(path))
            count = counts(run['tests'])
            rows.append([name, arch, run['package'], run['date'], *(str(count[c] or '–') for c in COLUMNS)])
            left_out = [t for t, r in run['tests'].items() if r['verdict'] == 'not built']
            if left_out:
                more = f' and {len(left_out) - 12} more' if len(left_out) > 12 else ''
                unbuilt.append(f'- {name}, {arch}: ' + ', '.join(f'`{t}`' for t in left_out[:12]) + more)
            for test, r in run['tests'].items():
                reason = known.get((name, arch, test))
                if differing(r) or reason and r['verdict'] == 'compared':
                    differ.append([name, arch, f'`{test}`', ', '.join(differing(r)) or 'not this time', reason or '**not explained**'])
    text = HEAD + f'\nHost: {processor()}, Linux {platform.release().split("-")[0]}.\n\n'
    text += table(['suite', 'guest', 'package', 'date, commit', *COLUMNS], rows)
    text += '\n## What differs, and why\n\n' + table(['suite', 'guest', 'test', 'engine', 'why'], differ)
    if unbuilt:
        text += '\n## Not built\n\nThey want other compilers, flags of another processor, or parts of their project that are not tests.\n\n'
        text += '\n'.join(unbuilt) + '\n'
    with open(page, 'w') as f:
        f.write(text)


def table(heads, rows):
    lines = [heads, ['---'] * len(heads)] + rows
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines)

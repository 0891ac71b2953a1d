#!/usr/bin/env python3
"""Keeps docs/tour.md true: its dumps are made again, its quotations looked for.

    tour_test.py DEMOTIC CROSS_CC DISAS      (BLESS=1: the dumps in the text are written anew)

In the text a comment comes before each block that is checked:

    <!-- dump: WHAT -->     guest, ir, opt, x64, interp, trace: see dumps() below
    <!-- from: PATH -->     the lines stand in that file as they are, indentation apart
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
UNIT = 0x40100c  # the loop of tour.S
STUB = 'ff95'  # how the x64 host's stub of a link site begins: call [rbp + ...]
BLOCK = re.compile(r'<!-- (dump|from): (\S+) -->\n```[a-z0-9]*\n(.*?)```\n', re.S)


def run(*command, **env):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, env={**os.environ, **env})
    return p.returncode, p.stdout


def section(text, title):
    """The lines below 'unit UNIT, TITLE...:', without their indentation."""
    m = re.search(r'^unit %#x, %s.*:\n((?:    .*\n)*)' % (UNIT, title), text, re.M)
    return ''.join(line[4:] + '\n' for line in m.group(1).splitlines())


def x64(text):
    """Offsets instead of addresses; the first part, up to the stubs of link sites."""
    lines = [re.match(r'([0-9a-f]+): ([0-9a-f]+) +(.*?) *$', x).groups() for x in text.splitlines()]
    base = int(lines[0][0], 16)
    end = ''.join(x[1] for x in lines).index(STUB) // 2
    out = ''
    for address, code, insn in lines:
        at = int(address, 16) - base
        if at >= end:
            break
        insn = re.sub(r'(?<=j.. |jmp )0x([0-9a-f]{9,})|(?<=j. )0x([0-9a-f]{9,})',
                      lambda m: '+0x%02x' % (int(m.group(1) or m.group(2), 16) - base), insn)
        insn = re.sub(r'\[rbp \+ 0x[0-9a-f]{3,}\]', '[rbp + ...]', insn)  # a field of struct cpu
        out += f'+0x{at:02x}: {insn}\n'
    return out


def dumps(demotic, program):
    plain = {'DEMOTIC_X64_FEATURES': '0'}  # the same code on every processor
    _, jit = run(demotic, '--engine=x64', '--dump=ir,opt,asm=%#x' % UNIT, program, **plain)
    _, interp = run(demotic, '--engine=interp', '--dump=asm=%#x' % UNIT, program)
    _, trace = run(demotic, '--engine=x64', '--trace', program, **plain)
    lines = trace.splitlines(True)
    first = next(i for i, line in enumerate(lines) if line.startswith('@1 %016x' % UNIT))
    return {
        'guest': section(jit, 'guest code'),
        'ir': section(jit, 'IR'),
        'opt': section(jit, 'optimised'),
        'x64': x64(section(jit, 'host code')),
        'interp': re.sub(r'^[0-9a-f]+: ', '', section(interp, 'host code'), flags=re.M),
        'trace': ''.join(lines[first:first + 4]),
    }


def quoted(path, block):
    have = [line.strip() for line in open(os.path.join(SOURCE, path), encoding='utf-8')]
    want = [line.strip() for line in block.splitlines()]
    return any(have[i:i + len(want)] == want for i in range(len(have)))


def main():
    demotic, cc, disas = sys.argv[1:]
    os.environ['DEMOTIC_DISAS'] = disas
    tour = os.path.join(SOURCE, 'docs', 'tour.md')
    text = open(tour, encoding='utf-8').read()
    bad = seen = 0
    with tempfile.TemporaryDirectory() as place:
        program = os.path.join(place, 'tour')
        subprocess.run([cc, '-nostdlib', '-static', '-Wl,--build-id=none', '-Wl,-Ttext=0x401000', '-o', program,
                        os.path.join(HERE, 'tour.S')], check=True)
        status, out = run(demotic, program)
        if status != 4:
            print(f'the program ends with {status}, not 4: {out}')
            return 1
        made = dumps(demotic, program)

    def check(m):
        nonlocal bad, seen
        kind, name, block = m.groups()
        seen += 1
        if kind == 'from':
            if not quoted(name, block):
                bad += 1
                print(f'{name} does not have these lines:\n{block}')
        elif block != made[name] and not os.environ.get('BLESS'):
            bad += 1
            print(f'the dump "{name}" is now:\n{made[name]}')
        elif block != made[name]:
            return m.string[m.start():m.start(3)] + made[name] + m.string[m.end(3):m.end()]
        return m.group(0)

    new = BLOCK.sub(check, text)
    if new != text:
        open(tour, 'w', encoding='utf-8').write(new)
    if bad:
        print('Is the difference meant? Then BLESS=1 meson test -C build tour, read the text around the dumps, and correct quotations by hand.')
    print(f'{seen - bad} passed, {bad} failed')
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())

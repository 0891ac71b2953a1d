#!/usr/bin/env python3
"""Tables that tools/gen-isa.py must refuse, with the reason, and a few it must take.

    gen-isa-test.py GEN-ISA.PY
"""

import os
import subprocess
import sys
import tempfile

GOOD = 'FOO  00000000 imm:8 00000000 Rn:4 Rd:4\n    asm  "foo {r:Rd}, {i:imm}"\n    lift foo\n'
REST = '    asm  "foo"\n    lift foo\n'

MUST_FAIL = [
    ('31 bits', 'FOO 0000000000000000 000000000000000\n' + REST, 'has 32 bits'),
    ('33 bits', 'FOO 0000000000000000 00000000000000000\n' + REST, 'has 32 bits'),
    ('a field over the end', 'FOO 0000000000000000 imm:17\n' + REST, 'has 32 bits'),
    ('a field of no bits', 'FOO 00000000000000000000000000000000 imm:0\n' + REST, 'has 32 bits'),
    ('a field twice', 'FOO 0000000000000000 a:8 a:8\n' + REST, 'twice'),
    ('no fixed bits', 'FOO imm:32\n' + REST, 'fixed bits'),
    ('bad bits', 'FOO 0000000000000002 imm:16\n' + REST, "bad bits"),
    ('a reserved field name', 'FOO 0000000000000000 w:16\n' + REST, 'not a name'),
    ('a bad row name', 'foo 0000000000000000 imm:16\n' + REST, 'bad row name'),
    ('an indented line first', '    asm "foo"\n', 'before any row'),
    ('no asm', 'FOO 0000000000000000 imm:16\n    lift foo\n', 'no asm'),
    ('only an alias', 'FOO 0000000000000000 imm:16\n    alias "f" when imm == 1\n    lift foo\n', 'no asm'),
    ('no lift', 'FOO 0000000000000000 imm:16\n    asm "foo"\n', 'no lift'),
    ('no lift in the row before', 'FOO 0000000000000000 imm:16\n    asm "foo"\n' + GOOD.replace('FOO', 'BAR'), 'no lift'),
    ('two lifts', 'FOO 0000000000000000 imm:16\n' + REST + '    lift bar\n', 'twice'),
    ('asm twice', 'FOO 0000000000000000 imm:16\n' + REST + '    asm "bar"\n', 'comes last'),
    ('an alias after asm', 'FOO 0000000000000000 imm:16\n' + REST + '    alias "bar" when imm == 1\n', 'comes last'),
    ('an alias without condition', 'FOO 0000000000000000 imm:16\n    alias "bar"\n' + REST, 'alias "TEMPLATE" when'),
    ('an unknown keyword', 'FOO 0000000000000000 imm:16\n' + REST + '    flags all\n', 'unknown keyword'),
    ('an unknown attribute', 'FOO 0000000000000000 imm:16\n' + REST + '    attr nice\n', 'unknown attr'),
    ('an unknown name in when', 'FOO 0000000000000000 imm:16\n    when Rd == 1\n' + REST, 'unknown name Rd'),
    ('an unknown name in asm', 'FOO 0000000000000000 imm:16\n    asm "{i:Rd}"\n    lift foo\n', 'unknown name Rd'),
    ('an unknown function', 'FOO 0000000000000000 imm:16\n    when frob(imm)\n' + REST, 'unknown function'),
    ('too few arguments', 'FOO 0000000000000000 imm:16\n    when bitmask_ok(imm)\n' + REST, 'takes 3'),
    ('a broken expression', 'FOO 0000000000000000 imm:16\n    when imm ==\n' + REST, 'bad expression'),
    ('an open parenthesis', 'FOO 0000000000000000 imm:16\n    when (imm == 1\n' + REST, 'bad expression'),
    ('junk in an expression', 'FOO 0000000000000000 imm:16\n    when imm @ 1\n' + REST, 'bad expression'),
    ('an open brace', 'FOO 0000000000000000 imm:16\n    asm "foo {i:imm"\n    lift foo\n', "without '}'"),
    ('a brace too many', 'FOO 0000000000000000 imm:16\n    asm "foo }"\n    lift foo\n', "without '{'"),
    ('a bad formatter', 'FOO 0000000000000000 imm:16\n    asm "foo {I:imm}"\n    lift foo\n', 'bad formatter'),
    ('a priority in words', 'FOO 0000000000000000 imm:16\n' + REST + '    priority high\n', 'is a number'),
    ('an empty keyword', 'FOO 0000000000000000 imm:16\n' + REST + '    feature\n', 'needs something'),
    ('a let of a field', 'FOO 0000000000000000 imm:16\n    let imm = 1\n' + REST, 'already a name'),
    ('a lift argument of a field', 'FOO 0000000000000000 imm:16\n    asm "foo"\n    lift foo imm=1\n', 'already a name'),
    ('one name twice', GOOD + GOOD.replace('00000000 imm', '00000001 imm'), 'is also at'),
    ('two rows of the same bits', GOOD + GOOD.replace('FOO', 'BAR'), 'both match'),
    ('an overlap in part', GOOD + 'BAR 0000000000000000 imm:16\n' + REST.replace('lift foo', 'lift bar'), 'both match'),
    ('conditions that overlap', GOOD.replace('    asm', '    when Rd < 8\n    asm') +
     GOOD.replace('FOO', 'BAR').replace('    asm', '    when Rd > 6\n    asm'), 'both match'),
    ('a lift of two shapes', GOOD + 'BAR 0000000100000000 imm:16\n' + REST, 'share the lift'),
    ('a formatter of two shapes', GOOD + 'BAR 0000000100000000 imm:16\n    asm "{r:imm,imm}"\n    lift bar\n', 'takes 1 values'),
]

MUST_PASS = [
    ('a row', GOOD),
    ('conditions that do not overlap', GOOD.replace('    asm', '    when Rd < 8\n    asm') +
     GOOD.replace('FOO', 'BAR').replace('    asm', '    when Rd >= 8\n    asm')),
    ('an overlap with priority', GOOD + 'BAR 0000000000000000 imm:16\n    priority 1\n' + REST.replace('lift foo', 'lift bar')),
    ('comments, ignored bits, lift arguments', '# nothing\nFOO 00000000 xxxxxxxx imm:16 # bits\n    asm "#{i:imm}" # text\n'
     '    lift foo a=imm+1 b=(imm << 2)\n'),
]


def run(generator, text):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'test.isa')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return subprocess.run([sys.executable, generator, '--out', d, path], capture_output=True, text=True, check=False)


def main():
    bad = 0
    for name, text, reason in MUST_FAIL:
        r = run(sys.argv[1], text)
        if r.returncode != 1 or reason not in r.stderr:
            print(f'{name}: status {r.returncode}, expected "{reason}": {r.stderr.strip()}')
            bad += 1
    for name, text in MUST_PASS:
        r = run(sys.argv[1], text)
        if r.returncode != 0:
            print(f'{name}: {r.stderr.strip()}')
            bad += 1
    print(f'{len(MUST_FAIL)} refused and {len(MUST_PASS)} taken, {bad} wrong')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())

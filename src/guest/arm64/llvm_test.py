#!/usr/bin/env python3
"""The instruction tables compared with llvm-mc.

    llvm_test.py A64GEN [N [CHAPTER]]       exits with 77 (skipped) where llvm-mc is not installed

Text: of N random words of every row (of tables whose names begin with CHAPTER).  Numbers are compared
by value.  DIFFERENCES lists rows whose text differs for a reason that is not ours; each entry must be
needed, so that the list stays honest.

Allocation (unless CHAPTER is given): words that are random, or differ from an allocated one in a bit or
two, are allocated for us exactly when they are for llvm-mc; MISSING has what we leave out on purpose.
"""

import collections
import fnmatch
import random
import re
import shutil
import subprocess
import sys

PC = 0x123456000
FEATURES = ('+v8.2a,+crypto,+aes,+sha2,+sha3,+fp16fml,+fullfp16,+flagm,+altnzcv,+lse,+rcpc,+rcpc-immo,'
            '+sb,+crc,+bf16,+i8mm,+dotprod,+rdm,+fptoint,+complxnum,+jsconv,+ccpp,+spe')
TEXT_FEATURES = FEATURES + ',+v8.6a'
MISSING = {
    'sys': 'undefined at EL0', 'sysl': 'undefined at EL0', 'eret': 'undefined at EL0',
    'drps': 'undefined at EL0', 'msr': 'of PSTATE fields: undefined at EL0', 'mrs': 'of op0 0 and 1',
    'dc': 'undefined at EL0', 'ic': 'undefined at EL0', 'at': 'undefined at EL0',
    'tlbi': 'undefined at EL0', 'cfinv': 'CRm must be 0',
    'axflag': 'CRm must be 0', 'xaflag': 'CRm must be 0', 'sb': 'CRm must be 0',
    'smulh': 'Ra must be 31', 'umulh': 'Ra must be 31',
    **{name + size: 'Rs and Rt2 must be 31'
       for name in ('ldar', 'ldlar', 'stlr', 'stllr') for size in ('', 'b', 'h')},
}
DIFFERENCES = {
    'MSR_reg': 'not readable at EL0: no names here',
    'MRS': 'as MSR_reg',
    'MRS_ID': 'names of AArch32 registers are not known here',
    '?SHLL_asimdshf': 'the preferred alias is SXTL, UXTL',
}


def normalise(text):
    text = re.sub(r'//.*', '', text).strip().lower().replace('{ ', '{').replace(' }', '}')

    def number(m):
        if '.' in m.group(1):
            return '#%g' % float(m.group(1))
        return '#%x' % (int(m.group(1), 0) & 0xffffffffffffffff)
    return re.sub(r'\s+', ' ', re.sub(r'#(-?0x[0-9a-f]+|-?[0-9.]+(?:e[-+]?\d+)?)', number, text))


def absolute(text):
    """llvm-mc shows distances where the manual's text has addresses."""
    m = re.match(r'(b\.\w+|bc?|bl|cbn?z|tbn?z|adrp?|ldr\w*|prfm)\s(.*)#(-?\d+)$', text)
    if not m or '[' in text:
        return text
    base = PC & ~0xfff if m.group(1) == 'adrp' else PC
    return f'{m.group(1)} {m.group(2)}#{(base + int(m.group(3))) & 0xffffffffffffffff}'


def llvm(tool, words, features):
    data = ''.join(' '.join(f'{w >> 8 * i & 255:#04x}' for i in range(4)) + '\n' for w in words)
    r = subprocess.run([tool, '--disassemble', '--triple=aarch64', '-mattr=' + features], input=data, capture_output=True,
                       text=True, check=False)
    invalid = {int(n) for n in re.findall(r'<stdin>:(\d+):\d+: warning: invalid', r.stderr)}
    lines = iter(line for line in map(str.strip, r.stdout.splitlines()) if line not in ('', '.text'))
    return ['' if i in invalid else next(lines) for i in range(1, len(words) + 1)]


def check_text(tool, a64gen, count, chapter):
    command = [a64gen, '-n', count, '--pc', str(PC), '--chapter', chapter]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cases = [line.split(' ', 2) for line in out.splitlines()]
    seen, bad = collections.Counter(), collections.Counter()
    texts = llvm(tool, [int(c[0], 16) for c in cases], TEXT_FEATURES)
    for (word, row, ours), theirs in zip(cases, texts):
        if normalise(ours) == normalise(absolute(theirs.replace('\t', ' '))):
            continue
        entry = next((d for d in DIFFERENCES if fnmatch.fnmatchcase(row, d)), None)
        if entry:
            seen[entry] += 1
            continue
        bad[row] += 1
        if bad[row] <= 3:
            print(f"{word} {row}: ours '{ours}', llvm-mc '{theirs}'")
    for d in DIFFERENCES:
        if not seen[d] and not chapter:
            print(f'no difference was seen for {d}: {DIFFERENCES[d]}')
            bad[d] += 1
    print(f'text: {len(cases)} words of {len({c[1] for c in cases})} rows; {sum(bad.values())} differ')
    return sum(bad.values())


def decode(a64gen, words):
    """The row of every word."""
    rows = []
    for i in range(0, len(words), 5000):
        command = [a64gen, '--decode'] + [f'{w:x}' for w in words[i:i + 5000]]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows += [line.split(' ', 2)[1] for line in out.splitlines()]
    return rows


def check_allocation(tool, a64gen, count):
    out = subprocess.run([a64gen, '-n', '20'], capture_output=True, text=True, check=True).stdout
    allocated = [int(line.split()[0], 16) for line in out.splitlines()]
    rng = random.Random(1)
    words = [rng.getrandbits(32) for _ in range(count)]
    for w in rng.choices(allocated, k=count):
        for _ in range(rng.randint(1, 2)):
            w ^= 1 << rng.randrange(32)
        words.append(w)
    bad = 0
    for word, row, theirs in zip(words, decode(a64gen, words), llvm(tool, words, FEATURES)):
        ours = row != 'UNALLOCATED'
        if ours == bool(theirs) or (theirs and theirs.split()[0] in MISSING):
            continue
        bad += 1
        print(f"{word:08x}: {row} for us, '{theirs}' for llvm-mc")
    print(f'allocation: {len(words)} words; {bad} differ')
    return bad


def main():
    tool = shutil.which('llvm-mc-14') or shutil.which('llvm-mc')
    if not tool:
        print('llvm-mc is not installed')
        return 77
    a64gen, count, chapter = (sys.argv[1:] + ['200', ''][len(sys.argv) - 2:])[:3]
    bad = check_text(tool, a64gen, count, chapter)
    if not chapter:
        bad += check_allocation(tool, a64gen, 60000)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())

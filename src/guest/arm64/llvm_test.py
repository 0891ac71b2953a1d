#!/usr/bin/env python3
"""Disassembly of random words of every row, compared with llvm-mc's.

    llvm_test.py A64GEN [N [CHAPTER]]         exits with 77 (skipped) where llvm-mc is not installed

Numbers are compared by value.  DIFFERENCES lists rows whose text differs for a reason that is not ours; each entry
must be needed, so that the list stays honest.
"""

import collections
import fnmatch
import re
import shutil
import subprocess
import sys

PC = 0x123456000
FEATURES = ('+v8.6a,+crypto,+sha3,+sm4,+fp16fml,+fullfp16,+flagm,+altnzcv,+lse,+rcpc-immo,+sb,+crc,+bf16,+i8mm,+dotprod,+rdm,'
            '+fptoint,+complxnum,+jsconv,+ccpp,+spe')
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


def llvm(tool, words):
    data = ''.join(' '.join(f'{w >> 8 * i & 255:#04x}' for i in range(4)) + '\n' for w in words)
    r = subprocess.run([tool, '--disassemble', '--triple=aarch64', '-mattr=' + FEATURES], input=data, capture_output=True,
                       text=True, check=False)
    invalid = {int(n) for n in re.findall(r'<stdin>:(\d+):\d+: warning: invalid', r.stderr)}
    lines = iter([s.strip() for s in r.stdout.splitlines() if s.strip() and s.strip() != '.text'])
    return ['' if i in invalid else next(lines) for i in range(1, len(words) + 1)]


def main():
    tool = shutil.which('llvm-mc-14') or shutil.which('llvm-mc')
    if not tool:
        print('llvm-mc is not installed')
        return 77
    count = sys.argv[2] if len(sys.argv) > 2 else '200'
    chapter = sys.argv[3] if len(sys.argv) > 3 else ''
    out = subprocess.run([sys.argv[1], '-n', count, '--pc', str(PC), '--chapter', chapter], capture_output=True, text=True, check=True).stdout
    cases = [line.split(' ', 2) for line in out.splitlines()]
    seen, bad = collections.Counter(), collections.Counter()
    for (word, row, ours), theirs in zip(cases, llvm(tool, [int(c[0], 16) for c in cases])):
        if normalise(ours) == normalise(absolute(theirs.replace('\t', ' '))):
            continue
        entry = next((d for d in DIFFERENCES if fnmatch.fnmatchcase(row, d)), None)
        if entry:
            seen[entry] += 1
            continue
        bad[row] += 1
        if bad[row] <= 3:
            print(f"{word} {row}: ours '{ours}', llvm-mc '{theirs}'")
    for d in DIFFERENCES if chapter == '' else []:
        if not seen[d]:
            print(f'no difference was seen for {d}: {DIFFERENCES[d]}')
            bad[d] += 1
    print(f'{len(cases)} words of {len({c[1] for c in cases})} rows; {sum(bad.values())} differ')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())

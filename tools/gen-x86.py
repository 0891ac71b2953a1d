#!/usr/bin/env python3
"""Makes the x86 guest's decoder tables from src/guest/x86/*.isa.

    gen-x86.py --out DIR TABLE.isa... LIFT.c...

writes x86_isa.h and x86_isa.c.  A table is lines:

    # comment
    @ LIFT FEATURE [attribute...]        for the rows that follow, until the next @
    NAME encoding... [: operands [: attribute...]]
    %each $X = word...   lines   %end    the lines once for each word, $X replaced; $i is the index
    %with $Y = word...                   directly after %each: more names that go along

Encoding: the legacy map's bytes (0F, 0F38, 0F3A; none: one-byte map) and the opcode, `50+r` for eight opcodes with
a register in the low bits, `{expression}`; NP 66 F3 F2 (the mandatory prefix; none: any), notf3; /digit; mem, reg (ModRM's form),
anymod (its mod is ignored), rmN (its low bits), sib; o16 o32 o64, a16 a32 a64; only32, only64; d64 (operand size 64 in 64-bit
mode unless 66), f64 (always); W0 W1 L0 L1 LIG; nob (REX.B clear).  `vex`: VEX-encoded only; v1 v2 vs v128: a legacy row that
VEX encodes also (V before its name; AVX for 128 and 256 bits; AVX2 for 256; scalar; 128 only).

Operands: a letter of the manual's opcode maps (appendix A.2) and a size.  H in a legacy row stands for the
destination.  Letters beyond the manual's: Z (register in the opcode), R U N (ModRM.rm must be a register), A accumulator (Ap: far pointer).
Sizes: b w d q o(16 bytes) t(10) v z y, x (16 or 32 by VEX.L), h k j (a half, quarter, eighth of x), n (native), p, a, m, s;
dw, db, vw: a register of the first, memory of the second.

Attributes: rf, wf (reads flags; writes all of them, always), mem (accesses memory beyond its operands), end
(ends the unit or may leave it), fp, lock, rep, repe, u, a (16-byte alignment not required; always required), l32 l64 (lane), mmx, x87,
arg=C-expression, ?FLAGS (left undefined: letters O S Z A P C); `attribute=NAME,NAME` only for rows of these names.

A row whose lift function is defined in none of the C files is decoded only."""
import argparse
import os
import re
import sys

MAPS = {'': 0, '0F': 1, '0F38': 2, '0F3A': 3}
PREFIX = {'NP': 1, '66': 2, 'F3': 4, 'F2': 8}
SIZES = ['', 'b', 'w', 'd', 'q', 'o', 't', 'v', 'z', 'y', 'x', 'h', 'k', 'j', 'n', 'p', 'a', 'm', 's', 'dw', 'db', 'vw']
FIXED = {'CL': ('CL', 'b'), 'DX': ('DX', 'w'), '1': ('ONE', 'b'), 'ST0': ('ST0', 't'), 'STi': ('STI', 't'), 'XMM0': ('XMM0', 'o'),
         'ES': ('SEG0', 'w'), 'CS': ('SEG1', 'w'), 'SS': ('SEG2', 'w'), 'DS': ('SEG3', 'w'), 'FS': ('SEG4', 'w'), 'GS': ('SEG5', 'w'),
         'Is': ('IS', 'b'), 'Ib2': ('IMM2', 'b'), 'Ap': ('FAR', 'p')}
LETTERS = 'EGMRBIJOSCDVWUHLPQNZAXY'
ATTRS = ['rf', 'wf', 'mem', 'end', 'fp', 'lock', 'rep', 'repe', 'u', 'a', 'mmx', 'x87', 'modrm', 'd64', 'f64', 'nob', 'anymod', 'sib',
         'vvvv', 'faults']
UNDEFINED = {'O': 0x0001, 'S': 0x8000, 'Z': 0x4000, 'A': 0x1000, 'P': 0x0400, 'C': 0x0100}


class Error(Exception):
    pass


def expand(lines):
    """Yields (number, text) with %each unrolled."""
    out = []
    i = 0
    while i < len(lines):
        number, text = lines[i]
        m = re.match(r'%each\s+\$(\w+)\s*=\s*(.*)', text)
        if not m:
            if text.startswith('%'):
                raise Error(f'{number}: {text} without %each')
            out.append((number, text))
            i += 1
            continue
        names = [(m[1], m[2].split())]
        i += 1
        while m := re.match(r'%with\s+\$(\w+)\s*=\s*(.*)', lines[i][1]):
            names.append((m[1], m[2].split()))
            i += 1
        depth, body = 1, []
        while True:
            if i == len(lines):
                raise Error(f'{number}: %each without %end')
            depth += lines[i][1].startswith('%each') - lines[i][1].startswith('%end')
            i += 1
            if not depth:
                break
            body.append(lines[i - 1])
        for k in range(len(names[0][1])):
            table = {n: w[k] for n, w in names}
            table['i'] = str(k)
            sub = lambda m: table.get(m[1] or m[2], m[0])
            out += expand([(n, re.sub(r'\$(?:\{(\w+)\}|(\w))', sub, t)) for n, t in body])
    return out


def operand(text):
    if text in FIXED:
        return FIXED[text]
    letter, size = text[0], text[1:]
    if letter not in LETTERS or size not in SIZES:
        raise Error(f'operand {text}')
    return letter, size


class Row:
    def __init__(self, name, encoding, operands, attributes, lift, feature):
        self.name, self.lift, self.feature, self.feature256 = name, lift, feature, feature
        self.map, self.opcode, self.count = '', None, 1
        self.pfx = self.vex = 0
        self.l = self.w = self.mod = self.modes = 3
        self.osz = self.asz = 7
        self.reg = self.rm = -1
        self.lane, self.arg, self.undefined = 'IR_VOID', '0', 0
        self.attrs = set()
        self.both = None
        for t in encoding:
            self.encode(t)
        if self.opcode is None:
            raise Error('no opcode')
        self.pfx = self.pfx or 15
        for t in attributes:
            self.attribute(t)
        self.operands = operands

    def encode(self, t):
        if t in PREFIX:
            self.pfx |= PREFIX[t]
        elif t == 'notf3':
            self.pfx = 15 & ~4
        elif t in ('0F', '0F38', '0F3A'):
            self.map = t
        elif re.fullmatch(r'/[0-7]', t):
            self.reg = int(t[1])
        elif re.fullmatch(r'rm[0-7]', t):
            self.rm = int(t[2])
        elif t in ('mem', 'reg'):
            self.mod = 1 if t == 'mem' else 2
        elif t in ('o16', 'o32', 'o64'):
            self.osz = {'o16': 1, 'o32': 2, 'o64': 4}[t]
        elif t in ('a16', 'a32', 'a64'):
            self.asz = {'a16': 1, 'a32': 2, 'a64': 4}[t]
        elif t in ('only32', 'only64'):
            self.modes = 1 if t == 'only32' else 2
        elif t in ('W0', 'W1'):
            self.w = 1 if t == 'W0' else 2
        elif t in ('L0', 'L1', 'LIG'):
            self.l = {'L0': 1, 'L1': 2, 'LIG': 3}[t]
        elif t == 'vex':
            self.vex = 1
        elif t in ('v1', 'v2', 'vs', 'v128'):
            self.both = t
        elif t in ('d64', 'f64', 'nob', 'anymod', 'sib'):
            self.attrs.add(t)
        else:
            m = re.fullmatch(r'\{(.*)\}(\+r)?', t)
            if not m:
                raise Error(f'encoding {t}')
            self.opcode = eval(m[1], {})
            if m[2]:
                self.count = 8

    def attribute(self, t):
        if t.startswith('?'):
            letters, _, names = t[1:].partition('=')
            if not names or self.name in names.split(','):
                self.undefined |= sum(UNDEFINED[c] for c in letters)
        elif t.startswith('arg='):
            self.arg = t[4:]
        elif t in ('l32', 'l64'):
            self.lane = 'IR_I' + t[1:]
        else:
            t, _, names = t.partition('=')
            if t not in ATTRS:
                raise Error(f'attribute {t}')
            if not names or self.name in names.split(','):
                self.attrs.add(t)

    def finish(self):
        """After operands are known: what they imply."""
        ops = [operand(o) for o in self.operands]
        for letter, size in ops:
            if letter in 'EGMRVWUPQNSCD' or letter == 'STI':
                self.attrs.add('modrm')
            if letter == 'M':
                self.mod &= 1
            if letter in 'RUN' or letter == 'STI':
                if 'anymod' not in self.attrs:
                    self.mod &= 2
            if letter in 'HB':
                self.attrs.add('vvvv')
            if letter in 'OXY':
                self.attrs.add('faults')
            if letter in 'EMWQ' and self.mod & 1 and not (letter == 'M' and size == 'm' and 'mem' not in self.attrs):
                self.attrs.add('faults')
        if self.reg >= 0 or self.rm >= 0 or self.mod != 3:
            self.attrs.add('modrm')
        if 'mem' in self.attrs:
            self.attrs.add('faults')
        if not self.mod:
            raise Error('neither memory nor register')
        self.ops = ops

    def forms(self):
        """The row itself, and its VEX twin."""
        import copy
        legacy = copy.copy(self)
        legacy.attrs = set(self.attrs)
        if self.vex:
            legacy.finish()
            return [legacy]
        legacy.operands = list(self.operands)
        for i, o in enumerate(legacy.operands):
            if o[0] == 'H':
                legacy.operands[i] = legacy.operands[1 if i == 0 else 0]
        if self.operands and self.operands[0][0] == 'H':
            legacy.operands[0] = legacy.operands[1]
        legacy.operands = [o.replace('x', 'o') if o[0] in 'VWUHM' and len(o) == 2 else o for o in legacy.operands]
        legacy.operands = [re.sub(r'^([VWUM])h$', r'\1q', re.sub(r'^([VWUM])k$', r'\1d', re.sub(r'^([VWUM])j$', r'\1w', o)))
                           for o in legacy.operands]
        legacy.finish()
        if not self.both:
            return [legacy]
        vex = copy.copy(self)
        vex.attrs = set(self.attrs)
        vex.vex = 1
        vex.name = 'V' + self.name
        vex.feature = 'AVX'
        vex.feature256 = 'AVX2' if self.both == 'v2' else 'AVX'
        if self.both == 'v128':
            vex.l = 1
        vex.finish()
        return [legacy, vex]


def parse(path):
    lines = []
    for n, line in enumerate(open(path), 1):
        text = re.sub(r'(^|\s)#.*', '', line).strip()
        if text:
            lines.append((f'{os.path.basename(path)}:{n}', text))
    rows = []
    lift = feature = None
    inherited = []
    for where, text in expand(lines):
        try:
            if text.startswith('@'):
                lift, feature, *inherited = text[1:].split()
                continue
            parts = [p.split() for p in text.split(':')]
            name, *encoding = parts[0]
            operands = parts[1][0].split(',') if len(parts) > 1 and parts[1] else []
            attributes = inherited + (parts[2] if len(parts) > 2 else [])
            # The last byte is the opcode; F2, F3, 66 and 0F before it are prefixes and the map.
            hexes = [i for i, t in enumerate(encoding) if re.fullmatch(r'([0-9A-F]{2}|\{.*\})(\+r)?', t)]
            encoding[hexes[-1]] = re.sub(r'^[0-9A-F]{2}', lambda m: '{0x' + m[0] + '}', encoding[hexes[-1]])
            row = Row(name, encoding, operands, attributes, lift, feature)
            row.where = where
            rows += row.forms()
        except (Error, IndexError, KeyError) as e:
            sys.exit(f'{where}: {text}: {e!r}')
    return rows


def overlaps(a, b):
    """Could one instruction be of both rows?"""
    return (a.vex == b.vex and a.pfx & b.pfx and a.modes & b.modes and a.w & b.w and (not a.vex or a.l & b.l) and a.mod & b.mod and
            a.osz & b.osz and a.asz & b.asz and (a.reg == b.reg or a.reg < 0 or b.reg < 0) and (a.rm == b.rm or a.rm < 0 or b.rm < 0))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--out', required=True)
    p.add_argument('files', nargs='+')
    o = p.parse_args()
    rows = []
    defined = set()
    for f in o.files:
        if f.endswith('.isa'):
            rows += parse(f)
        else:
            defined |= set(re.findall(r'^void x86_lift_(\w+)\(', open(f).read(), re.M))
    index = {}
    for n, r in enumerate(rows):
        for k in range(r.count):
            index.setdefault((r.vex, MAPS[r.map], r.opcode + k), []).append(r)
    for key, rs in index.items():
        for i, a in enumerate(rs):
            for b in rs[i + 1:]:
                if overlaps(a, b) and 'nob' not in a.attrs:
                    sys.exit(f'{b.where}: {b.name} overlaps {a.name} of {a.where}')
    used = {r.lift for r in rows if r.lift in defined}
    for name in sorted(defined - {r.lift for r in rows}):
        sys.exit(f'x86_lift_{name} belongs to no row')
    features = sorted({r.feature for r in rows} | {r.feature256 for r in rows}, key=lambda f: (f != 'BASE', f))
    number = {id(r): n for n, r in enumerate(rows)}

    with open(os.path.join(o.out, 'x86_isa.h'), 'w') as h:
        h.write('/* Made by tools/gen-x86.py from src/guest/x86. */\n#pragma once\n')
        h.write('enum x86_feature {\n' + ''.join(f'    X86_FEATURE_{f},\n' for f in features) + '    X86_FEATURE_COUNT\n};\n')
        h.write('#include "guest/x86/rows.h"\nx86_lift_fn ' + ',\n    '.join('x86_lift_' + f for f in sorted(used)) + ';\n' if used else '')
    with open(os.path.join(o.out, 'x86_isa.c'), 'w') as c:
        c.write('/* Made by tools/gen-x86.py from src/guest/x86. */\n#include "guest/x86/lift.h"\n\n')
        c.write('const char *const x86_feature_names[] = {' + ', '.join(f'"{f}"' for f in features) + '};\n')
        c.write(f'const unsigned x86_row_count = {len(rows)};\nconst struct x86_row x86_rows[] = {{\n')
        for r in rows:
            spec = ', '.join('{X86_SPEC_%s, X86_SIZE_%s}' % (a, b or 'none') for a, b in r.ops)
            attrs = ' | '.join('X86_ATTR_' + a for a in sorted(r.attrs)) or '0'
            lift = 'x86_lift_' + r.lift if r.lift in used else 'NULL'
            c.write(f'    {{"{r.name}", {lift}, {attrs}, (uint32_t)({r.arg}), {{{spec or "{0}"}}}, 0x{r.undefined:04x}, {MAPS[r.map]}, 0x{r.opcode:02x}, '
                    f'{r.count}, {r.vex}, {r.pfx}, {r.l}, {r.w}, {r.mod}, {r.modes}, {r.osz}, {r.asz}, {r.reg}, {r.rm}, {r.lane}, '
                    f'X86_FEATURE_{r.feature}, X86_FEATURE_{r.feature256}}},\n')
        c.write('};\n\n/* Rows of an opcode: first and count in x86_order, by VEX, map, opcode. */\n')
        order, starts = [], []
        for vex in range(2):
            for m in range(4):
                for op in range(256):
                    rs = index.get((vex, m, op), [])
                    starts.append((len(order), len(rs)))
                    order += [number[id(r)] for r in rs]
        c.write('const uint16_t x86_order[] = {' + ', '.join(map(str, order)) + '};\n')
        c.write('const struct x86_opcode x86_opcodes[2][4][256] = {{{')
        for i, (s, n) in enumerate(starts):
            if i and i % 256 == 0:
                c.write('}},\n{{' if i % 1024 == 0 else '},\n{')
            c.write(f'{{{s}, {n}}},')
        c.write('}}};\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())

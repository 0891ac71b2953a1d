#!/usr/bin/env python3
"""Makes C from instruction tables: src/guest/arm64/*.isa -> decoder, lift dispatch, disassembler.

    gen-isa.py --out DIR table.isa...     writes DIR/arm64_isa.h and DIR/arm64_isa.c
    gen-isa.py --check table.isa...       only checks

A table is text.  '#' starts a comment.  A row begins in the first column with the manual's name of an
encoding and its 32 bits, most significant first; indented lines below it say what it means:

    ADD_addsub_imm  sf:1 00 100010 sh:1 imm12:12 Rn:5 Rd:5
        when    sf == 1 || Rd != 3                      # else the word is unallocated
        let     imm = imm12 << (sh * 12)                # a name for an expression
        alias   "mov {rs:Rd,sf}, {rs:Rn,sf}" when sh == 0 && imm12 == 0 && (Rd == 31 || Rn == 31)
        asm     "add {rs:Rd,sf}, {rs:Rn,sf}, {i:imm12}{lsl12:sh}"
        lift    add_sub_imm sub=0 flags=0 imm=imm
        feature LSE
        attr    writes_flags
        priority 1

Bits.     0 and 1 are fixed, x is ignored, name:width is a field (of at most 32 bits).
when      An expression over fields; several lines are and-ed.  Where two rows match a word, they must
          differ in priority (default 0; the higher wins), or their `when` must never both hold: the
          generator proves that by trying all values of the fields concerned.
asm       {formatter:expr,expr...} calls arm64_fmt_formatter(text, values...); all else is literal.
          {formatter} has no values.  alias lines are tried in order before asm.
lift      A function arm64_lift_NAME(struct arm64_lift *, const struct arm64_args_NAME *); the struct
          has every field of the row, and the constants and expressions given as name=expr (without
          spaces, or in parentheses).  Rows with the same lift must give the same set of names.
attr      Words of ATTRS below.

IR_…, FP_… and SIMD_… in the values given to a lift are C's enumerators (of ir/ and guest/arm64/simd.h).
Expressions are C's over unsigned 32-bit numbers: ?: || && | ^ & == != < <= > >= << >> + - * / % ! ~,
numbers (12, 0x1f, 0b101), and the functions of FUNCTIONS below, which C knows as arm64_expr_NAME.
"""

import argparse
import itertools
import os
import re
import sys

ATTRS = ['reads_flags', 'writes_flags', 'faults', 'ends', 'branch', 'system', 'load', 'store',
         'exclusive', 'fp', 'simd', 'pc', 'unpredictable']
KEYWORDS = ['when', 'let', 'alias', 'asm', 'lift', 'feature', 'attr', 'priority']
MAX_PROOF_BITS = 22
RESERVED = ['w', 't', 'l', 'row', 'none', 'signed', 'unsigned', 'default', 'if', 'for', 'int', 'long']
M32 = 0xffffffff
CONSTANT = re.compile(r'(IR|FP|SIMD)_[A-Z0-9_]+')


class TableError(Exception):
    pass


def bitmask_ok(n, imms, sf):
    """Is N:imms a valid logical immediate of the register size?"""
    if n == 1 and sf == 0:
        return 0
    combined = n << 6 | (~imms & 0x3f)
    if combined < 2:
        return 0
    length = combined.bit_length() - 1
    levels = (1 << length) - 1
    return int(imms & levels != levels)


def move_wide_preferred(sf, n, imms, immr):
    """The manual's MoveWidePreferred(): would MOV be better shown as MOVZ or MOVN?"""
    width = 64 if sf else 32
    if (sf and n == 0) or (not sf and (n != 0 or imms & 0x20)):
        return 0
    if imms < 16:
        return int((-immr & (width - 1)) % 16 <= 15 - imms)
    if imms >= width - 15:
        return int(immr % 16 <= imms - (width - 15))
    return 0


FUNCTIONS = {
    'bitmask_ok': (3, bitmask_ok),
    'move_wide_preferred': (4, move_wide_preferred),
    'popcount': (1, lambda v: bin(v).count('1')),
    'clz32': (1, lambda v: 32 - v.bit_length()),
    'ctz32': (1, lambda v: (v & -v).bit_length() - 1 if v else 32),
}

# ---- expressions -----------------------------------------------------------------------------

TOKEN = re.compile(r'\s*(0x[0-9a-fA-F]+|0b[01]+|\d+|[A-Za-z_]\w*|\|\||&&|==|!=|<=|>=|<<|>>|[-?:|^&<>+*/%!~(),])')
BINARY = [['||'], ['&&'], ['|'], ['^'], ['&'], ['==', '!='], ['<', '<=', '>', '>='], ['<<', '>>'], ['+', '-'],
          ['*', '/', '%']]


class Parser:
    def __init__(self, text):
        self.tokens, pos = [], 0
        text = text.rstrip()
        while pos < len(text):
            m = TOKEN.match(text, pos)
            if not m:
                raise TableError(f"bad expression '{text}' at '{text[pos:]}'")
            self.tokens.append(m.group(1))
            pos = m.end()
        self.text, self.at = text, 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, what=None):
        t = self.peek()
        if t is None or (what and t != what):
            raise TableError(f"bad expression '{self.text}': expected {what or 'more'}, found {t or 'its end'}")
        self.at += 1
        return t

    def whole(self):
        e = self.ternary()
        if self.peek() is not None:
            raise TableError(f"bad expression '{self.text}': unexpected '{self.peek()}'")
        return e

    def ternary(self):
        c = self.binary(0)
        if self.peek() != '?':
            return c
        self.take()
        yes = self.ternary()
        self.take(':')
        return ('?', c, yes, self.ternary())

    def binary(self, level):
        if level == len(BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in BINARY[level]:
            op = self.take()
            left = (op, left, self.binary(level + 1))
        return left

    def unary(self):
        t = self.take()
        if t in ('!', '~', '-'):
            return ('u' + t, self.unary())
        if t == '(':
            e = self.ternary()
            self.take(')')
            return e
        if t[0].isdigit():
            return ('num', int(t, 0))
        if not (t[0].isalpha() or t[0] == '_'):
            raise TableError(f"bad expression '{self.text}': unexpected '{t}'")
        if self.peek() != '(':
            return ('const', t) if CONSTANT.fullmatch(t) else ('name', t)
        self.take()
        args = []
        if self.peek() != ')':
            args.append(self.ternary())
            while self.peek() == ',':
                self.take()
                args.append(self.ternary())
        self.take(')')
        if t not in FUNCTIONS:
            raise TableError(f"unknown function {t}()")
        if FUNCTIONS[t][0] != len(args):
            raise TableError(f"{t}() takes {FUNCTIONS[t][0]} arguments")
        return ('call', t, args)


def parse_list(text):
    p = Parser(text)
    out = [p.ternary()]
    while p.peek() == ',':
        p.take()
        out.append(p.ternary())
    if p.peek() is not None:
        raise TableError(f"bad expression '{text}'")
    return out


def names(e):
    if e[0] == 'name':
        return {e[1]}
    if e[0] in ('num', 'const'):
        return set()
    parts = e[2] if e[0] == 'call' else e[1:]
    return set().union(*[names(x) for x in parts]) if parts else set()


def substitute(e, lets):
    """e with the names of lets replaced by their expressions."""
    if e[0] == 'name':
        return lets.get(e[1], e)
    if e[0] in ('num', 'const'):
        return e
    if e[0] == 'call':
        return ('call', e[1], [substitute(x, lets) for x in e[2]])
    return (e[0],) + tuple(substitute(x, lets) for x in e[1:])


def evaluate(e, env):
    k = e[0]
    if k == 'num':
        return e[1]
    if k == 'name':
        return env[e[1]]
    if k == 'const':
        raise TableError(f'{e[1]} is known to C only')
    if k == 'call':
        return FUNCTIONS[e[1]][1](*[evaluate(x, env) for x in e[2]])
    if k == '?':
        return evaluate(e[2] if evaluate(e[1], env) else e[3], env)
    if k == '&&':
        return int(bool(evaluate(e[1], env)) and bool(evaluate(e[2], env)))
    if k == '||':
        return int(bool(evaluate(e[1], env)) or bool(evaluate(e[2], env)))
    a = evaluate(e[1], env)
    if k == 'u!':
        return int(not a)
    if k == 'u~':
        return ~a & M32
    if k == 'u-':
        return -a & M32
    b = evaluate(e[2], env)
    return {
        '|': lambda: a | b, '^': lambda: a ^ b, '&': lambda: a & b, '==': lambda: int(a == b),
        '!=': lambda: int(a != b), '<': lambda: int(a < b), '<=': lambda: int(a <= b),
        '>': lambda: int(a > b), '>=': lambda: int(a >= b), '<<': lambda: (a << b) & M32,
        '>>': lambda: a >> b, '+': lambda: (a + b) & M32, '-': lambda: (a - b) & M32,
        '*': lambda: (a * b) & M32, '/': lambda: a // b, '%': lambda: a % b,
    }[k]()


def to_c(e):
    k = e[0]
    if k == 'num':
        return f'{e[1]}u' if e[1] < 10 else f'{e[1]:#x}u'
    if k in ('name', 'const'):
        return e[1]
    if k == 'call':
        return f"arm64_expr_{e[1]}({', '.join(to_c(x) for x in e[2])})"
    if k == '?':
        return f'({to_c(e[1])} ? {to_c(e[2])} : {to_c(e[3])})'
    if k[0] == 'u' and len(k) == 2:
        return f'({k[1]}{to_c(e[1])})'
    text = f'({to_c(e[1])} {k} {to_c(e[2])})'
    return f'(uint32_t){text}' if k in ('==', '!=', '<', '<=', '>', '>=', '&&', '||') else text


# ---- tables ----------------------------------------------------------------------------------

class Row:
    def __init__(self, name, chapter, where):
        self.name, self.chapter, self.where = name, chapter, where
        self.mask = self.value = 0
        self.fields = {}  # name -> (lowest bit, width)
        self.when = []
        self.lets = {}
        self.asm = []  # (parts, condition or None)
        self.lift = None
        self.lift_args = {}
        self.feature = ''
        self.attrs = []
        self.priority = 0

    def expr(self, text):
        return self.bind(Parser(text).whole())

    def bind(self, e):
        e = substitute(e, self.lets)
        unknown = names(e) - set(self.fields)
        if unknown:
            raise TableError(f"unknown name {', '.join(sorted(unknown))}")
        return e

    def condition(self):
        if not self.when:
            return None
        e = self.when[0]
        for x in self.when[1:]:
            e = ('&&', e, x)
        return e

    def parse_bits(self, tokens):
        pos = 32
        for t in tokens:
            m = re.fullmatch(r'([A-Za-z_]\w*):(\d+)', t)
            if m:
                width = int(m.group(2))
                if m.group(1) in RESERVED:
                    raise TableError(f"{m.group(1)} is not a name for a field")
                if m.group(1) in self.fields:
                    raise TableError(f"field {m.group(1)} appears twice")
                if not 1 <= width <= 32 or pos - width < 0:
                    raise TableError('a row has 32 bits')
                pos -= width
                self.fields[m.group(1)] = (pos, width)
            elif re.fullmatch(r'[01x]+', t):
                for bit in t:
                    pos -= 1
                    if pos < 0:
                        raise TableError('a row has 32 bits')
                    if bit != 'x':
                        self.mask |= 1 << pos
                        self.value |= int(bit) << pos
            else:
                raise TableError(f"bad bits '{t}'")
        if pos != 0:
            raise TableError(f'a row has 32 bits, not {32 - pos}')
        if self.mask == 0:
            raise TableError('a row needs fixed bits')

    def parse_template(self, text):
        parts, pos = [], 0
        while pos < len(text):
            if text[pos] == '}':
                raise TableError("'}' without '{'")
            if text[pos] != '{':
                end = min([i for i in (text.find('{', pos), text.find('}', pos)) if i >= 0] or [len(text)])
                parts.append(text[pos:end])
                pos = end
                continue
            end = text.find('}', pos)
            if end < 0:
                raise TableError("'{' without '}'")
            name, _, args = text[pos + 1:end].partition(':')
            if not re.fullmatch(r'[a-z]\w*', name):
                raise TableError(f"bad formatter '{name}'")
            parts.append((name, [self.bind(e) for e in parse_list(args)] if args else []))
            pos = end + 1
        return parts

    def parse_line(self, line):
        word, _, rest = line.partition(' ')
        rest = rest.strip()
        if word not in KEYWORDS:
            raise TableError(f"unknown keyword '{word}'")
        if not rest:
            raise TableError(f'{word} needs something')
        if word == 'when':
            self.when.append(self.expr(rest))
        elif word == 'let':
            m = re.fullmatch(r'([A-Za-z_]\w*)\s*=\s*(.+)', rest)
            if not m:
                raise TableError('let NAME = EXPRESSION')
            if m.group(1) in self.fields or m.group(1) in self.lets:
                raise TableError(f'{m.group(1)} is already a name')
            self.lets[m.group(1)] = self.expr(m.group(2))
        elif word in ('asm', 'alias'):
            m = re.fullmatch(r'"([^"]*)"(?:\s+when\s+(.+))?', rest)
            if not m or (word == 'alias') != bool(m.group(2)):
                raise TableError('asm "TEMPLATE", or alias "TEMPLATE" when EXPRESSION')
            if self.asm and self.asm[-1][1] is None:
                raise TableError('asm comes last, and once')
            self.asm.append((self.parse_template(m.group(1)), self.expr(m.group(2)) if m.group(2) else None))
        elif word == 'lift':
            if self.lift:
                raise TableError('lift given twice')
            parts = rest.split()
            if not re.fullmatch(r'[a-z]\w*', parts[0]):
                raise TableError(f"bad lift '{parts[0]}'")
            self.lift = parts[0]
            for name, text in re.findall(r'(\w+)=(\((?:[^()]|\([^()]*\))*\)|\S+)', rest[len(parts[0]):]):
                if name in self.lift_args or name in self.fields:
                    raise TableError(f'{name} is already a name')
                self.lift_args[name] = self.expr(text)
            if re.sub(r'(\w+)=(\((?:[^()]|\([^()]*\))*\)|\S+)', '', rest[len(parts[0]):]).strip():
                raise TableError('lift NAME name=expr…')
        elif word == 'feature':
            self.feature = rest
        elif word == 'attr':
            for a in rest.split():
                if a not in ATTRS:
                    raise TableError(f"unknown attr '{a}'")
                self.attrs.append(a)
        elif word == 'priority':
            if not rest.isdigit():
                raise TableError('priority is a number')
            self.priority = int(rest)

    def finish(self):
        if not self.asm or self.asm[-1][1] is not None:
            raise TableError('no asm')
        if not self.lift:
            raise TableError('no lift')

    def args(self):
        """Names in the lift's struct -> expression."""
        out = {f: ('name', f) for f in self.fields}
        out.update(self.lift_args)
        return out


def read_table(path):
    rows, row = [], None
    chapter = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding='utf-8') as f:
        for number, raw in enumerate(f, 1):
            line = strip_comment(raw).rstrip()
            if not line.strip():
                continue
            where = f'{path}:{number}'
            try:
                if not line[0].isspace():
                    if row:
                        row.finish()
                    name, *bits = line.split()
                    row = None
                    if not re.fullmatch(r'[A-Z][A-Za-z0-9_]*', name):
                        raise TableError(f"bad row name '{name}'")
                    row = Row(name, chapter, where)
                    rows.append(row)
                    row.parse_bits(bits)
                elif row is None:
                    raise TableError('an indented line before any row')
                else:
                    row.parse_line(line.strip())
            except TableError as e:
                raise TableError(f'{where}: {row.name + ": " if row else ""}{e}') from None
        try:
            if row:
                row.finish()
        except TableError as e:
            raise TableError(f'{row.where}: {row.name}: {e}') from None
    return rows


def strip_comment(line):
    """Without what follows a '#' outside of quotes."""
    quoted = False
    for i, c in enumerate(line):
        if c == '"':
            quoted = not quoted
        elif c == '#' and not quoted:
            return line[:i]
    return line


# ---- checks ----------------------------------------------------------------------------------

def overlap(a, b):
    """A word that both rows match, or None."""
    if (a.value ^ b.value) & a.mask & b.mask:
        return None
    base = a.value | b.value
    fixed = a.mask | b.mask
    conditions = [(r, r.condition()) for r in (a, b) if r.when]
    free = 0
    for r, c in conditions:
        for n in names(c):
            pos, width = r.fields[n]
            free |= ((1 << width) - 1) << pos
    free &= ~fixed
    bits = [i for i in range(32) if free >> i & 1]
    if len(bits) > MAX_PROOF_BITS:
        raise TableError(f'{a.name} and {b.name} overlap, and their conditions are too wide to try; give a priority')
    for values in range(1 << len(bits)):
        word = base
        for i, bit in enumerate(bits):
            word |= (values >> i & 1) << bit
        if all(evaluate(c, {n: word >> p & ((1 << w) - 1) for n, (p, w) in r.fields.items()}) for r, c in conditions):
            return word
    return None


def check(rows):
    seen = {}
    for r in rows:
        if r.name in seen:
            raise TableError(f'{r.where}: {r.name} is also at {seen[r.name].where}')
        seen[r.name] = r
    for a, b in itertools.combinations(rows, 2):
        if a.priority != b.priority or (a.value ^ b.value) & a.mask & b.mask:
            continue
        word = overlap(a, b)
        if word is not None:
            raise TableError(f'{b.where}: {b.name} and {a.name} ({a.where}) both match {word:#010x}')
    lifts = {}
    for r in rows:
        if r.lift in lifts and list(sorted(lifts[r.lift].args())) != list(sorted(r.args())):
            other = lifts[r.lift]
            difference = set(other.args()) ^ set(r.args())
            raise TableError(f"{r.where}: {r.name} and {other.name} share the lift {r.lift}, but not "
                             f"{', '.join(sorted(difference))}")
        lifts.setdefault(r.lift, r)
    return lifts


# ---- output ----------------------------------------------------------------------------------

def field_c(row, name):
    pos, width = row.fields[name]
    mask = (1 << width) - 1
    return f'w >> {pos} & {mask:#x}u' if pos else f'w & {mask:#x}u'


def declare(row, used, indent):
    return ''.join(f'{indent}const uint32_t {n} = {field_c(row, n)};\n' for n in row.fields if n in used)


# The decoder is a tree of dense tables.  A node looks up the bits of a window, the next node's place
# follows; a leaf is a run of rows to compare with, those of higher priority first.  The tables have
# no pointers, so that nothing is to be relocated or set up at start.
ROOT = (21, 11)
WINDOWS = [(p, w) for p in (0, 5, 10, 11, 12, 13, 14, 15, 16, 19, 22, 29) for w in (1, 2, 3, 4, 5, 6) if p + w <= 32]
LEAF = 3  # rows it is not worth to divide


def buckets(rows, pos, width):
    """For every value of that window, the rows that can match there."""
    out = [[] for _ in range(1 << width)]
    window = (1 << width) - 1
    for r in rows:
        free = ~(r.mask >> pos) & window
        fixed = r.value >> pos & window
        subset = free
        while True:
            out[fixed | subset].append(r)
            if subset == 0:
                break
            subset = (subset - 1) & free
    return out


class Tree:
    def __init__(self, rows):
        self.nodes, self.leaves, self.made = [None], [], {}
        self.nodes[0] = self.table(sorted(rows, key=lambda r: -r.priority), 0, *ROOT)

    def table(self, rows, done, pos, width):
        done |= ((1 << width) - 1) << pos
        base = len(self.nodes)
        self.nodes += [None] * (1 << width)
        for i, inside in enumerate(buckets(rows, pos, width)):
            self.nodes[base + i] = self.node(inside, done)
        return f'NODE({pos}, {width}, {base})'

    def leaf(self, rows):
        key = tuple(r.name for r in rows)
        if key not in self.made:
            self.made[key] = f'LEAF({len(self.leaves)}, {len(rows)})'
            self.leaves += rows
        return self.made[key]

    def node(self, rows, done):
        """Decides among these rows; done: the bits that were looked at."""
        key = (done, *(r.name for r in rows))
        if key not in self.made:
            best, best_cost = None, len(rows) * 0.75
            for pos, width in WINDOWS if len(rows) > LEAF else []:
                if done >> pos & ((1 << width) - 1):
                    continue
                inside = buckets(rows, pos, width)
                cost = sum(len(b) for b in inside) / len(inside) + 0.1 * width
                if cost < best_cost:
                    best, best_cost = (pos, width), cost
            if best:
                self.made[key] = self.table(rows, done, *best)
            else:
                self.made[key] = self.leaf(rows)
        return self.made[key]


def emit_decoder(rows, out):
    tree = Tree(rows)
    out.append('#define NODE(pos, width, base) ((uint32_t)(base) << 9 | (pos) << 4 | (width))\n'
               '#define LEAF(first, count) ((uint32_t)(first) << 9 | (count) << 4)\n'
               f'static const uint32_t nodes[{len(tree.nodes)}] = {{\n')
    out += ['    ' + ' '.join(f'{n},' for n in tree.nodes[i:i + 4]) + '\n' for i in range(0, len(tree.nodes), 4)]
    out.append('};\nstatic const struct {\n    uint32_t mask, value;\n    uint16_t row, when;\n} leaves[] = {\n')
    out += [f'    {{{r.mask:#x}, {r.value:#x}, ARM64_{r.name}, {int(bool(r.when))}}},\n' for r in tree.leaves]
    out.append('};\n\nstatic bool when(unsigned row, uint32_t w)\n{\n    switch (row) {\n')
    for r in rows:
        if r.when:
            c = r.condition()
            out.append(f'    case ARM64_{r.name}: {{\n{declare(r, names(c), "        ")}        return {to_c(c)};\n    }}\n')
    out.append("""    default:
        return true;
    }
}

unsigned arm64_decode(uint32_t w)
{
    uint32_t n = nodes[0];
    while (n & 0xf)
        n = nodes[(n >> 9) + (w >> (n >> 4 & 0x1f) & ((1u << (n & 0xf)) - 1))];
    for (unsigned i = n >> 9, end = i + (n >> 4 & 0x1f); i < end; i++) {
        if ((w & leaves[i].mask) == leaves[i].value && (!leaves[i].when || when(leaves[i].row, w)))
            return leaves[i].row;
    }
    return ARM64_UNALLOCATED;
}
""")


def c_string(s):
    return '"' + s.replace('\\', '\\\\').replace('"', '\\"') + '"'


def emit_template(parts, indent, out):
    pad = '    ' * indent
    for p in parts:
        if isinstance(p, str):
            out.append(f'{pad}arm64_text_puts(t, {c_string(p)});\n')
        else:
            args = ''.join(', ' + to_c(e) for e in p[1])
            out.append(f'{pad}arm64_fmt_{p[0]}(t{args});\n')


def template_names(row):
    used = set()
    for parts, condition in row.asm:
        for p in parts:
            if not isinstance(p, str):
                for e in p[1]:
                    used |= names(e)
        if condition:
            used |= names(condition)
    return used


def formatters(rows):
    out = {}
    for r in rows:
        for parts, _ in r.asm:
            for p in parts:
                if not isinstance(p, str):
                    if out.setdefault(p[0], len(p[1])) != len(p[1]):
                        raise TableError(f'{r.where}: {r.name}: formatter {p[0]} takes {out[p[0]]} values elsewhere')
    return out


def write_header(rows, lifts, path):
    out = ['/* Made by tools/gen-isa.py from the .isa tables of src/guest/arm64. */\n#pragma once\n',
           '#include "guest/arm64/rows.h"\n\n', 'struct arm64_lift;\nstruct arm64_text;\n\n',
           'enum arm64_row {\n    ARM64_UNALLOCATED,\n']
    out += [f'    ARM64_{r.name},\n' for r in rows]
    out.append('    ARM64_ROW_COUNT\n};\n\n')
    for name, r in sorted(lifts.items()):
        members = ', '.join(r.args()) or 'none'
        out.append(f'struct arm64_args_{name} {{\n    uint32_t {members};\n}};\n')
        out.append(f'void arm64_lift_{name}(struct arm64_lift *l, const struct arm64_args_{name} *a);\n')
    out.append('\n')
    for name, count in sorted(formatters(rows).items()):
        out.append(f"void arm64_fmt_{name}(struct arm64_text *t{', uint32_t' * count});\n")
    with open(path, 'w', encoding='utf-8') as f:
        f.write(''.join(out))


def write_source(rows, lifts, path):
    out = ['/* Made by tools/gen-isa.py from the .isa tables of src/guest/arm64. */\n',
           '#include "arm64_isa.h"\n#include "guest/arm64/lift.h"\n#include "guest/arm64/simd.h"\n#include "guest/arm64/text.h"\n\n']
    emit_decoder(rows, out)
    out.append('\nvoid arm64_lift_row(unsigned row, struct arm64_lift *l, uint32_t w)\n{\n    switch (row) {\n')
    for r in rows:
        args = r.args()
        used = set().union(*[names(e) for e in args.values()]) if args else set()
        out.append(f'    case ARM64_{r.name}: {{\n{declare(r, used, "        ")}')
        init = ', '.join(f'.{n} = {to_c(e)}' for n, e in args.items()) or '.none = 0'
        out.append(f'        arm64_lift_{r.lift}(l, &(struct arm64_args_{r.lift}){{{init}}});\n        break;\n    }}\n')
    out.append('    default:\n        break;\n    }\n}\n\n')
    out.append('void arm64_print_row(unsigned row, struct arm64_text *t, uint32_t w)\n{\n    switch (row) {\n')
    for r in rows:
        out.append(f'    case ARM64_{r.name}: {{\n{declare(r, template_names(r), "        ")}')
        for parts, condition in r.asm:
            if condition:
                out.append(f'        if ({to_c(condition)}) {{\n')
                emit_template(parts, 3, out)
                out.append('            break;\n        }\n')
            else:
                emit_template(parts, 2, out)
        out.append('        break;\n    }\n')
    out.append('    default:\n        break;\n    }\n}\n\n')
    # No pointers: a static-pie would relocate, and so copy, every page of these tables at each start.
    out.append('const struct arm64_row_field arm64_row_fields[] = {\n')
    first_field, next_field = {}, 0
    for r in rows:
        first_field[r] = next_field
        next_field += len(r.fields)
        if r.fields:
            out.append('    ' + ', '.join(f'{{"{n}", {p}, {w}}}' for n, (p, w) in r.fields.items()) + ',\n')
    out.append('};\n\nconst unsigned arm64_row_count = ARM64_ROW_COUNT;\n')
    out.append('const struct arm64_row_info arm64_row_info[ARM64_ROW_COUNT] = {\n')
    out.append('    [ARM64_UNALLOCATED] = {.name = "UNALLOCATED", .chapter = "", .feature = "", .attrs = ARM64_ATTR_ends},\n')
    for r in rows:
        if len(r.name) > 33 or len(r.chapter) > 17 or len(r.feature) > 9 or any(len(n) > 7 for n in r.fields):
            raise TableError(f'{r.name}: a name is too long for struct arm64_row_info or arm64_row_field')
        attrs = ' | '.join(f'ARM64_ATTR_{a}' for a in dict.fromkeys(r.attrs)) or '0'
        fields = f'.first_field = {first_field[r]}, .field_count = {len(r.fields)}, '
        out.append(f'    [ARM64_{r.name}] = {{.name = "{r.name}", .chapter = "{r.chapter}", .feature = {c_string(r.feature)}, '
                   f'.mask = {r.mask:#x}, .value = {r.value:#x}, {fields}.attrs = {attrs}}},\n')
    out.append('};\n')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(''.join(out))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--out')
    p.add_argument('--check', action='store_true')
    p.add_argument('tables', nargs='+')
    o = p.parse_args()
    try:
        rows = [r for t in o.tables for r in read_table(t)]
        lifts = check(rows)
        formatters(rows)
    except TableError as e:
        print(f'gen-isa: {e}', file=sys.stderr)
        return 1
    if o.out:
        write_header(rows, lifts, os.path.join(o.out, 'arm64_isa.h'))
        write_source(rows, lifts, os.path.join(o.out, 'arm64_isa.c'))
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""What translating costs: a program of much code that is run once, and the same run twice.  What the first pass takes
beyond the second is translation."""
import os
import random
import re
import statistics
import subprocess

FUNCTIONS = 4000


def source():
    """C with as much code as a large program's, of which each function is another"""
    r = random.Random(7)
    out = ['typedef unsigned long u; struct s { u a, b; unsigned c; short d; unsigned char e[16]; double f; };', 'volatile u sink;']
    for i in range(FUNCTIONS):
        lines = []
        for _ in range(r.randrange(4, 9)):
            k = r.randrange(1, 1 << 20)
            lines.append(r.choice([
                f'x += y * {k}; y ^= x >> {k % 31 + 1};', f'if (x > y + {k}) {{ x -= {k}; p->a = x; }} else {{ y += p->b; }}',
                f'p->c += (unsigned)x ^ {k}u; p->d = (short)(p->c >> 3);', f'p->e[x & 15] = (unsigned char)(y + {k % 251}); y += p->e[{k % 16}];',
                f'p->f = p->f * {k % 97}.5 + (double)(int)x;', f'if ((p->c & {k % 255 + 1}) == {k % 7}) return x ^ y;',
                f'for (int i = 0; i < {k % 2 + 1}; i++) x = (x << 7 | x >> (8 * sizeof x - 7)) + p->e[i];',
                f'x = y ? x / (y | {k % 63 + 1}) : x % {k % 97 + 3};', f'switch (x & 3) {{ case 0: y += {k}; break; case 1: y ^= x; break; case 2: p->b = y; }}']))
        call = f'if (x & 1) y += f{i - r.randrange(1, 3)}(p, x >> 9, y);' if i % 8 > 2 else ''
        out.append(f'static __attribute__((noinline)) u f{i}(struct s *p, u x, u y) {{ {" ".join(lines)} {call} return x + y; }}')
    out.append('static u (*const all[])(struct s *, u, u) = {' + ', '.join(f'f{i}' for i in range(FUNCTIONS)) + '};')
    out.append('int main(int argc, char **argv) { struct s s = {1, 2, 3, 4, {5}, 6.5}; u x = 0; for (int k = 0; k < argc; k++)'
               f' for (int i = 0; i < {FUNCTIONS}; i++) x += all[i](&s, x + (u)i, x >> 5); sink = x; return 0; }}')
    return '\n'.join(out)


def cpu_ms(o, command):
    cost = os.path.join(o.work, 'cost')
    subprocess.run([os.path.join(o.work, 'measure'), cost, '1'] + command, check=True)
    with open(cost) as f:
        return int(f.read().split()[0]) / 1e6


def measure(o):
    """{instructions, size, {qemu, demotic}: nanoseconds for an instruction that is translated, one value a round}"""
    path = os.path.join(o.work, 'cold-' + o.guest.name)
    text = source()
    if not os.path.exists(path) or open(path + '.c').read() != text:
        with open(path + '.c', 'w') as f:
            f.write(text)
        subprocess.run(o.guest.cc + ['-O1', '-w', '-static', '-o', path, path + '.c'], check=True)
    # What is translated, counted by Demotic: QEMU comes to the same.
    stats = subprocess.run([o.demotic, '--no-disk-cache', '--stats', path], stderr=subprocess.PIPE, text=True, check=True).stderr
    count = int(re.search(r'(\d+)  guest instructions translated', stats).group(1))
    ways = {'qemu': [o.qemu_path], 'demotic': [o.demotic, '--no-disk-cache']}
    out = {'instructions': count, 'qemu': [], 'demotic': []}
    for _ in range(max(o.rounds, 3)):
        for way, command in ways.items():
            once = cpu_ms(o, command + [path])
            many = cpu_ms(o, command + [path] + ['x'] * 10)
            out[way].append((once - (many - once) / 10) * 1e6 / count)
    print('translating: ' + ', '.join(f'{w} {statistics.median(out[w]):.0f} ns' for w in ways) + f' for each of {count} guest instructions', flush=True)
    return out

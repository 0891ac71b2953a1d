"""What is measured: groups with what is wanted of them, the roots' packages, the programs."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ('base-files,bash,dash,coreutils,busybox,python3,python3-numpy,luajit,sqlite3,xz-utils,zstd,openssl,perl,7zip,nodejs,'
            'cpp-14-aarch64-linux-gnu')
SUITE = 'trixie'

# Name: times native that must be reached, and that is aimed at.
GROUPS = {
    'C kernels': (2.0, 1.4),
    'programs': (2.2, 1.5),
    'CPython': (3, 1.8),
    'LuaJIT': (2.5, 1.33),
    'LuaJIT -joff': (3, 1.8),
    'Node.js': (4, 2),
    'NumPy': (5, 3),
    'OpenSSL': (4, 2.5),
    'start-up': (5, 2),
    'fork+exec': (6, 3),
    'threads': (2, 1.5),
}
# Kernels that are no group of their own but of "threads"; of `parallel` the time that passes counts.
THREADS = ('threads', 'mutex', 'contended', 'parallel')
BY_WALL = ('parallel',)


class Program:
    """args[0] is a path in the roots (native: another one there). env: {root} stands for where the root is."""
    def __init__(self, group, name, args, stdin=None, env=None, native=None, repeat=1, boxed=False):
        self.group, self.name, self.args, self.stdin, self.env = group, name, args, stdin, env or {}
        self.native = native or args[0]
        self.repeat = repeat  # runs that are measured together: of what is over in a moment
        self.boxed = boxed    # natively in bubblewrap: it looks for files of its own at fixed places


def samples(work):
    """Files that the programs work on: text, mixed bytes, numbers for OpenSSL"""
    text, mixed, source = (os.path.join(work, n) for n in ('text', 'mixed', 'kernels.i'))
    if not os.path.exists(mixed):
        with open(text, 'w') as f:
            for i in range(300000):
                f.write('%d %x the quick brown fox %d\n' % (i * 7919 % 1000003, i * i * 7919, i % 97))
        x = 1
        with open(mixed + '.part', 'wb') as f:
            for i in range(4096):
                x = (x * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
                f.write((b'%016x' % x) * (1 + i % 5) + x.to_bytes(8, 'little') * 1000)
        os.rename(mixed + '.part', mixed)
    return text, mixed, source


def programs(work):
    text, mixed, source = samples(work)
    script = lambda name: os.path.join(HERE, 'programs', name)
    python = {'PYTHONHOME': '{root}/usr', 'PYTHONDONTWRITEBYTECODE': '1'}
    lib = '{root}/usr/lib/{triplet}'
    numpy = {**python, 'PYTHONPATH': '{root}/usr/lib/python3/dist-packages', 'LD_LIBRARY_PATH': f'{lib}/blas:{lib}/lapack'}
    primes = [str((1 << 1279) - 1 - 2 * k) for k in range(12)] + [str((1 << 2203) - 1)] * 3
    out = [
        Program('programs', '7z', ['/usr/lib/7zip/7za', 'a', '-an', '-so', '-txz', '-mx=1', '-mmt=1', text]),
        Program('programs', 'xz', ['/usr/bin/xz', '-1', '-c', text]),
        Program('programs', 'zstd', ['/usr/bin/zstd', '-10', '-q', '-c', text]),
        Program('programs', 'sort', ['/usr/bin/sort', '-S', '200M', '--parallel=1', '-k', '2'] + [text] * 5, env={'LC_ALL': 'C'}),
        Program('programs', 'sqlite', ['/usr/bin/sqlite3', ':memory:'], stdin=script('query.sql')),
        Program('programs', 'perl', ['/usr/bin/perl', script('hashes.pl')]),
        Program('programs', 'cc1', ['/usr/libexec/gcc/aarch64-linux-gnu/14/cc1', '-quiet', '-O2', '-fno-ident', '-o', '-', source],
                native='/usr/libexec/gcc-cross/aarch64-linux-gnu/14/cc1', repeat=2),
        Program('CPython', 'python: algorithms', ['/usr/bin/python3', script('algorithms.py')], env=python),
        Program('CPython', 'python: objects', ['/usr/bin/python3', script('objects.py')], env=python),
        Program('NumPy', 'numpy: arrays', ['/usr/bin/python3', script('arrays.py')], env=numpy),
        Program('Node.js', 'node: engine', ['/usr/bin/node', script('engine.js')], boxed=True),
        Program('Node.js', 'node: calls', ['/usr/bin/node', script('calls.js')], boxed=True),
        Program('OpenSSL', 'openssl: sha256', ['/usr/bin/openssl', 'dgst', '-sha256'] + [mixed] * 16),
        Program('OpenSSL', 'openssl: sha3', ['/usr/bin/openssl', 'dgst', '-sha3-256'] + [mixed] * 5),
        Program('OpenSSL', 'openssl: md5', ['/usr/bin/openssl', 'dgst', '-md5'] + [mixed] * 8),
        Program('OpenSSL', 'openssl: aes', ['/usr/bin/openssl', 'enc', '-aes-256-ctr', '-K', '00' * 32, '-iv', '00' * 16, '-in', mixed], repeat=8),
        Program('OpenSSL', 'openssl: chacha20', ['/usr/bin/openssl', 'enc', '-chacha20', '-K', '11' * 32, '-iv', '00' * 16, '-in', mixed], repeat=8),
        Program('OpenSSL', 'openssl: primes', ['/usr/bin/openssl', 'prime'] + primes),
        Program('fork+exec', 'fork+exec', ['/usr/bin/bash', '-c', 'for i in {1..200}; do /usr/bin/true; done; echo done']),
    ]
    for name in ('numbers', 'text'):
        lua = script(name + '.lua')
        out.append(Program('LuaJIT', f'luajit: {name}', ['/usr/bin/luajit', lua, '6']))
        out.append(Program('LuaJIT -joff', f'luajit -joff: {name}', ['/usr/bin/luajit', '-joff', lua, '3']))
    for name, args in (('true', ['/usr/bin/true']), ('busybox', ['/usr/bin/busybox', 'true']), ('perl', ['/usr/bin/perl', '-e', '1']),
                       ('sqlite', ['/usr/bin/sqlite3', ':memory:', '.quit']), ('bash', ['/usr/bin/bash', '-c', 'echo hello']),
                       ('python', ['/usr/bin/python3', '-c', 'print(1)'])):
        out.append(Program('start-up', f'start: {name}', args, env=python if name == 'python' else {}, repeat=10))
    return out

"""What is measured: groups with what is wanted of them, the roots' packages, the programs."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = 'trixie'

# Name: times native that must be reached, and that is aimed at; both may be open.
GROUPS = {
    'C kernels': (2.0, 1.4),
    'x87 kernels': (None, None),
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
X86_GROUPS = {**dict.fromkeys(GROUPS, (None, None)), 'C kernels': (1.8, 1.4), 'x87 kernels': (2.5, None), 'CPython': (2.5, 1.8), 'LuaJIT': (2.5, 1.8)}


class Guest:
    """What is measured for a guest, and against what.

    name: as Debian calls the architecture of its root; title: in headings; native: the architecture of the root with the same
    programs for this machine's processor; cc, native_cc: compile C for either; qemu, qemu_cpu: the peer; lacking: groups that
    Debian does not build there, with their packages.
    """
    def __init__(self, name, title, native, cc, native_cc, qemu, qemu_cpu, groups, page, lacking=()):
        self.name, self.title, self.native, self.cc, self.native_cc = name, title, native, cc, native_cc
        self.qemu, self.qemu_cpu, self.groups, self.page, self.lacking = qemu, qemu_cpu, groups, page, lacking

    def x86(self):
        return self.name == self.native

    def packages(self):
        lacking = [PACKAGE_OF[group] for group in self.lacking]
        return ','.join(p for p in PACKAGES if p not in lacking)


PACKAGES = ('base-files,bash,dash,coreutils,busybox,python3,python3-numpy,luajit,sqlite3,xz-utils,zstd,openssl,perl,7zip,nodejs,'
            'cpp-14-aarch64-linux-gnu').split(',')
PACKAGE_OF = {'Node.js': 'nodejs'}
TRIPLETS = {'arm64': 'aarch64-linux-gnu', 'amd64': 'x86_64-linux-gnu', 'i386': 'i386-linux-gnu'}
LOADERS = {'amd64': 'lib64/ld-linux-x86-64.so.2', 'i386': 'lib/ld-linux.so.2'}
# 32-bit C is compiled with the headers of the 64-bit libc, so that gcc-multilib is not needed; Debian's i386 has SSE2.
CC32 = ['gcc', '-m32', '-msse2', '-I/usr/include/x86_64-linux-gnu']
GUESTS = {g.name: g for g in (
    Guest('arm64', 'Arm64', 'amd64', ['aarch64-linux-gnu-gcc'], ['gcc'], 'qemu-aarch64', 'neoverse-n1', GROUPS, 'performance.md'),
    Guest('amd64', 'x86-64', 'amd64', ['gcc'], ['gcc'], 'qemu-x86_64', 'max', X86_GROUPS, 'performance-x86.md'),
    Guest('i386', 'i386', 'i386', CC32, CC32, 'qemu-i386', 'max', X86_GROUPS, 'performance-x86.md', lacking=('Node.js',)),
)}
# Groups of whole programs, whose memory counts.  Wanted: MEMORY_SMALL MiB more than the native build, or, for those with much code, half of
# that code's size as host code.
MEMORY = [g for g in GROUPS if 'kernels' not in g and g != 'threads']
MEMORY_SMALL = 12
# Kernels that are no group of their own but of "threads"; of `parallel` the time that passes counts.
THREADS = ('threads', 'mutex', 'contended', 'parallel')
BY_WALL = ('parallel',)


class Program:
    """args[0] is a path in the roots (x86: another one there). env: {root} and {triplet} stand for where the root is, and its kind."""
    def __init__(self, group, name, args, stdin=None, env=None, x86=None, repeat=1, boxed=False):
        self.group, self.name, self.args, self.stdin, self.env = group, name, args, stdin, env or {}
        self.x86 = x86 or args[0]
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
                x86='/usr/libexec/gcc-cross/aarch64-linux-gnu/14/cc1', repeat=2),
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

"""QEMU's own tests of its guests, tests/tcg: test-i386 in both modes, every form of MMX to AVX2, the x87, signals, threads and mappings."""
import glob
import os

from case import CC, Case

PACKAGE = 'qemu'
UNPACK = ['tests/tcg/']
ARCHS = ['amd64', 'i386', 'arm64']
FLAGS = ['-O0', '-g', '-fno-strict-aliasing', '-w']
I386 = 'tests/tcg/i386/'
# As in the folder's Makefile.target
OWN = {
    'test-i386-sse-exceptions': ['-msse4.1', '-mfpmath=sse'],
    'test-i386-pcmpistri': ['-msse4.2'],
    'test-i386-bmi2': ['-O2'],
    'hello-i386': ['-ffreestanding', '-nostdlib', '-fno-pie', '-no-pie'],
}
GENERATED = {  # program -> script, its arguments, flags
    'test-avx': ('test-avx.py', [], ['-mavx']),
    'test-mmx': ('test-mmx.py', ['MMX', 'SSE', 'SSE2', 'SSE3', 'SSSE3'], []),
}
ONLY64 = ('test-i386-ssse3', 'test-avx', 'test-mmx')
ONLY32 = ('hello-i386', )
LEFT_OUT = ('test-i386', 'test-3dnow')  # the first is built of several files; no processor has the second any more


def cases(source, arch, everything):
    tcg = f'{source}/tests/tcg'
    if arch != 'arm64':
        yield from x86(tcg, arch)
        folder = f'{tcg}/{"x86_64" if arch == "amd64" else "none"}'
    else:
        folder = f'{tcg}/aarch64'
    for path in sorted(glob.glob(folder + '/*.c')):
        name = os.path.basename(path)[:-2]
        yield Case(name, [[*CC[arch], *FLAGS, *(['-march=armv8.5-a+memtag'] if arch == 'arm64' else []), '-o', '{out}', path, '-lm', '-lpthread']])
    multi = f'{tcg}/multiarch'
    for path in sorted(glob.glob(multi + '/*.c') + glob.glob(multi + '/linux/*.c')):
        name = os.path.basename(path)[:-2]
        helpers = [f'{multi}/libs/float_helpers.c'] if name.startswith('float_') else []
        if name != 'float_helpers':
            yield Case('multiarch/' + name, [[*CC[arch], *FLAGS, '-o', '{out}', path, *helpers, '-lm', '-lpthread', '-lrt']])
    if arch != 'arm64':
        yield Case('multiarch/sha512-sse', [[*CC[arch], '-msse4.1', '-O3', '-w', '-o', '{out}', f'{multi}/sha512.c']])


def x86(tcg, arch):
    folder = f'{tcg}/i386'
    bits = CC[arch] + FLAGS
    sources = [f'{folder}/test-i386.c']
    if arch == 'i386':  # calls into 16-bit code, and vm86: position dependent
        sources += [f'{folder}/test-i386-code16.S', f'{folder}/test-i386-vm86.S']
        bits = bits + ['-fno-pie', '-no-pie']
    yield Case('test-i386', [[*bits, '-o', '{out}', *sources, '-lm']])
    if arch == 'i386':  # and without the 16-bit code, for what comes after it
        less = '{work}/test-i386.c'
        yield Case('test-i386 without code16', [['sed', '-n', f's/^    test_code16();//; w {less}', sources[0]],
                                                [*bits, f'-I{folder}', '-o', '{out}', less, *sources[1:], '-lm']])
    for path in sorted(glob.glob(folder + '/*.c')):
        name = os.path.basename(path)[:-2]
        if name in LEFT_OUT or name in (ONLY32 if arch == 'amd64' else ONLY64):
            continue
        if name in GENERATED:
            script, args, flags = GENERATED[name]
            yield Case(name, [['python3', f'{folder}/{script}', f'{folder}/x86.csv', '{work}/' + name + '.h', *args],
                              [*CC[arch], *FLAGS, *flags, '-masm=intel', '-O', '-I{work}', '-o', '{out}', path]])
        else:
            yield Case(name, [[*CC[arch], *FLAGS, *OWN.get(name, []), '-o', '{out}', path, '-lm']])

"""Valgrind's tests of its processors, none/tests, with the output its authors recorded: instructions by table, flags, self-modifying code, segments."""
import glob
import os
import re
import shlex

from case import CC, Case

PACKAGE = 'valgrind'
UNPACK = ['none/tests/', 'tests/', 'include/', 'memcheck/memcheck.h', 'helgrind/helgrind.h', 'drd/drd.h', 'callgrind/callgrind.h']
ARCHS = ['amd64', 'i386', 'arm64']
FOLDERS = {'amd64': ['amd64', 'amd64-linux', '.'], 'i386': ['x86', 'x86-linux', '.'], 'arm64': ['arm64', '.']}
# What configure would find out with today's tools: all of it, but for what is not Linux'
MACROS = ['-DHAVE_GNU_LIBC', '-DHAVE_ASM_CONSTRAINT_P', '-DHAVE_BUILTIN_ATOMIC', '-DVGO_linux=1', '-D_GNU_SOURCE', '-DHAVE_AS_AMD64_FXSAVE64',
          '-DHAVE_MREMAP', '-DHAVE_EPOLL_CREATE', '-DHAVE_SYS_PRCTL_H', '-DHAVE_SYS_SYSCALL_H', '-DHAVE_MALLINFO', '-DHAVE_PTHREAD_YIELD',
          '-DHAVE_SIGWAITINFO', '-DHAVE_TLS', '-DHAVE_SYS_PARAM_H', '-DHAVE_SYS_EPOLL_H', '-DHAVE_EPOLL_PWAIT', '-DHAVE_MKNOD']
FLAGS = {'amd64': ['-DVGA_amd64=1', '-DVGP_amd64_linux=1'], 'i386': ['-DVGA_x86=1', '-DVGP_x86_linux=1', '-mmmx', '-msse'],
         'arm64': ['-DVGA_arm64=1', '-DVGP_arm64_linux=1']}
SOLARIS = ('-lsocket', '-lnsl')
WORDS = {'@FLAG_NO_PIE@': ['-no-pie'], '@FLAG_W_NO_OVERFLOW@': [], '@FLAG_W_NO_NONNULL@': [], '$(AM_CFLAGS)': []}


def variables(makefile):
    """What the Makefile sets for single programs: { (program, variable): words }"""
    out = {}
    for line in re.sub(r'\\\n', ' ', open(makefile).read()).splitlines():
        m = re.match(r'(\w[\w-]*)_(CFLAGS|LDADD|SOURCES|LDFLAGS)\s*\+?=\s*(.*)', line)
        if m:
            out.setdefault((m.group(1).replace('-', '_'), m.group(2)), []).extend(m.group(3).split())
    return out


def cases(source, arch, everything):
    for folder in FOLDERS[arch]:
        tests = f'{source}/none/tests/{folder}'
        made = variables(tests + '/Makefile.am')
        for path in sorted(glob.glob(tests + '/*.vgtest')):
            case = test(source, tests, folder, arch, path, made)
            if case:
                yield case


def test(source, tests, folder, arch, path, made):
    says = dict(re.findall(r'^(\w+):[ \t]*(.*)$', open(path).read(), re.M))
    name, program = os.path.basename(path)[:-len('.vgtest')], os.path.basename(says.get('prog', ''))
    key = program.replace('-', '_')
    names = made.get((key, 'SOURCES'))
    if not names:
        names = [f for f in (f'{program}.c', f'{program}.S', f'{program}.cpp') if os.path.exists(f'{tests}/{f}')]
    if not names:  # a test of Valgrind's own command line
        return None
    build, files = [], []
    for n in names:
        if n.endswith('.def'):
            generated = '{work}/' + folder + '-' + n[:-4] + '.c'
            build.append(['sh', '-c', f'perl {shlex.quote(tests)}/gen_insn_test.pl < {shlex.quote(tests)}/{n} > {generated}'])
            files.append(generated)
        else:
            files.append(f'{tests}/{n}')
    flags = [w for v in ('CFLAGS', 'LDFLAGS') for x in made.get((key, v), []) for w in WORDS.get(x, [x] if x.startswith('-') else [])]
    libraries = [x for x in made.get((key, 'LDADD'), []) if x.startswith('-l') and x not in SOLARIS]
    with open(f'{source}/config.h', 'w'):  # the macros say it
        pass
    compiler = [CC[arch][0].replace('gcc', 'g++' if any(n.endswith('.cpp') for n in names) else 'gcc'), *CC[arch][1:]]
    build += [[*compiler, '-g', '-w', f'-I{source}', f'-I{source}/include', f'-I{tests}', *MACROS, *FLAGS[arch], *flags, '-o', '{out}',
               *files, *libraries, '-lpthread', '-lm']]
    return Case(f'{folder}/{name}'.removeprefix('./'), build, args=shlex.split(says.get('args', '')), cwd=tests,
                golden=sorted(glob.glob(f'{tests}/{name}.stdout.exp*')))

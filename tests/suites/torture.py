"""gcc.c-torture/execute of GCC's testsuite: small C programs that call abort() if they were miscompiled, at two levels of optimisation."""
import os
import re

import dejagnu
from case import CC, Case

PACKAGE = 'gcc-12'
UNPACK = ['gcc/testsuite/gcc.target/i386/', 'gcc/testsuite/gcc.dg/', 'gcc/testsuite/gcc.c-torture/', 'gcc/testsuite/c-c++-common/']
ARCHS = ['amd64', 'i386', 'arm64']
LEVELS = {
    'amd64': {'-O1': ['-O1'], '-O3 v3': ['-O3', '-march=x86-64-v3']},
    'i386': {'-O1': ['-O1'], '-O3 sse2': ['-O3', '-msse2', '-mfpmath=sse']},
    'arm64': {'-O2': ['-O2']},
}
BUILTINS = ['-fno-tree-dse', '-fno-tree-loop-distribute-patterns', '-fno-tracer', '-fno-ipa-ra', '-fno-inline-functions']


def cases(source, arch, everything):
    root = f'{source}/gcc/testsuite/gcc.c-torture/execute'
    for folder in ('', 'ieee/', 'builtins/'):
        for name in sorted(os.listdir(root + '/' + folder)):
            path = f'{root}/{folder}{name}'
            if not name.endswith('.c') or folder == 'builtins/' and name.endswith('-lib.c'):
                continue
            d = dejagnu.Directives(open(path, errors='replace').read(), arch, default='run')
            if not d.run:
                continue
            flags, sources = (d.options or []) + d.more + ['-w'], [path] + [f'{root}/{s}' for s in d.sources]
            if folder == 'ieee/':
                flags += ['-fno-inline'] + (['-ffloat-store'] if arch == 'i386' else []) + beside(path)
            elif folder == 'builtins/':
                flags += BUILTINS + beside(path)
                sources += [path[:-2] + '-lib.c', f'{root}/builtins/lib/main.c']
            for level, options in LEVELS[arch].items():
                yield Case(f'{folder}{name} {level}', [[*CC[arch], *options, *flags, '-o', '{out}', *sources, '-lm']], cwd='{work}', must=True)


def beside(path):
    """The flags that the Tcl file beside an old test adds, whatever it asks before"""
    path = path[:-2] + '.x'
    return re.findall(r'lappend additional_flags "([^"$]*)"', open(path).read()) if os.path.exists(path) else []

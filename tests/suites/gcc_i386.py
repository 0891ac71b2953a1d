"""gcc.target/i386 of GCC's testsuite: instruction set extensions through intrinsics and the vectoriser, calling conventions, code generation."""
import os
import re

import dejagnu
from case import CC, Case

PACKAGE = 'gcc-12'
UNPACK = ['gcc/testsuite/gcc.target/i386/', 'gcc/testsuite/gcc.dg/', 'gcc/testsuite/gcc.c-torture/', 'gcc/testsuite/c-c++-common/']
ARCHS = ['amd64', 'i386']
DEFAULT = ['-ansi', '-pedantic-errors']
# What Demotic's CPUID does not offer; and headers of tests that ask CPUID but do not say that they then did nothing
ABSENT = re.compile(r'avx512|avx5124|amx|sse4a|xop|fma4|3dnow|gfni|avxvnni|rtm|movdir|^native$')
SILENT = re.compile(r'#\s*include\s+"(sse4a|fma4|xop|mmx-3dnow)-check.h"')
SAMPLE = 10  # of those, one in so many is built and run all the same, to see that it skips itself


def cases(source, arch, everything):
    folder = f'{source}/gcc/testsuite/gcc.target/i386'
    absent = 0
    for name in sorted(os.listdir(folder)) + ['stackalign/' + n for n in sorted(os.listdir(folder + '/stackalign'))]:
        path = f'{folder}/{name}'
        if not name.endswith(('.c', '.S')) or not os.path.isfile(path):
            continue
        text = open(path, errors='replace').read()
        d = dejagnu.Directives(text, arch)
        if not d.run:
            continue
        needs = ' '.join(sorted(n for n in d.needs if ABSENT.search(n)))
        absent += bool(needs)
        # what is built for the very processor asks nothing
        if 'native' in d.needs or needs and not everything and absent % SAMPLE:
            yield Case(name, None, needs=needs)
            continue
        variants = {'': d.options}
        if name.startswith('stackalign/'):
            variants = {o: [o, *(['-w'] if d.options is None else d.options)] for o in ('-mstackrealign', '-mno-stackrealign')}
        for variant, options in variants.items():
            flags = (DEFAULT if options is None else options) + d.more
            sources = [path] + [f'{folder}/{s}' for s in d.sources]
            # with DEBUG the tests say whether they did anything
            build = [[*CC[arch], *flags, '-w', '-DDEBUG', '-o', '{out}', *sources, '-lm']]
            yield Case(name + (' ' + variant if variant else ''), build, cwd='{work}', must=True, needs=needs,
                       skipped=b'' if SILENT.search(text) else b'SKIPPED\n')

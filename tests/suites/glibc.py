"""glibc's own tests of what a program can use of it, built against the installed library: strings, numbers, files, signals, threads, clocks.

Only tests that are one file, and need no more of glibc's source than its `support` library, are taken."""
import glob
import os
import re
import subprocess

from case import CC, Case

PACKAGE = 'glibc'
FOLDERS = ['string', 'stdlib', 'stdio-common', 'setjmp', 'signal', 'posix', 'nptl', 'ctype', 'wcsmbs', 'time', 'misc', 'io', 'argp', 'libio',
           'malloc', 'rt', 'socket', 'sysvipc', 'resource', 'dirent', 'math', 'dlfcn', 'wctype', 'sysdeps/pthread', 'sysdeps/unix/sysv/linux']
UNPACK = (['support/', 'test-skeleton.c', 'sysdeps/generic/tst-stack-align.h'] + [f + '/' for f in FOLDERS] +
          [f'include/{h}.h' for h in ('array_length', 'libc-diag', 'intprops', 'libc-symver', 'verify')])
ARCHS = ['amd64', 'i386']
MATCH = re.compile(r'(tst|test|bug)[-_a-zA-Z0-9]*\.c$')
# What changes the machine it runs on, wants a namespace of its own, or is of glibc's insides; the last two fill the memory up
# to RLIMIT_AS, which Demotic keeps but does not enforce
LEFT_OUT = re.compile(r'settime|adjtime|stime|reboot|hostname|mount|swap|quota|chroot|setuid|setgid|setgroups|acct|vhangup|ptrace_|sysinfo|'
                      r'-skeleton|-common\.c|-static|tst-dynarray-fail|tst-basic7')
FLAGS = ['-w', '-D_GNU_SOURCE', '-DTIMEOUTFACTOR=1', '-Dlibc_hidden_proto(x)=', '-Dattribute_hidden=', '-include', 'limits.h']
PATHS = {'SRCDIR': '/nonexistent', 'OBJDIR': '/nonexistent', 'OBJDIR_ELF_LDSO': '/nonexistent', 'INSTDIR': '/usr', 'LIBDIR': '/usr/lib',
         'BINDIR': '/usr/bin', 'SBINDIR': '/usr/sbin', 'SLIBDIR': '/lib', 'ROOTSBINDIR': '/sbin', 'COMPLOCALEDIR': '/usr/lib/locale', 'SYSCONFDIR': '/etc'}


def headers(source):
    return [f'-I{source}{d}' for d in ('', '/support', '/include', '/sysdeps/generic', '/sysdeps/pthread')]


def support(source, arch):
    """What compiles of the tests' own library"""
    out = f'{os.path.dirname(source)}/glibc-support-{arch}.a'
    if os.path.exists(out):
        return out
    work = out + '.part'
    os.makedirs(work, exist_ok=True)
    for path in sorted(glob.glob(f'{source}/support/*.c')):
        if not re.match(r'tst-|test-(container|run-command)|.*-container|README|links-|shell|echo|true|.*_main\.c$', os.path.basename(path)) or \
                path.endswith('support_test_main.c'):
            subprocess.run([*CC[arch], '-O1', *FLAGS, *headers(source), *(f'-D{k}_PATH="{v}"' for k, v in PATHS.items()), '-c', path,
                            '-o', f'{work}/{os.path.basename(path)[:-2]}.o'], stderr=subprocess.DEVNULL)
    subprocess.run(['ar', 'rc', out, *sorted(glob.glob(work + '/*.o'))], check=True)
    return out


def cases(source, arch, everything):
    with open(f'{source}/include/config.h', 'w'):  # of what configure finds out no test needs anything
        pass
    library = support(source, arch)
    for folder in FOLDERS:
        for path in sorted(glob.glob(f'{source}/{folder}/*.c')):
            name = os.path.basename(path)
            if not MATCH.match(name) or LEFT_OUT.search(name):
                continue
            yield Case(f'{folder.split("/")[-1]}/{name[:-2]}',
                       [[*CC[arch], '-O2', *FLAGS, *headers(source), f'-I{source}/{folder}', '-o', '{out}', path,
                         library, '-lm', '-lpthread', '-lrt', '-ldl', '-lresolv']], must=True, silent=True)

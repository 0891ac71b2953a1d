#!/usr/bin/env python3
"""`make check`: every test suite, one after the other, with one closing line "N passed, N failed".

    tools/check.py BUILD [--only STAGE]... [--list]

What is fetched (QEMU as the oracle, Debian roots) is kept under BUILD and used again.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ENGINES = {  # the matrix that must agree
    'jit': [],
    'interp': ['--engine', 'interp'],
    'jit, no optimiser': ['--no-opt'],
    'jit, not linked': ['--no-link'],
    'jit, one instruction a unit': ['--max-insns', '1'],
    'jit, moved': ['--relocate'],
    'jit, regions everywhere': ['--regions=1'],
    'jit, regions in the background': ['--regions=2'],
    'jit, chaos and 1 MiB of code': ['--chaos', '--cache-size', '1'],
}


class Check:
    def __init__(self, build):
        self.build = build
        self.demotic = os.path.join(build, 'demotic')
        self.passed = self.failed = 0
        self._qemu = None

    @property
    def qemu(self):
        if not self._qemu:
            self._qemu = subprocess.run(['tools/get-qemu.sh', os.path.join(self.build, 'oracle')], stdout=subprocess.PIPE,
                                        check=True, text=True).stdout.strip()
        return self._qemu

    def count(self, name, passed, failed):
        self.passed += passed
        self.failed += failed
        print(f'   {name}: {passed} passed, {failed} failed', flush=True)

    def run(self, name, command, pattern=r'^(\d+) passed, (\d+) failed', timeout=1500, env=None):
        """Runs a suite and adds up the counts on its last line that matches; anything else that goes wrong is one failure."""
        try:
            p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, errors='replace',
                               env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
            out, status = p.stdout, p.returncode
        except subprocess.TimeoutExpired as e:
            out, status = (e.stdout or b'').decode(errors='replace') + f'\ntimeout after {timeout} s\n', 1
        found = re.findall(pattern, out, re.M)
        passed, failed = (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)
        if status and not failed:
            failed = 1
        if failed or not found:
            print('\n'.join('      ' + line for line in out.rstrip().split('\n')[-60:]))
        if not found and not failed:
            failed = 1
        self.count(name, passed, failed)

    def meson(self, name, *args, timeout=900):
        log = os.path.join(self.build, 'meson-logs', 'testlog.json')
        env = {**os.environ, 'DEMOTIC_QEMU': self.qemu if '--suite' in args else os.environ.get('DEMOTIC_QEMU', '')}
        if not env['DEMOTIC_QEMU']:
            del env['DEMOTIC_QEMU']
        if os.path.exists(log):
            os.unlink(log)
        subprocess.run(['meson', 'test', '-C', self.build, '--no-rebuild', *args], stdout=subprocess.DEVNULL, env=env, timeout=timeout)
        passed = failed = 0
        for line in open(log):
            t = json.loads(line)
            ok = t['result'] in ('OK', 'EXPECTEDFAIL', 'SKIP')
            inner = re.search(r'\[  PASSED  \] (\d+) test', t.get('stdout') or '')
            passed += int(inner.group(1)) if ok and inner else ok
            failed += not ok
            if not ok:
                print(f'      {t["name"]}: {t["result"]}')
                print('\n'.join('      ' + x for x in ((t.get('stdout') or '') + (t.get('stderr') or '')).split('\n')[-30:]))
        self.count(name, passed, failed)

    # -- the stages, in order --------------------------------------------------------------------

    def lint(self):
        """the direction of includes"""
        self.run('includes', ['sh', '-c', 'python3 tools/check-includes.py src && echo 1 passed, 0 failed'])

    def unit(self):
        """unit and golden tests of every module"""
        self.meson('unit tests', '--no-suite', 'oracle')

    def oracle(self):
        """floating point and SIMD against QEMU, by operation"""
        self.meson('operations against the oracle', '--suite', 'oracle')

    def rows(self):
        """every row of the Arm64 table: QEMU, jit and interpreter"""
        base = [os.path.join(self.build, 'tests/diff/diff'), '--runner', os.path.join(self.build, 'tests/diff/runner'),
                '--skip', 'tests/diff/skip.txt']
        # Neoverse N1 has no FEAT_LSE2: it agrees on which atomics and ordered accesses are misaligned.
        n1 = ['--oracle', self.qemu + ' -cpu neoverse-n1', '--chapter', 'base_', '--unaligned', '--features',
              ',LSE,CRC32,LRCPC,DPB,', '--skip', 'tests/diff/skip-n1.txt']
        newest = ['--oracle', self.qemu]
        for group, oracle, cases, sequences in (
                (('jit', 'interp'), newest, 48, 3000),
                (('jit', 'interp'), n1, 24, 2000),
                (('jit, no optimiser', 'jit, not linked', 'jit, one instruction a unit', 'jit, moved', 'jit, regions everywhere'), newest, 12, 1000)):
            subjects = []
            for e in group:
                subjects += ['--subject', ' '.join([self.demotic] + ENGINES[e])]
            self.run('rows: ' + '; '.join(group), base + oracle + subjects + ['--cases', str(cases), '--sequences', str(sequences)],
                     pattern=r'^(\d+) cases, (\d+) failures')

    def planted(self):
        """a wrong result planted in one instruction's lift is found and named"""
        self.run('planted defect', ['tests/planted.sh', self.build, self.qemu])

    def linux(self):
        """the Linux layer: small C programs that assert what a kernel does"""
        shutil.rmtree(os.environ['DEMOTIC_DISK_CACHE'], ignore_errors=True)
        for name, e in (('jit', 'jit'), ('jit, warm', 'jit'), ('jit, moved', 'jit, moved'), ('interp', 'interp'),
                        ('interp, warm', 'interp'), ('regions', 'jit, regions everywhere'),
                        ('regions in the background', 'jit, regions in the background'), ('chaos', 'jit, chaos and 1 MiB of code')):
            self.run('linux, ' + name, ['tests/linux/run.py', '--timeout', '300', '--build', self.build, '--demotic', self.demotic] +
                     ['--option=' + x for x in ENGINES[e]])

    def disk(self):
        """translations kept on disk: changed programs, damage, many at once"""
        self.run('translations on disk', ['tests/disk.py', self.build])

    def cli(self):
        """the command line: wrong input, what options do"""
        self.run('command line', ['tests/cli.py', self.build])

    def roots(self):
        """roots as a user makes them"""
        self.run('roots', ['tests/roots.py', self.build])

    def programs(self):
        """real programs against their native builds"""
        self.run('programs', ['tests/programs/run.py', '--demotic', self.demotic, '--roots', os.path.join(self.build, 'roots')], timeout=2400)

    def windows(self):
        """Windows programs for Arm64: cmd.exe, the project's own, real ones"""
        self.run('windows', ['tests/windows.sh', self.build])
        self.run('windows launcher', ['tests/windows/launcher.py', self.build])
        self.run('windows programs', ['tests/windows/run.py', '--build', self.build])
        self.run('the example project and its pipelines', ['tests/examples.py', self.build])
        self.run('the commands of docs/windows.md', ['tests/guide.py', self.build])

    def x86(self):
        """every row of the x86 tables, and whole static programs: this processor, jit and interpreter"""
        self.run('x86 rows', [os.path.join(self.build, 'tests/x86/x86diff')], timeout=600)
        self.run('x86 programs', ['tests/x86/programs.py', '--demotic', self.demotic, '--work',
                                  os.path.join(self.build, 'x86-programs')])

    def suites(self):
        """QEMU's own tests of its x86 guests, fetched as source: a sample of `make suites`"""
        self.run("QEMU's tests", ['tests/suites/run.py', '--demotic', self.demotic, '--build', os.path.join(self.build, 'suites'), '--suite', 'qemu',
                                  '--arch', 'amd64', '--arch', 'i386', '--interp', '0', '--only', '^test-(?!i386-fprem)|noexec|vsyscall|cmpxchg|float|sha'])

    def x86linux(self):
        """the Linux ABIs of x86-64 and i386: the small C programs of the linux stage, and real programs"""
        for arch in ('amd64', 'i386'):
            for name in ('jit', 'jit, regions everywhere', 'interp', 'jit, chaos and 1 MiB of code'):
                self.run(f'linux, {arch}, {name}', ['tests/linux/run.py', '--timeout', '300', '--build', self.build, '--demotic', self.demotic,
                                                    '--arch', arch] + ['--option=' + x for x in ENGINES[name]])
            self.run(f'linux, {arch}, random signals', ['tests/linux/run.py', '--timeout', '300', '--build', self.build, '--demotic',
                                                        self.demotic, '--arch', arch, '--only-demotic', '--option=--random-signals'])
        self.run('programs, amd64', ['tests/programs/run.py', '--demotic', self.demotic, '--roots', os.path.join(self.build, 'roots'),
                                     '--arch', 'amd64', '--except', 'python3 -m test'], timeout=1200)

    def x86windows(self):
        """Windows programs for x86-64 and i386, translated: the project's own, cmd.exe, 7-Zip, rcedit; pipes, statuses, missing DLLs"""
        for flavour in ('demotic-amd64', 'demotic-i386'):
            self.run('windows programs, ' + flavour, ['tests/windows/run.py', '--build', self.build, '--flavour', flavour, '--group', 'own',
                                                      '--group', 'cmd', '--group', '7zip', '--group', 'rcedit'])
            self.run('windows launcher, ' + flavour, ['tests/windows/launcher.py', self.build, '--flavour', flavour, 'pipes', 'missing_libraries'])

    STAGES = ['lint', 'unit', 'oracle', 'rows', 'x86', 'suites', 'planted', 'linux', 'disk', 'cli', 'x86linux', 'roots', 'programs', 'windows', 'x86windows']


def main():
    # Who is started in the background may ignore it, and so would all tests: Python's own of interrupts then run for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('build')
    p.add_argument('--only', action='append', choices=Check.STAGES)
    p.add_argument('--list', action='store_true')
    o = p.parse_args()
    check = Check(os.path.abspath(o.build))
    os.environ['DEMOTIC_DISK_CACHE'] = os.path.join(check.build, 'disk-cache') # not the user's
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for s in Check.STAGES:
        stage = getattr(check, s)
        if o.list:
            print(f'{s:10} {stage.__doc__}')
        elif not o.only or s in o.only:
            print(f'== {s}: {stage.__doc__}', flush=True)
            t = time.time()
            try:
                stage()
            except Exception as e:  # a stage that cannot run has failed; the others still run
                print(f'   {s}: {e}')
                check.failed += 1
            print(f'   ({time.time() - t:.0f} s)', flush=True)
    if not o.list:
        print(f'{check.passed} passed, {check.failed} failed')
    return check.failed != 0


if __name__ == '__main__':
    sys.exit(main())

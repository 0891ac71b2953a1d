#!/usr/bin/env python3
"""Test suites of other projects, fetched as Debian source packages: built for the guest's architecture, run natively (Arm64: under QEMU), then
under Demotic; exit status and all output must agree. Prints "N passed, N failed".

    tests/suites/run.py --demotic build/demotic [--suite NAME]... [--arch ARCH]... [--only REGEX] [--interp N] [--write docs/suites.md]

A suite is a file beside this one: PACKAGE, UNPACK, ARCHS, and cases() with a Case (case.py) for each test. What is fetched and built is kept
under --build. known.txt names the tests that differ, and why; one that is listed and does not differ is a failure too.
"""
import argparse
import concurrent.futures
import datetime
import difflib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

import gcc_i386
import glibc
import qemu
import report
import source
import torture
import valgrind

SUITES = {'gcc.target/i386': gcc_i386, 'gcc.c-torture': torture, 'qemu': qemu, 'valgrind': valgrind, 'glibc': glibc}
HERE = os.path.dirname(os.path.abspath(__file__))
AT_TIMES = 'at times'  # how the reason begins of what does not always differ
LIMIT = 64 << 20  # bytes of output that are compared


def end_session(leader):
    """Ends what a program left behind in process groups of their own, as those do that are stopped by their own time limit"""
    for stat in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(stat) as f:
                pid, rest = f.read().rsplit(')', 1)
            if int(rest.split()[3]) == leader:
                os.kill(int(pid.split()[0]), signal.SIGKILL)
        except (OSError, ProcessLookupError):  # it has ended already
            pass


def run(command, cwd, timeout, env, stdin=b''):
    """Status (a signal's is negative; 'timeout'), and what was written, both streams as one"""
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            p.communicate(stdin, timeout=timeout)
            status = p.returncode
        except subprocess.TimeoutExpired:
            status = 'timeout'
        finally:
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            p.wait()
        if status:
            end_session(p.pid)
        out.seek(0)
        return status, out.read(LIMIT)


class Suite:
    """One suite for one architecture"""

    def __init__(self, o, name, arch):
        self.o, self.name, self.arch, self.module = o, name, arch, SUITES[name]
        self.source = source.unpack(o.build, self.module.PACKAGE, self.module.UNPACK)
        self.work = f'{o.build}/{name.replace("/", "-")}/{arch}'
        os.makedirs(f'{self.work}/bin', exist_ok=True)
        self.env = {'PATH': os.environ['PATH'], 'LC_ALL': 'C', 'HOME': self.work, 'TERM': 'dumb', 'TIMEOUTFACTOR': '10', 'DEMOTIC_DISK_CACHE': f'{o.build}/cache'}
        self.native = [o.qemu] if arch == 'arm64' else ['setarch', 'i686'] if arch == 'i386' else []

    def build(self, case):
        """Builds the program unless this was done by the same commands; its path, and what the compiler says if there is none"""
        out = f'{self.work}/bin/' + re.sub(r'[^\w.+-]', '_', case.name)
        commands = [[w.replace('{out}', out).replace('{work}', self.work) for w in c] for c in case.build]
        said = ''
        if os.path.exists(out + '.built'):
            record = json.load(open(out + '.built'))
            if record['commands'] == commands and (record['said'] or os.path.exists(out)):
                return out, record['said']
        for c in commands:
            status, text = run(c, self.work, 300, {**os.environ, 'LC_ALL': 'C'})
            if status:
                said = text.decode(errors='replace')[-2000:] or f'status {status}'
                break
        with open(out + '.built', 'w') as f:
            json.dump({'commands': commands, 'said': said}, f)
        return out, said

    def once(self, prefix, case, program, timeout):
        cwd = case.cwd and case.cwd.replace('{work}', self.work)
        scratch = None if cwd else tempfile.mkdtemp(dir=self.work)
        try:
            status, out = run(prefix + [program, *case.args], cwd or scratch, timeout, self.env, case.stdin)
        finally:
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)
        # what they tell the person who looks: which instruction the processor has not, which signal ended the program
        out = re.sub(rb'(^demotic: |qemu: uncaught )[^\n]*\n', b'', out, flags=re.M)
        return status, b'' if case.silent else out

    def judge(self, case):
        """{'verdict': …, and for each engine that was tried 'same', 'skips' or what differs}"""
        if case.build is None:
            return {'verdict': 'not offered'}
        program, said = self.build(case)
        if said:
            return {'verdict': 'not built', 'said': said}
        want = self.once(self.native, case, program, self.o.timeout)
        if want[0] == 'timeout' or case.must and want[0] != 0:
            return {'verdict': 'fails natively', 'said': f'status {want[0]}'}
        if case.must and want == (0, b'SKIPPED\n'):
            return {'verdict': 'skips natively'}
        result = {'verdict': 'compared'}
        if case.golden:
            # goldens are of standard output alone; most of these tests write nothing else
            result['golden'] = any(open(g, 'rb').read() == want[1] for g in case.golden)
        for engine in ['jit'] + (['interp'] if self.o.interp and zlib.crc32(case.name.encode()) % self.o.interp == 0 else []):
            demotic = [self.o.demotic, '--engine', engine] + self.o.option
            got = self.once(demotic, case, program, self.o.timeout * 6)
            if got == want:
                result[engine] = 'skips' if case.needs and case.skipped == b'' else 'same'
            elif case.must and got == (0, case.skipped):
                result[engine] = 'skips'
            else:
                what = self.differs(case, program, want, demotic, got)
                if what is None:
                    return {'verdict': 'varies natively'}
                result[engine] = what
        return result

    def differs(self, case, program, want, demotic, got):
        """A second look: what natively is not the same twice is compared by its status and its number of lines; None if not even the
        status is."""
        again = self.once(self.native, case, program, self.o.timeout)
        if again != want:
            if again[0] != want[0]:
                return None
            if got[0] in (want[0], again[0]) and got[1].count(b'\n') in (want[1].count(b'\n'), again[1].count(b'\n')):
                return 'same'
        elif got[0] == 'timeout' or got[0] == want[0]:
            got = self.once(demotic, case, program, self.o.timeout * 12)
            if got == want:
                return 'same'
        lines = [x.decode(errors='replace').split('\n') for x in (want[1][:1 << 18], got[1][:1 << 18])]
        diff = [line[:200] for line in difflib.unified_diff(*lines, 'native', 'demotic', lineterm='', n=0)]
        return f'status {want[0]} natively, {got[0]} here\n' + '\n'.join(diff[2:14])


def known_list():
    """{(suite, architecture, test): reason}"""
    out = {}
    for line in open(f'{HERE}/known.txt'):
        line = line.strip()
        if line and line[0] != '#':
            test, _, reason = line.partition(': ')
            suite, arch, name = test.split(' ', 2)
            out[suite, arch, name] = reason
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', default='build/demotic')
    p.add_argument('--build', default='build/suites')
    p.add_argument('--qemu', help='for Arm64; default: what tools/get-qemu.sh brings')
    p.add_argument('--suite', action='append', choices=SUITES)
    p.add_argument('--arch', action='append', choices=['amd64', 'i386', 'arm64'])
    p.add_argument('--only', default='', help='names of tests that match')
    p.add_argument('--every', type=int, default=1, help='one test in so many')
    p.add_argument('--interp', type=int, default=4, help='the interpreter too, for one test in so many; 0: for none')
    p.add_argument('--all', action='store_true', help='all tests of what the guest processor does not offer, not a sample')
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('--timeout', type=int, default=20, help='seconds natively; under Demotic six times as long')
    p.add_argument('--option', action='append', default=[], help='option for demotic')
    p.add_argument('--write', help='the page to write, with what earlier runs of other suites left under --build')
    o = p.parse_args()
    o.demotic, o.build = os.path.abspath(o.demotic), os.path.abspath(o.build)
    if o.write and (o.only or o.every > 1):
        p.error('--write wants whole suites')
    os.makedirs(o.build, exist_ok=True)
    passed = failed = 0
    known = known_list()
    for name, module in SUITES.items():
        for arch in module.ARCHS:
            if o.suite and name not in o.suite or o.arch and arch not in o.arch:
                continue
            if arch == 'arm64' and not o.qemu:
                o.qemu = os.environ.get('DEMOTIC_QEMU') or subprocess.run(
                    [f'{HERE}/../../tools/get-qemu.sh', f'{os.path.dirname(o.build)}/oracle'], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
            p, f = one(o, name, arch, known)
            passed += p
            failed += f
    if o.write:
        report.write(o.write, o.build, SUITES, known)
    print(f'{passed} passed, {failed} failed')
    return failed != 0


def one(o, name, arch, known):
    """Runs a suite for an architecture; how many tests passed and failed"""
    start = time.time()
    suite = Suite(o, name, arch)
    cases = [c for i, c in enumerate(SUITES[name].cases(suite.source, arch, o.all)) if re.search(o.only, c.name) and i % o.every == 0]
    results, bad = {}, 0
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for case, result in zip(cases, pool.map(suite.judge, cases)):
            results[case.name] = result
            differing = report.differing(result)
            reason = known.get((name, arch, case.name))
            if differing and not reason:
                bad += 1
                for engine, what in differing.items():
                    print(f'{name} {arch} {case.name} {engine}: ' + what.replace('\n', '\n     '), flush=True)
            elif reason and not differing and not reason.startswith(AT_TIMES) and result['verdict'] == 'compared':
                bad += 1
                print(f'{name} {arch} {case.name}: is in known.txt, but does not differ', flush=True)
    count = report.counts(results)
    print(f'{name}, {arch}: ' + ', '.join(f'{n} {what}' for what, n in count.items() if n) + f' ({time.time() - start:.0f} s)', flush=True)
    if not o.only and o.every == 1:
        commit = subprocess.run(['git', '-C', HERE, 'rev-parse', '--short', 'HEAD'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        with open(f'{suite.work}/results.json', 'w') as f:
            json.dump({'package': f'{suite.module.PACKAGE} {source.version(o.build, suite.module.PACKAGE)}', 'tests': results,
                       'date': f'{datetime.date.today()}, {commit.strip()}'}, f, indent=1)
    differ = sum(bool(report.differing(r)) for r in results.values())
    return count['compared'] - max(bad, differ), bad


if __name__ == '__main__':
    sys.exit(main())

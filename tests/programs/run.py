#!/usr/bin/env python3
"""Runs the programs of programs.py in an arm64 root under Demotic and in an amd64 root natively, and compares; with --arch amd64 or
i386 in that architecture's root both times.

    tests/programs/run.py --demotic build/demotic [--arch ARCH] [--set runtimes] [--only NAME] [--engine jit]... [--option=--chaos]... [--write docs/programs.md]

A set is a file beside this one: BASE, what its roots hold, and PROGRAMS. The roots are made with mmdebstrap once, under --roots. Both
run in bubblewrap, which needs no privilege, without the files of this machine.
"""
import argparse
import datetime
import difflib
import os
import shutil
import signal
import subprocess
import sys
import time

import programs
import runtimes

SUITE = 'trixie'
SETS = {'programs': programs, 'runtimes': runtimes}
LACKING = {'i386': ('nodejs',)}  # what Debian does not build there: packages, and what is tried with them
HEADINGS = {'programs': '## Real programs\n', 'runtimes': '## Real programs: languages, servers, media\n'}


def make_root(path, arch, packages):
    if os.path.exists(path):
        return
    print(f'making the {arch} root {path} (some minutes) …', file=sys.stderr, flush=True)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.rmtree(path + '.part', ignore_errors=True)
    os.mkdir(path + '.part')
    mode = 'root' if os.geteuid() == 0 else 'unshare'
    tar = subprocess.Popen(['tar', '-x', '-C', path + '.part', '--exclude=./dev/*', '--no-same-owner', '--delay-directory-restore'],
                           stdin=subprocess.PIPE)
    subprocess.run(['mmdebstrap', '--quiet', f'--mode={mode}', f'--arch={arch}', '--variant=extract', '--format=tar',
                    f'--include={packages}', SUITE, '-'], check=True, stdout=tar.stdin)
    tar.stdin.close()
    if tar.wait():
        sys.exit('the root could not be unpacked')
    awk = os.path.join(path + '.part', 'usr/bin/awk')
    if not os.path.lexists(awk) and os.path.exists(path + '.part/usr/bin/gawk'):
        os.symlink('gawk', awk)
    os.rename(path + '.part', path)


ENV = {'PATH': '/usr/local/bin:/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', 'TZ': 'UTC', 'HOME': '/tmp', 'PYTHONDONTWRITEBYTECODE': '1'}


def run(command, scratch, timeout):
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    # in a session of its own, so that all of it can be ended
    p = subprocess.Popen(command, cwd=scratch, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         start_new_session=True)
    try:
        out, status = p.communicate(timeout=timeout)[0], p.returncode
    except subprocess.TimeoutExpired as e:
        out, status = e.stdout or b'', 'timeout'
    finally:
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return status, out.decode(errors='replace')


def judge(native, demotic, script, scratch, o):
    """How long it took natively and under each engine, and where that differed (a list of lines, empty if not)"""
    times, differences = [], {}
    for engine in [None] + o.engine:
        os.makedirs(os.path.dirname(scratch), exist_ok=True)
        start = time.time()
        got = run((demotic + ['--engine', engine] if engine else native) + ['/usr/bin/bash', '-c', script], scratch, o.timeout)
        times.append(time.time() - start)
        if not engine:
            want = got
            continue
        if want != got:
            diff = difflib.unified_diff(want[1].split('\n'), got[1].split('\n'), 'native', 'demotic', lineterm='', n=0)
            differences[engine] = [f'status {want[0]} natively, {got[0]} here'] + [line[:300] for line in diff][:30]
    shutil.rmtree(os.path.dirname(scratch), ignore_errors=True)
    return times, differences


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', default='build/demotic')
    p.add_argument('--roots', default='build/roots')
    p.add_argument('--arch', default='arm64', choices=['arm64', 'amd64', 'i386'])
    p.add_argument('--set', action='append', choices=SETS)
    p.add_argument('--only', action='append')
    p.add_argument('--except', action='append', default=[], dest='without', help='not this one')
    p.add_argument('--engine', action='append', help='one or more; default jit')
    p.add_argument('--option', action='append', default=[], help='option for demotic')
    p.add_argument('--timeout', type=int, default=900)
    p.add_argument('--write')
    o = p.parse_args()
    o.engine = o.engine or ['jit']
    archs = (o.arch, 'i386' if o.arch == 'i386' else 'amd64')
    scratch = f'/tmp/demotic-programs-{os.getpid()}/work'  # of its own: several may run at a time
    if o.write and o.only:
        p.error('--write wants whole sets, not --only')
    passed = failed = 0
    for s in o.set or ['programs']:
        guest, native = (os.path.abspath(f'{o.roots}/{s}-{arch}') for arch in archs)
        for path, arch in zip((guest, native), archs):
            make_root(path, arch, ','.join(p for p in SETS[s].BASE.split(',') if p not in LACKING.get(arch, ())))
        dirs = ['--dev', '/dev', '--proc', '/proc', '--bind', os.path.dirname(scratch), os.path.dirname(scratch), '--chdir', scratch]
        natively = ['bwrap', '--bind', native, '/'] + dirs
        if o.arch == 'i386':  # a 64-bit kernel says i686 to those who ask for it
            natively = ['setarch', 'i686'] + natively
        # nor does Demotic find any of the host's files, so that both have the same
        demotic = ['bwrap', '--bind', guest, guest, '--ro-bind', os.path.abspath(o.demotic), '/demotic'] + dirs
        demotic += ['/demotic', '--root', guest] + o.option
        rows = []
        for name, script in SETS[s].PROGRAMS:
            if o.only and name not in o.only or name in o.without or name in LACKING.get(o.arch, ()):
                continue
            times, differences = judge(natively, demotic, script, scratch, o)
            passed += not differences
            failed += bool(differences)
            rows.append((name, script, times, differences))
            print(f'{"FAIL" if differences else "ok  "} {name}  ({times[0]:.1f} s native, ' +
                  ', '.join(f'{t:.1f} s {e}' for e, t in zip(o.engine, times[1:])) + ')', flush=True)
            for engine, lines in differences.items():
                print(f'     {engine}:\n     ' + '\n     '.join(lines), flush=True)
        if o.write:
            write(o, s, rows)
    print(f'{passed} passed, {failed} failed')
    return failed != 0


def write(o, s, rows):
    """Replaces the set's section in the page, which may hold other text"""
    text = open(o.write).read() if os.path.exists(o.write) else '# Programs\n'
    if HEADINGS[s] not in text:
        text += '\n' + HEADINGS[s]
    before, _, after = text.partition(HEADINGS[s])
    end = after.find('\n## ')
    command = ' '.join(['tests/programs/run.py --set', s] + ['--engine ' + e for e in o.engine] + o.option + ['--write docs/programs.md'])
    out = f'''
Debian {SUITE}'s arm64 packages under Demotic against the amd64 build of the same packages: the whole output and the exit status must
agree. Made by `{command}` on {datetime.date.today()}; the scripts are in `tests/programs/{s}.py`.
The times are of one run and of a shell that starts many programs: they are no benchmark.

| program | first line of the script | native | {' | '.join(o.engine)} |
| --- | --- | --- |{' --- |' * len(o.engine)}
'''
    for name, script, times, differences in rows:
        first = script.strip().split('\n')[0][:70].replace('|', '\\|')
        cells = [('**differs**' if e in differences else 'same') + f', {t:.1f} s' for e, t in zip(o.engine, times[1:])]
        out += f'| {name} | `{first}` | {times[0]:.1f} s | {" | ".join(cells)} |\n'
    with open(o.write, 'w') as f:
        f.write(before + HEADINGS[s] + out + (after[end:] if end >= 0 else ''))


if __name__ == '__main__':
    sys.exit(main())

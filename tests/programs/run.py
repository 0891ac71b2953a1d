#!/usr/bin/env python3
"""Runs the programs of programs.py in an arm64 root under Demotic and in an amd64 root natively, and compares.

    tests/programs/run.py --demotic build/demotic [--only NAME] [--option=--engine=interp]... [--write docs/programs.md]

The roots are made with mmdebstrap once, under --roots. The native programs run in theirs by bubblewrap, which needs no privilege.
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

SUITE = 'trixie'


def make_root(path, arch):
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
                    f'--include={programs.BASE}', SUITE, '-'], check=True, stdout=tar.stdin)
    tar.stdin.close()
    if tar.wait():
        sys.exit('the root could not be unpacked')
    awk = os.path.join(path + '.part', 'usr/bin/awk')
    if not os.path.lexists(awk):
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


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', default='build/demotic')
    p.add_argument('--roots', default='build/roots')
    p.add_argument('--only', action='append')
    p.add_argument('--option', action='append', default=[], help='option for demotic')
    p.add_argument('--timeout', type=int, default=900)
    p.add_argument('--write')
    o = p.parse_args()
    guest, native = os.path.abspath(o.roots + '/programs-arm64'), os.path.abspath(o.roots + '/programs-amd64')
    make_root(guest, 'arm64')
    make_root(native, 'amd64')
    scratch = f'/tmp/demotic-programs-{os.getpid()}/work'  # of its own: several may run at a time
    bwrap = ['bwrap', '--bind', native, '/', '--dev', '/dev', '--proc', '/proc', '--bind', os.path.dirname(scratch), os.path.dirname(scratch),
             '--chdir', scratch]
    demotic = [os.path.abspath(o.demotic), '--root', guest] + o.option
    passed = failed = 0
    rows = []
    for name, script in programs.PROGRAMS:
        if o.only and name not in o.only:
            continue
        os.makedirs(os.path.dirname(scratch), exist_ok=True)
        t0 = time.time()
        want = run(bwrap + ['/usr/bin/bash', '-c', script], scratch, o.timeout)
        t1 = time.time()
        got = run(demotic + ['/usr/bin/bash', '-c', script], scratch, o.timeout)
        t2 = time.time()
        # bubblewrap reports death by a signal as a shell does
        if isinstance(want[0], int) and want[0] > 128 and isinstance(got[0], int) and got[0] < 0:
            got = (128 - got[0], got[1])
        ok = want == got
        passed += ok
        failed += not ok
        rows.append((name, script, ok, t1 - t0, t2 - t1))
        print(f'{"ok  " if ok else "FAIL"} {name}  ({t1 - t0:.1f} s native, {t2 - t1:.1f} s here)', flush=True)
        if not ok:
            print(f'     status {want[0]} natively, {got[0]} here')
            for line in list(difflib.unified_diff(want[1].split('\n'), got[1].split('\n'), 'native', 'demotic', lineterm='', n=0))[:30]:
                print('     ' + line[:300])
    print(f'{passed} passed, {failed} failed')
    if o.write:
        write(o.write, rows)
    return failed != 0


def write(path, rows):
    with open(path, 'w') as f:
        f.write(f'''# Real programs

Debian {SUITE}'s arm64 packages under Demotic against the amd64 build of the same packages: the whole output and the exit status must
agree. Made by `tests/programs/run.py --write docs/programs.md` on {datetime.date.today()}; the scripts are in `tests/programs/programs.py`.

| program | first line of the script | result | native | Demotic |
| --- | --- | --- | --- | --- |
''')
        for name, script, ok, n, d in rows:
            first = script.strip().split('\n')[0][:70].replace('|', '\\|')
            f.write(f'| {name} | `{first}` | {"same" if ok else "**differs**"} | {n:.1f} s | {d:.1f} s |\n')


if __name__ == '__main__':
    sys.exit(main())

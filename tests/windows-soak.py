#!/usr/bin/env python3
"""Windows programs again and again, several at a time: nothing may hang, print anything else, or stay behind.

    tests/windows-soak.py BUILD ROOT [--runs 100] [--at-once 4] [--prefixes 1] [--pipe] [--kill] [-- PROGRAM ARG...]

Without a program: cmd.exe echoes the run's number.  With one, every run must print what the first one prints.  --pipe: what it
prints goes into a pipe, not into a file.  --kill: at random
moments one of the processes is killed (the launcher, Wine's server, any program); such a run may fail, but those after it may not.
The last line counts.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument('build', type=Path)
parser.add_argument('root')
parser.add_argument('--runs', type=int, default=100)
parser.add_argument('--at-once', type=int, default=4)
parser.add_argument('--prefixes', type=int, default=1)
parser.add_argument('--timeout', type=float, default=120)
parser.add_argument('--pipe', action='store_true')
parser.add_argument('--kill', action='store_true')
parser.add_argument('--seed', type=int, default=1)
own, program = sys.argv[1:], []
if '--' in own:
    own, program = own[:own.index('--')], own[own.index('--') + 1:]
args = parser.parse_args(own)

place = Path(tempfile.mkdtemp(prefix='demotic-soak.'))
prefixes = [str(place / f'prefix {i}') for i in range(args.prefixes)]
wine = str(args.build.resolve() / 'wine-arm64')
lock = threading.Lock()
numbers = iter(range(args.runs))
failures = []
killed = 0
expected = None
stop = False


def wine_processes():
    """Processes with one of our prefixes in their environment: (pid, prefix)."""
    for entry in Path('/proc').iterdir():
        if not entry.name.isdigit():
            continue
        try:
            for word in (entry / 'environ').read_bytes().split(b'\0'):
                name, _, value = word.partition(b'=')
                if name == b'WINEPREFIX' and value.decode() in prefixes:
                    yield int(entry.name), value.decode()
        except OSError:
            pass


def name_of(pid):
    try:
        return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace').strip()
    except OSError:
        return '?'


def run(number, prefix, checked=True):
    """Runs the program once; what is wrong, or None."""
    global expected
    env = {k: v for k, v in os.environ.items() if k not in ('DISPLAY', 'WAYLAND_DISPLAY', 'WINEDEBUG')}
    env['WINEPREFIX'] = prefix
    command = [wine, '--root', args.root] + (program or ['cmd.exe', '/c', f'echo run {number}'])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        cat = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=out) if args.pipe else None
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=cat.stdin if cat else out, stderr=err, env=env, cwd=place)
        if cat:
            cat.stdin.close()
        try:
            status = p.wait(args.timeout)
            if cat:
                cat.wait(args.timeout)
        except subprocess.TimeoutExpired:
            left = '; '.join(f'{pid} {name_of(pid)}' for pid, where in wine_processes() if where == prefix)
            p.kill()
            p.wait()
            return f'hangs after {args.timeout} s; there are: {left}'
        out.seek(0)
        err.seek(0)
        got = out.read().decode(errors='replace').replace('\r', '')
        said = err.read().decode(errors='replace')
        took = time.monotonic() - began
    if not program:
        expected = f'run {number}\n'
    elif expected is None and status == 0:
        expected = got
    if status != 0 or got != (f'run {number}\n' if not program else expected) or (checked and said.strip()):
        return f'status {status} after {took:.1f} s, printed {got[-300:]!r}, said {said[-600:]!r}'
    return None


def worker(index):
    while not stop:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        before = killed
        wrong = run(number, prefixes[number % len(prefixes)])
        if wrong and not (args.kill and (killed != before or 'hangs' not in wrong)):
            with lock:
                failures.append(f'run {number}: {wrong}')
                print('FAIL', failures[-1], flush=True)


def killer():
    global killed
    chance = random.Random(args.seed)
    while not stop:
        time.sleep(chance.uniform(0.1, 1.5))
        some = [pid for pid, _ in wine_processes()]
        if some:
            pid = chance.choice(some)
            killed += 1
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


for prefix in prefixes:  # made one after the other, so that the first output is certain, too
    wrong = run(0, prefix, checked=False)
    if wrong:
        sys.exit(f'cannot begin: {wrong}')
began = time.monotonic()
threads = [threading.Thread(target=worker, args=(i,)) for i in range(args.at_once)]
murder = threading.Thread(target=killer) if args.kill else None
for t in threads + ([murder] if murder else []):
    t.start()
for t in threads:
    t.join()
stop = True
if murder:
    murder.join()
    for prefix in prefixes:  # whatever was killed: the next run works, and leaves nothing
        wrong = run(0, prefix)
        if wrong:
            failures.append(f'after the killing, in {prefix}: {wrong}')
            print('FAIL', failures[-1])
time.sleep(0.3)
left = [(pid, name_of(pid)) for pid, _ in wine_processes()]
for pid, name in left:
    print(f'LEFT {pid} {name}')
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
for prefix in prefixes:
    if not (Path(prefix) / 'user.reg').exists():
        failures.append(f'{prefix} has no registry')
        print('FAIL', failures[-1])
    shutil.rmtree(prefix, ignore_errors=True)
shutil.rmtree(place, ignore_errors=True)
print(f'{args.runs} runs, {args.at_once} at a time, in {len(prefixes)} prefixes: {len(failures)} failed, {len(left)} processes left'
      + (f', {killed} killed' if args.kill else '') + f', {time.monotonic() - began:.0f} s')
sys.exit(bool(failures or left))

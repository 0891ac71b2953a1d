#!/usr/bin/env python3
"""The command, as a user has it: from nothing, at a terminal, interrupted, killed, as an ordinary user, and nothing stays behind.

    tests/windows/launcher.py BUILD [--flavour demotic-i386] [NAME...]

The root is a copy, of hard links where that can be, of the one that all these tests use (fetch.py). The last line counts.
"""
import argparse
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import counting  # noqa: E402
from fetch import Store  # noqa: E402
from session import ARCH  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('build')
parser.add_argument('name', nargs='*', help='of a test; all without any')
parser.add_argument('--flavour', default='demotic', choices=[f for f in ARCH if f.startswith('demotic')])
options = parser.parse_intermixed_args()
arch = ARCH[options.flavour]
build = os.path.abspath(options.build)
place = tempfile.mkdtemp(prefix='demotic launcher ä ')  # a space and a letter that is not ASCII in every path
home = place + '/home'
store = Store(build)
tests = []


def test(function):
    tests.append(function)


def surroundings(**more):
    kept = ('PATH', 'LANG')
    return {k: v for k, v in os.environ.items() if k in kept} | {'HOME': home, 'TMPDIR': place + '/tmp'} | more


def wine(*args, program='wine-arm64', before=()):
    return [*before, f'{build}/{program}', '--root', place + '/root', *args]


def run(*args, timeout=120, program='wine-arm64', env=None, **more):
    return subprocess.run(wine(*args, program=program), env=env or surroundings(), cwd=place, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **more)


def own(name):
    return store.program(name, arch)


def text(data):
    return data.decode(errors='replace').replace('\r', '')


def left():
    """Processes of Demotic whose environment names our directory"""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if place.encode() in open(f'/proc/{pid}/environ', 'rb').read() and int(pid) != os.getpid():
                found.append((int(pid), text(open(f'/proc/{pid}/cmdline', 'rb').read().replace(b'\0', b' ')).strip()))
        except OSError:
            pass
    return found


def parent(pid):
    return int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[1])


def want(condition, what):
    if not condition:
        raise AssertionError(what)


def want_nothing_left():
    for _ in range(40):  # a zombie's last moment
        if not left():
            return
        time.sleep(0.05)
    raise AssertionError(f'left behind: {left()}')


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, *args, program='wine-arm64'):
        self.out = b''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(place)
            os.execvpe(wine()[0], wine(*args, program=program), surroundings())

    def wait(self, what, timeout=90):
        """Reads until `what` has come (since the last wait)."""
        end = time.monotonic() + timeout
        while what not in self.out:
            if not self.read(end - time.monotonic()):
                raise AssertionError(f'{what!r} did not come: {self.out[-500:]!r}')
        self.out = self.out[self.out.index(what) + len(what):]

    def read(self, timeout):
        if timeout <= 0 or not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # EIO: the other side is closed
            return False
        self.out = re.sub(rb'\x1b\[\?25[lh]', b'', self.out + data)  # the cursor, hidden and shown
        return bool(data)

    def wait_raw(self):
        """Wine takes the terminal over at the first read, after the first prompt."""
        for _ in range(600):
            if not termios.tcgetattr(self.fd)[3] & termios.ICANON:
                return
            time.sleep(0.1)
        raise AssertionError('the terminal is not taken over')

    def type(self, data):
        os.write(self.fd, data)

    def end(self, timeout=60):
        """The exit status, negative for a signal"""
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError(f'does not end: {self.out[-500:]!r}; {left()}')


LOOP = ('cmd.exe', '/c', 'echo ready& for /l %i in (0,0,1) do @rem')


@test
def from_nothing():
    """The first run makes the drive and says so; TMPDIR, which Debian's Wine does not survive, is set"""
    r = run('cmd.exe', '/c', 'echo Hello %USERNAME%')
    want(r.returncode == 0 and text(r.stdout).startswith('Hello '), r)
    want("preparing Windows' C: drive" in text(r.stderr), text(r.stderr))
    want(not os.path.exists(home + '/.local/share/applications'), 'menus were written')
    r = run('cmd.exe', '/c', 'echo again')
    want((r.returncode, text(r.stdout), r.stderr) == (0, 'again\n', b''), r)


@test
def second_drive():
    """A second prefix is a copy"""
    began = time.monotonic()
    r = run('cmd.exe', '/c', 'echo two', env=surroundings(WINEPREFIX=place + '/second drive'))
    want((r.returncode, text(r.stdout), r.stderr) == (0, 'two\n', b''), r)
    print(f'       {time.monotonic() - began:.1f} s')


@test
def drive_at_the_top():
    """A prefix just below /, as in images"""
    if os.getuid() != 0:
        return
    drive = f'/demotic-test-{os.getpid()}'
    try:
        r = run('cmd.exe', '/c', 'echo top', env=surroundings(WINEPREFIX=drive))
        want((r.returncode, text(r.stdout), r.stderr) == (0, 'top\n', b''), r)
    finally:
        shutil.rmtree(drive, ignore_errors=True)


@test
def older_drive():
    """A prefix with older settings gets the new ones, once"""
    drive = home + '/.local/share/demotic/prefixes/root'
    marker = drive + '/.demotic-settings'
    key, value = r'HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug', 'Debugger'
    now = open(marker).read()
    run('reg', 'add', key, '/v', value, '/d', 'old', '/f')
    want('old' in text(run('reg', 'query', key, '/v', value).stdout), 'it is not changed')
    for before in ('1\n', None):  # None: from before there were numbers
        open(marker, 'w').write(before) if before else os.unlink(marker)
        r = run('reg', 'query', key, '/v', value)
        want('false' in text(r.stdout) and open(marker).read() == now, r)


@test
def drivers():
    """Wine's drivers for game controllers, USB and Bluetooth are not started"""
    r = run('cmd.exe', '/c', 'echo', env=surroundings(WINEDEBUG='+loaddll'))
    want(b'mountmgr.sys' in r.stderr, r.stderr[-500:])
    for name in (b'winebus.sys', b'wineusb.sys', b'winebth.sys', b'hidclass.sys'):
        want(name not in r.stderr, name)


@test
def foreign_drive():
    """A prefix that the user made is left as it is"""
    theirs = place + '/theirs'
    shutil.copytree(home + '/.local/share/demotic/prefixes/root', theirs, symlinks=True)
    os.unlink(theirs + '/.demotic-settings')
    r = run('cmd.exe', '/c', 'echo theirs', env=surroundings(WINEPREFIX=theirs))
    want(text(r.stdout) == 'theirs\n' and not os.path.exists(theirs + '/.demotic-settings'), r)


@test
def status():
    for given, wanted, said in ((0, 0, ''), (3, 3, ''), (255, 255, ''), (300, 44, '0x12c'), (-1073741819, 5, '0xc0000005')):
        r = run('cmd.exe', '/c', f'exit {given}')
        want(r.returncode == wanted and said in text(r.stderr) and bool(said) == bool(r.stderr), r)
    for given, said in ((256, '0x100 (256)'), (-2147483648, '0x80000000')):  # Wine makes 1 of them
        for args in (('cmd.exe', '/c', f'exit {given}'), ('end.bat',)):
            with open(place + '/end.bat', 'w') as f:
                f.write(f'@exit {given}\r\n')
            r = run(*args)
            want(r.returncode == 1 and said in text(r.stderr) and text(r.stderr).count('demotic:') == 1, r)
    r = run('cmd.exe', '/c', 'exit 1')
    want((r.returncode, r.stderr) == (1, b''), r)
    want(not [x for x in os.listdir(home + '/.local/share/demotic/prefixes/root/drive_c/windows') if x.startswith('demotic-') and
              not x.endswith('.exe')], 'a note is left')


@test
def refused():
    """What cannot be run is named"""
    clock = open(own('clock'), 'rb').read()
    at = struct.unpack_from('<I', clock, 60)[0] + 4
    others = {'arm64': (0xaa64, 'no Wine for Arm64'), 'amd64': (0x8664, 'no Wine for x86-64'), 'i386': (0x14c, 'no Wine for i386')}
    for machine, name in [o for a, o in others.items() if a != arch] + [(0x1c0, 'other.exe')]:
        with open(place + '/other.exe', 'wb') as f:
            f.write(clock[:at] + struct.pack('<H', machine) + clock[at + 2:])
        r = run('./other.exe', program='demotic')
        want(r.returncode == 126 and name in text(r.stderr), r)


def said(r):
    """What Demotic itself says, without Wine's messages"""
    return [x for x in text(r.stderr).split('\n') if x.startswith('demotic:')]


@test
def missing_libraries():
    """DLLs that are not there are named, with who wants them and where they come from; so are those of the program's own DLLs"""
    clock = open(own('clock'), 'rb').read()
    at = struct.unpack_from('<I', clock, 60)[0] + 22  # characteristics
    folder = place + '/missing'
    os.mkdir(folder)

    def program(name, library, dll=False):
        data = clock.replace(b'ucrtbase.dll', library)
        if dll:
            data = data[:at] + struct.pack('<H', struct.unpack_from('<H', data, at)[0] | 0x2000) + data[at + 2:]
        with open(f'{folder}/{name}', 'wb') as f:
            f.write(data)

    for library, origin in ((b'nosuch12.dll', 'who made the program'), (b'OpenAL32.dll', 'openal-soft.org'), (b'mfc140ud.dll', '/MDd'),
                            (b'python31.dll', 'www.python.org')):
        program('program.exe', library)
        r = run(folder + '/program.exe', program='demotic')
        want(r.returncode == 0x35 and len(said(r)) == 2 and '0xc0000135' in said(r)[0], r)
        want(said(r)[1].startswith(f'demotic: {library.decode()} is missing, which {folder}/program.exe needs: ') and origin in said(r)[1], r)
    program('program.exe', b'helper12.dll')
    program('Helper12.DLL', b'SDL3_net.dll', dll=True)
    r = run('missing/program.exe', program='demotic')
    want(r.returncode == 0x35 and len(said(r)) == 2 and f'SDL3_net.dll is missing, which {folder}/Helper12.DLL needs' in said(r)[1], r)
    with open(folder + '/Helper12.DLL', 'r+b') as f:  # another processor's
        f.seek(at - 18)
        f.write(struct.pack('<H', 0x8664 if arch == 'arm64' else 0xaa64))
    r = run('missing/program.exe', program='demotic')
    want(r.returncode in (0x35, 0x7b) and any('Helper12.DLL' in x and ('x86-64' if arch == 'arm64' else 'Arm64') in x for x in said(r)), r)
    want(run('cmd.exe', '/c', 'exit 53').stderr == b'', 'a status is no proof')
    r = run(own('exit'), 'status', '53', program='demotic')
    want((r.returncode, r.stderr) == (53, b''), r)


@test
def ends_while_computing():
    r = run(own('exit'), program='demotic')
    want(r.returncode == 0, text(r.stdout))


@test
def waits_for_children():
    """A program that a program leaves behind is waited for"""
    with open(place + '/late.bat', 'w') as f:
        f.write('@ping -n 3 127.0.0.1 >nul\r\n@echo late\r\n')
    r = run('cmd.exe', '/c', 'start /b cmd.exe /c late.bat')
    want(r.returncode == 0 and text(r.stdout).strip() == 'late', r)


@test
def pipes():
    """A program that asks for Windows' own pipes gets them: all bytes, in order, the end, and the status"""
    data = bytes(range(256)) * 4000
    r = subprocess.run(wine(own('streams'), program='demotic'), env=surroundings(), cwd=place, input=data,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    want(r.returncode == 0x34 and len(r.stdout + r.stderr) > len(data), (r.returncode, len(r.stdout), len(r.stderr), r.stderr[-200:]))
    want(b'0x1234' in r.stderr, r.stderr[-200:])
    r = subprocess.run(wine(own('streams'), program='demotic'), env=surroundings(), cwd=place, input=data,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    want(r.stdout.startswith(data), (len(r.stdout), r.stdout[:100]))


@test
def pipes_of_children():
    """A program that a batch file starts has Windows' own pipes, too"""
    program = 'Z:' + own('streams').replace('/', '\\')
    with open(place + '/inner.bat', 'w') as f:
        f.write(f'@echo before\r\n@"{program}" output\r\n@echo after %ERRORLEVEL%\r\n@exit 7\r\n')
    for args in (('inner.bat',), ('cmd.exe', '/c', 'inner.bat')):
        r = run(*args)
        want((r.returncode, text(r.stdout), r.stderr) == (7, 'before\nit is a pipe\nafter 52\n', b''), r)
    r = run('--wine-direct', 'cmd.exe', '/c', 'inner.bat')
    want('after 1\n' in text(r.stdout), r)  # if Wine has learned that of itself, the relay is needed for less


@test
def input_is_left():
    """What a program does not read of its standard input, the next one finds there"""
    r = subprocess.run(['sh', '-c', '"$0" "$@"; cat', *wine('cmd.exe', '/c', 'echo first')], env=surroundings(), cwd=place, input=b'second\n',
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    want((text(r.stdout), r.stderr) == ('first\nsecond\n', b''), r)


@test
def others_keep_pipes():
    """A program left behind with the pipes is waited for no longer than was said; what was written till then has come"""
    began = time.monotonic()
    p = subprocess.Popen(wine('--wine-wait', '2', 'cmd.exe', '/c', 'start /b ping -n 25 127.0.0.1 & echo now& exit 3'), env=surroundings(),
                         cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    want(p.wait(60) == 3, p.returncode)
    took = time.monotonic() - began
    out, err = os.read(p.stdout.fileno(), 65536), os.read(p.stderr.fileno(), 65536)
    want('now\n' in text(out) and 'left running' in text(err), (out, err))
    want(took < 15, f'{took:.1f} s')
    run('wineserver', '-k')


@test
def together():
    """Four at once where nothing runs yet: Wine's services start once, and nothing stays"""
    for _ in range(3):
        four = [subprocess.Popen(wine('cmd.exe', '/c', 'echo one of four'), env=surroundings(), cwd=place, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
        for p in four:
            out, err = p.communicate(timeout=120)
            want(p.returncode == 0 and text(out) == 'one of four\n' and not err, (p.returncode, out, err))
        want_nothing_left()


@test
def broken_pipe():
    """Who reads goes away: the program is told and ends"""
    p = subprocess.Popen(wine(own('streams'), program='demotic'), env=surroundings(), cwd=place,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    p.stdout.close()
    try:
        for _ in range(200):
            p.stdin.write(bytes(10000))
        p.stdin.close()
    except BrokenPipeError:
        pass
    want(p.wait(60) in (1, 3), p.returncode)  # 1: standard error is no pipe


@test
def terminal():
    """cmd.exe interactive: a line is edited, variables live on, the status arrives"""
    t = Terminal('cmd.exe')
    t.wait(b'>')
    t.wait_raw()
    t.type(b'echo hello wor\x7fdly\r')
    t.wait(b'\nhello wodly\r')
    t.wait(b'>')
    t.type(b'set X=5\r')
    t.wait(b'>')
    t.type(b'echo value%X%\r')
    t.wait(b'value5')
    t.wait(b'>')
    t.type(b'exit 3\r')
    want(t.end() == 3, 'status')


@test
def interrupt():
    """Ctrl-C ends the program, and the launcher by the same signal, so that a shell's loop ends, too"""
    for _ in range(3):
        t = Terminal(*LOOP)
        t.wait(b'ready')
        t.type(b'\x03')
        status = t.end()
        want(status == -signal.SIGINT, f'status {status}, {t.out!r}')
        want_nothing_left()


@test
def interrupt_twice():
    """A program that takes the first Ctrl-C for itself does not survive the second"""
    t = Terminal(own('interrupted'), program='demotic')
    t.wait(b'ready')
    t.type(b'\x03')
    t.wait(b'event 0')
    time.sleep(0.3)
    t.type(b'\x03')
    want(t.end(20) != 0, 'status')


@test
def signals():
    """SIGTERM and SIGHUP end the program and all with it, also one that does not answer"""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
    for sig, answers in ((signal.SIGTERM, True), (signal.SIGHUP, True), (signal.SIGTERM, False)):
        p = subprocess.Popen(wine(*LOOP), env=surroundings(), cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        want(p.stdout.readline().startswith(b'ready'), 'it does not start')
        for pid, _ in left():
            if not answers and parent(pid) == p.pid:
                os.kill(pid, signal.SIGSTOP)
        p.send_signal(sig)
        want(p.wait(60) in (128 + sig, -sig), p.returncode)
        p.stdout.close()
        want_nothing_left()


@test
def killed():
    """kill -9 of the launcher: its program ends; of the server: everything; afterwards all is well"""
    for which in ('launcher', 'server'):
        p = subprocess.Popen(wine(*LOOP), env=surroundings(), cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        want(p.stdout.readline().startswith(b'ready'), 'it does not start')
        os.kill(p.pid if which == 'launcher' else next(pid for pid, name in left() if 'wineserver' in name), signal.SIGKILL)
        want(p.wait(60) != 0, f'{which}: status 0')
        p.stdout.close()
        r = run('cmd.exe', '/c', 'echo well')
        want((r.returncode, text(r.stdout), r.stderr) == (0, 'well\n', b''), r)
        want_nothing_left()


@test
def ordinary_user():
    """Someone else than root, with an own home"""
    if os.getuid() != 0:
        return
    theirs = place + "/user's home"
    os.mkdir(theirs)
    os.chown(theirs, 12345, 12345)
    env = surroundings(HOME=theirs)
    del env['TMPDIR']
    os.mkdir(place + '/bin')
    mine = shutil.copy(build + '/demotic', place + '/bin/wine-arm64')  # the build directory may be closed to others
    r = subprocess.run([mine, '--root', place + '/root', 'cmd.exe', '/c', 'echo of a user'], env=env, cwd=place, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, user=12345, group=12345, extra_groups=[])
    want(r.returncode == 0 and text(r.stdout) == 'of a user\n', r)
    want(os.stat(theirs + '/.local/share/demotic/prefixes/root').st_uid == 12345, 'whose drive is it?')


def main():
    os.chmod(place, 0o755)
    os.mkdir(home)
    os.mkdir(place + '/tmp')
    source = store.mended_root(build + '/demotic') if arch == 'arm64' else store.root(arch)
    for how in ('-al', '-a'):
        if subprocess.run(['cp', how, source, place + '/root'], stderr=subprocess.DEVNULL).returncode == 0:
            break
        subprocess.run(['rm', '-rf', place + '/root'])
    chosen = [t for t in tests if not options.name or t.__name__ in options.name or t is tests[0]]
    for t in chosen:
        began = time.monotonic()
        try:
            t()
            want_nothing_left()
            counting.shown(f'{t.__name__} ({time.monotonic() - began:.1f} s)', True)
        except (AssertionError, OSError, subprocess.TimeoutExpired, StopIteration) as e:
            counting.shown(f'{t.__name__} ({time.monotonic() - began:.1f} s)', False, f'{e!r}'[:3000])
            for pid, _ in left():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
    return counting.finish()


try:
    result = main()
finally:
    subprocess.run(['rm', '-rf', place])
sys.exit(result)

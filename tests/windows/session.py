"""Running Windows programs in several ways ("flavours"), each with a Wine prefix of its own:

    demotic        Arm64 programs, `wine-arm64`: no privilege, nothing set up
    demotic-amd64  the x64 builds of the programs, translated too, in the amd64 root
    demotic-i386   those for i386, translated, in the i386 root
    qemu           the Arm64 programs in the Arm64 root, under QEMU's user mode
    native         the x64 builds of the programs in the amd64 root, run by this machine itself
    native-i386    the same with those for i386

The last three run chrooted in a user namespace of their own (see namespace.py), in which QEMU is registered for Arm64 programs.

CPU time is that of the program and all it started, and of what Wine's server and services, which are there before and after, did
meanwhile.
"""
import atexit
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import namespace

PR_SET_CHILD_SUBREAPER = 36
ARCH = {'demotic': 'arm64', 'demotic-amd64': 'amd64', 'demotic-i386': 'i386', 'qemu': 'arm64', 'native': 'amd64', 'native-i386': 'i386'}
# Debian's: Wine's loader, its server, and MinGW's zlib, which Wine for x86 imports without looking where it is
WINE = {'arm64': ('/usr/lib/wine/wine64', '/usr/lib/wine/wineserver64', None),
        'amd64': ('/usr/lib/wine/wine64', '/usr/lib/wine/wineserver64', '/usr/x86_64-w64-mingw32ucrt/lib/zlib1.dll'),
        'i386': ('/usr/lib/wine/wine', '/usr/lib/wine/wineserver32', '/usr/i686-w64-mingw32/lib/zlib1.dll')}

# As Demotic's own prefixes have it (src/cli/prefix.c): no error messages where there is no display, no debugger.
SETTINGS = [('HKCU\\Software\\Wine\\Drivers', 'Graphics', 'REG_SZ', 'x11,wayland,null'),
            ('HKCU\\Software\\Wine\\WineDbg', 'ShowCrashDialog', 'REG_DWORD', '0'),
            ('HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion\\AeDebug', 'Debugger', 'REG_SZ', 'false')]
SCRATCH, JAILS, STARTED = [], {}, {}


class Failure(Exception):
    """What a case found wrong"""


class Result:
    def __init__(self, status, out, err, cpu, wall):
        self.status, self.cpu, self.wall = status, cpu, wall
        self.raw = out
        self.out = out.decode(errors='replace').replace('\r\n', '\n')
        self.err = err.decode(errors='replace').replace('\r\n', '\n')


def adopt_orphans():
    """Wine's processes detach themselves; so they come to us, and their CPU time too"""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes_of(prefix):
    """Process ids whose environment names this prefix"""
    want, found = b'WINEPREFIX=' + prefix.encode(), []
    for pid in os.listdir('/proc'):
        if pid.isdigit():
            try:
                with open(f'/proc/{pid}/environ', 'rb') as f:
                    if want in f.read().split(b'\0'):
                        found.append(int(pid))
            except OSError:
                pass
    return found


def command_of(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return f.read().replace(b'\0', b' ').decode(errors='replace').strip()
    except OSError:
        return ''


def children():
    """Process ids of our children, orphans that have come to us among them"""
    found = set()
    for t in os.listdir('/proc/self/task'):
        try:
            with open(f'/proc/self/task/{t}/children') as f:
                found |= set(map(int, f.read().split()))
        except OSError:
            pass
    return found


def cpu_of(pid):
    """Seconds its threads have run"""
    total = 0
    try:
        for t in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{t}/schedstat') as f:
                total += int(f.read().split()[0])
    except (OSError, ValueError, IndexError):
        pass
    return total / 1e9


def scratch():
    """The directory of this process for what lasts no longer than it does"""
    if not SCRATCH:
        SCRATCH.append(tempfile.mkdtemp(prefix='demotic-windows.'))
        atexit.register(namespace.remove, SCRATCH[0])
    return SCRATCH[0]


def jail(store, root):
    """The root as a jail, made once in this process"""
    if root not in JAILS:
        at = f'{store.dir}/jail-{os.path.basename(root)}'
        os.makedirs(at, exist_ok=True)
        JAILS[root] = namespace.jail(root, at, scratch(), [namespace.HERE, store.build])
    return JAILS[root]


class Session:
    """One flavour with one prefix; `close` ends all that runs in it"""

    def __init__(self, store, flavour, demotic=None, options=(), display=None, prefix=True):
        self.store, self.flavour, self.arch = store, flavour, ARCH[flavour]
        self.loader, self.server, self.zlib = WINE[self.arch]
        self.demotic, self.options = demotic, list(options)
        self.translated = flavour.startswith('demotic')
        self.place = tempfile.mkdtemp(dir=scratch(), prefix=flavour[0])
        self.prefix, self.work = self.place + '/prefix', self.place + '/work'
        os.mkdir(self.work)
        os.mkdir(self.place + '/home')
        os.mkdir(self.place + '/runtime', 0o700)
        self.root = store.mended_root(demotic) if flavour == 'demotic' else os.path.abspath(store.root(self.arch))
        self.jail = None if self.translated else jail(store, self.root)
        self.used = 0.0  # seconds of CPU since the last case began
        self.complaints = []
        self.note = ''  # a figure that the case has seen
        self.resident = None
        self.env = {'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': self.place + '/home', 'USER': 'user', 'LANG': 'C.UTF-8',
                    'TZ': 'UTC', 'WINEPREFIX': self.prefix, 'XDG_RUNTIME_DIR': self.place + '/runtime',
                    'WINEDEBUG': 'fixme-all,err-ntoskrnl,err-vulkan'}
        if self.translated:
            self.env['XDG_DATA_HOME'] = store.dir + '/data'
        else:
            self.env.update(WINELOADER=self.loader, WINESERVER=self.server)
        if flavour == 'qemu':
            self.env['QEMU_CPU'] = 'neoverse-n1'
        self.env.update({'DISPLAY': display} if display else {'WINEDLLOVERRIDES': 'winex11.drv,winewayland.drv='})
        if prefix:
            self.make_prefix()

    # -- the prefix ------------------------------------------------------------------------------

    def make_prefix(self):
        """Demotic makes its own; the others' are made once with wineboot, and copied"""
        if self.translated:
            return
        template = self.store.dir + f'/prefix-{self.flavour}'
        if not os.path.exists(template):
            self.boot()
            self.wait_server()
            subprocess.run(['cp', '-a', self.prefix, template + '.part'], check=True)
            os.rename(template + '.part', template)
        else:
            subprocess.run(['cp', '-a', '--reflink=auto', template, self.prefix], check=True)
            if os.path.exists(self.prefix + '/wineserver'):  # Debian's: names the place of the template's sockets
                os.unlink(self.prefix + '/wineserver')

    def boot(self):
        system = self.prefix + '/drive_c/windows/system32'
        os.makedirs(system)
        if self.zlib and os.path.exists(self.root + self.zlib):
            shutil.copy(self.root + self.zlib, system)
        quiet = {'WINEDLLOVERRIDES': 'mscoree,mshtml=', 'DISPLAY': ''}
        r = self.run('C:\\windows\\system32\\wineboot.exe', '--init', env=quiet, timeout=1200)
        if r.status:
            raise RuntimeError(f'wineboot ({self.flavour}): status {r.status}\n{r.err[-2000:]}')
        for key, name, kind, value in SETTINGS:
            self.run('C:\\windows\\system32\\reg.exe', 'add', key, '/v', name, '/t', kind, '/d', value, '/f', env=quiet)

    # -- running ---------------------------------------------------------------------------------

    def command(self, args):
        if self.translated:
            return [os.path.join(os.path.dirname(self.demotic), 'wine-arm64'), *self.options, '--root', self.root, *args]
        return [self.loader, *args]

    def start(self, *args, env=None, cwd=None, command=None, **more):
        """Starts a Windows program (or, in the root, `command`) and returns its Popen"""
        jail, cwd = self.jail, cwd or self.work

        def enter():
            if jail:
                os.chroot(jail)
                os.chdir(cwd)
        p = subprocess.Popen(command or self.command(args), cwd='/' if jail else cwd, env={**self.env, **(env or {})},
                             preexec_fn=enter, start_new_session=True, **more)
        STARTED[p.pid] = p
        return p

    def run(self, *args, stdin=b'', env=None, cwd=None, timeout=300, files=False, until_all_gone=False, command=None):
        """Runs a program to its end, its standard input and output on pipes, or files"""
        before, others = {p: cpu_of(p) for p in processes_of(self.prefix)}, children()
        began = time.monotonic()
        with tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as file_in, tempfile.TemporaryFile() as file_out:
            file_in.write(stdin)
            file_in.seek(0)
            p = self.start(*args, env=env, cwd=cwd, command=command, stdin=file_in if files else subprocess.PIPE,
                           stdout=file_out if files else subprocess.PIPE, stderr=err)
            out, threads = [], []
            if not files:
                threads = [threading.Thread(target=self.feed, args=(p.stdin, stdin), daemon=True),
                           threading.Thread(target=self.drain, args=(p.stdout, out), daemon=True)]
            for t in threads:
                t.start()
            status, cpu = self.wait(p, timeout)
            wall = time.monotonic() - began
            if until_all_gone:
                if not self.translated:
                    self.wait_server()
                cpu += self.reap(True)
                wall = time.monotonic() - began
            for t in threads:
                t.join(5)
            file_out.seek(0)
            out += [file_out.read()]
            err.seek(0)
            text = err.read()
        cpu += self.stragglers(set(before) | others) + self.reap(False) + sum(cpu_of(q) - c for q, c in before.items() if os.path.exists(f'/proc/{q}'))
        self.used += cpu
        r = Result(status, b''.join(out), text, cpu, wall)
        self.complaints += [x for x in r.err.split('\n') if x.startswith('demotic:') and '; the shell sees ' not in x]
        if status is None:
            raise Failure(f'{args[0] if args else command[0]}: not at its end after {timeout} s; {r.out[-500:]} {r.err[-500:]}')
        return r

    @staticmethod
    def feed(pipe, data):
        try:
            pipe.write(data)
            pipe.close()
        except OSError:
            pass

    @staticmethod
    def drain(pipe, out):
        while chunk := pipe.read1(65536):
            out.append(chunk)

    def wait(self, p, timeout):
        """Status (None: it had to be killed) and CPU seconds of a child with what it has waited for"""
        deadline, pause = time.monotonic() + timeout, 0.001
        killed = False
        while True:
            if p.returncode is not None:
                return p.returncode, 0.0
            pid, status, usage = os.wait4(p.pid, os.WNOHANG)
            if pid:
                p.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it too
                return None if killed else p.returncode, usage.ru_utime + usage.ru_stime
            if time.monotonic() > deadline and not killed:
                killed = True
                os.killpg(p.pid, signal.SIGKILL)
            time.sleep(pause)
            pause = min(pause * 1.3, 0.02)

    def stragglers(self, before):
        """Waits up to two seconds for processes that began meanwhile and are about to end; their CPU seconds. Wine tells that a program has
        ended before it has: then it has no environment any more, but is our child."""
        total, deadline = 0.0, time.monotonic() + 2
        while time.monotonic() < deadline and (set(processes_of(self.prefix)) | children()) - before:
            total += self.reap(False)
            time.sleep(0.01)
        return total

    def reap(self, all_of_them):
        """Buries orphans that have come to us; their CPU seconds. all_of_them: waits for those of this prefix."""
        total = 0.0
        deadline = time.monotonic() + 60
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return total
            if pid:
                if pid in STARTED:
                    STARTED[pid].returncode = os.waitstatus_to_exitcode(status)
                total += usage.ru_utime + usage.ru_stime
            elif not all_of_them or not processes_of(self.prefix) or time.monotonic() > deadline:
                return total
            else:
                time.sleep(0.01)

    # -- the session -----------------------------------------------------------------------------

    def warm(self):
        """Keeps a program running in the prefix, and so Wine's server and services"""
        if not self.resident:
            self.resident = self.start('cmd.exe', cwd=self.place + '/home', stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.run('cmd.exe', '/c', 'exit 0')

    def begin(self):
        """A case begins: an empty working directory"""
        self.used, self.complaints, self.note = 0.0, [], ''
        namespace.remove(self.work)
        os.mkdir(self.work)

    def program(self, name):
        """One of Windows' own, as a command's beginning"""
        return ('C:\\windows\\system32\\' + name,)

    def path(self, unix):
        return 'Z:' + unix.replace('/', '\\')

    def file(self, name, text=None):
        """A file in the working directory: its text, or written if there is some"""
        path = f'{self.work}/{name}'
        if text is None:
            if not os.path.exists(path):
                raise Failure(f'{name} was not written')
            with open(path, 'rb') as f:
                return f.read().decode(errors='replace').replace('\r\n', '\n')
        with open(path, 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return path

    def wait_server(self):
        """Until Wine's server has written the registry and has gone"""
        if self.translated:
            r = self.run('wineserver', '-w', timeout=120)
        else:
            r = self.run(command=[self.server, '-w'], timeout=120)
        return r.status

    def close(self):
        """Ends what runs in the prefix; the commands of what was left"""
        if self.resident:
            self.resident.stdin.close()
            self.wait(self.resident, 60)
            self.resident = None
        try:
            if os.path.exists(self.prefix):
                self.wait_server()
        except Failure:
            pass
        time.sleep(0.1)
        self.reap(False)
        left = processes_of(self.prefix)
        commands = [command_of(p) for p in left]
        for p in left:
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        self.reap(True)
        namespace.remove(self.place)
        return [c for c in commands if c]

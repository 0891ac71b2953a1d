#!/usr/bin/env python3
"""The commands of docs/windows.md, run: what they print is what is written there.

    tests/guide.py BUILD

In an indented block a line with "$ " in front is a command, the lines after it are what it prints (on both outputs); "..." stands for
anything, within a line or for any number of lines.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from examples import environment  # noqa: E402
from fetch import Store  # noqa: E402

PROGRAMS = {
    'hello': '#include <stdio.h>\nint main(int n, char **v)\n{\n    printf("hello.exe:");\n'
             '    for (int i = 1; i < n; i++)\n        printf(" %s%s", v[i], i + 1 < n ? "," : "");\n    printf("\\n");\n    return 0;\n}\n',
    'crash': '#include <stdio.h>\nint main(int n, char **v)\n{\n    volatile int *p = (int *)(size_t)(n * 16);\n    *p = 1;\n    return 0;\n}\n',
}
CMAKE = 'cmake_minimum_required(VERSION 3.25)\nproject(guide C)\n' + ''.join(f'add_executable({p} {p}.c)\n' for p in PROGRAMS)


def commands(text):
    """(command, lines it prints) of each"""
    found = []
    for block in re.findall(r'(?:^    .*\n)+', text, re.M):
        for line in block.splitlines():
            line = line[4:]
            if line.startswith('$ '):
                found.append((line[2:], []))
            elif found and block.startswith('    $ '):
                found[-1][1].append(line)
    return found


def pattern(lines):
    if not lines:
        return r'\s*'
    out = ''
    for i, line in enumerate(lines):
        if line == '...':
            out += r'(?:.*\n)*'
        else:
            out += '.*'.join(re.escape(x) for x in line.split('...')) + r'[ \r]*\n'
    return out


def build_programs(place, env):
    (place / 'CMakeLists.txt').write_text(CMAKE)
    for name, source in PROGRAMS.items():
        (place / f'{name}.c').write_text(source)
    toolchain = HERE.parent / 'examples/words/cmake/windows-arm64.cmake'
    for command in (['cmake', '-GNinja', '-S', place, '-B', place / 'b', f'-DCMAKE_TOOLCHAIN_FILE={toolchain}', '-DCMAKE_BUILD_TYPE=Debug'],
                    ['cmake', '--build', place / 'b']):
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    for name in PROGRAMS:
        shutil.copy(place / 'b' / f'{name}.exe', place)
        shutil.copy(place / 'b' / f'{name}.pdb', place)


def main():
    build = Path(sys.argv[1]).resolve()
    env = environment(build, Store(build))
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix='demotic-guide-') as place:
        place = Path(place)
        build_programs(place, env)
        # While another program runs in the prefix none waits for Wine's services to end: that has tests of its own.
        other = subprocess.Popen(['wine-arm64', 'findstr', 'x'], cwd=place, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        for command, wanted in commands((HERE.parent / 'docs/windows.md').read_text()):
            with open(place.parent / f'{place.name}.out', 'w+', errors='replace') as file:
                # No pipe: a desktop that Wine starts for a program has its output, and lives as long as the other program.
                subprocess.run(['bash', '-c', command], cwd=place, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=120)
                file.seek(0)
                text = file.read()
            os.unlink(file.name)
            # Wine's own, when a busy machine makes its services late.
            out = ''.join(x + '\n' for x in text.splitlines() if 'start_rpcss' not in x and not x.startswith('demotic: preparing')
                          and not x.startswith('demotic: done in'))
            good = re.fullmatch(pattern(wanted), out)
            passed, failed = passed + bool(good), failed + (not good)
            print(f'{"ok" if good else "not ok"} {command}', flush=True)
            if not good:
                print('\n'.join(f'    > {x}' for x in wanted) + '\n' + '\n'.join(f'    | {x}' for x in out.split('\n')[:40]))
        other.stdin.close()
        other.wait(timeout=60)
    print(f'{passed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())

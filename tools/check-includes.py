#!/usr/bin/env python3
"""Checks that includes run one way (docs/architecture.md): a module uses itself and those below it, never above.

    tools/check-includes.py [SRC]
"""
import os
import re
import sys

# What a module may include, besides itself.
BELOW = {
    'support': [],
    'ir': ['support'],
    'fp': ['ir', 'support'],
    'opt': ['ir', 'support'],
    'guest': ['ir', 'fp', 'support'],
    'host': ['guest', 'ir', 'fp', 'support'],  # of guest only cpu.h and guest.h, see below
    'memory': ['support'],
    'engine': ['guest', 'host', 'memory', 'opt', 'ir', 'support'],
    'program': ['memory', 'support'],
    'linux': ['program', 'engine', 'guest', 'host', 'memory', 'ir', 'support'],
    'debug': ['engine', 'guest', 'host', 'memory', 'ir', 'support'],
    'cli': ['program', 'linux', 'debug', 'engine', 'guest', 'host', 'support'],
}
NEUTRAL = {'guest/cpu.h', 'guest/guest.h'}


def main():
    src = sys.argv[1] if len(sys.argv) > 1 else 'src'
    bad = 0
    for folder, _, files in os.walk(src):
        for name in files:
            if not name.endswith(('.c', '.h', '.S', '.def')):
                continue
            path = os.path.join(folder, name)
            module = os.path.relpath(path, src).split(os.sep)[0]
            test = 'test' in name or 'testing' in folder or 'fuzz' in name
            for number, line in enumerate(open(path, encoding='utf-8'), 1):
                m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if not m or '/' not in m.group(1):
                    continue
                header, target = m.group(1), m.group(1).split('/')[0]
                wrong = target in BELOW and target != module and target not in BELOW[module]
                names_a_guest = module in ('host', 'engine', 'debug') and target == 'guest' and header not in NEUTRAL
                names_a_host = module == 'guest' and target == 'host'
                if (wrong or names_a_guest or names_a_host) and not test:
                    print(f'{path}:{number}: {module} may not include {header}')
                    bad += 1
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())

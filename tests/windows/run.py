#!/usr/bin/env python3
"""Runs Windows programs under Demotic and says what passes: the project's own (*.c here), Wine's, real ones from npm.

    tests/windows/run.py --build build [--all] [--group own]... [--only NAME]... [--flavour native]... [--list]

Without --all the fast ones. The prefix is new, and gone afterwards. What is needed is fetched once, into build/windows.
"""
import argparse
import os
import sys
import time

import builtin  # noqa: F401 (these enter their cases)
import cases
import namespace
import own  # noqa: F401
import programs  # noqa: F401
from fetch import Store
from session import ARCH, Failure, Session, adopt_orphans


def judge(case, session):
    """Runs one case: (checks passed, checks failed, text)"""
    session.begin()
    known = case.known.get(session.flavour)
    try:
        passed = case.function(session) or 1
        if session.complaints:
            raise Failure('; '.join(session.complaints[:5]))
    except (Failure, RuntimeError, OSError) as e:
        return (1, 0, f'known to fail: {known}') if known else (0, 1, str(e))
    return (0, 1, f'passes, but is listed as known to fail: {known}') if known else (passed, 0, '')


def run_flavour(o, flavour, chosen):
    store = Store(o.build)
    passed = failed = 0
    session = Session(store, flavour, demotic=os.path.abspath(o.build + '/demotic'), options=o.option)
    try:
        session.warm()
        for c in [c for c in chosen if session.arch in c.on]:
            began = time.monotonic()
            p, f, text = judge(c, session)
            passed, failed = passed + p, failed + f
            print(f'{"not ok" if f else "ok":6} {c.group}: {c.name} ({p} checks, {time.monotonic() - began:.1f} s, CPU {session.used:.2f} s)' +
                  (f'\n       {text}'.replace('\n', '\n       ') if text else ''), flush=True)
    finally:
        left = session.close()
    print(f'{"not ok" if left else "ok":6} no process is left' + ''.join(f'\n       {x}' for x in left))
    return passed + (not left), failed + bool(left)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--build', default='build')
    p.add_argument('--all', action='store_true', help='also what takes long')
    p.add_argument('--group', action='append')
    p.add_argument('--only', action='append', help='name of a case')
    p.add_argument('--flavour', action='append', choices=list(ARCH))
    p.add_argument('--option', action='append', default=[], help='option for demotic')
    p.add_argument('--list', action='store_true')
    p.add_argument('--node', action='store_true', help="only fetch Node, and print its path")
    o = p.parse_args()
    if o.node:
        print(programs.node_path(Store(o.build), 'win32-arm64'))
        return 0
    chosen = [c for c in cases.CASES if (o.all or c.fast or o.only) and (not o.group or c.group in o.group) and (not o.only or c.name in o.only)]
    if o.list:
        for c in chosen:
            print(f'{c.group}: {c.name}')
        return 0
    flavours = o.flavour or ['demotic']
    if not all(f.startswith('demotic') for f in flavours):
        for f in flavours:
            Store(o.build).root(ARCH[f])
        qemu = Store(o.build).qemu()
        namespace.enter()
        if 'qemu' in flavours:
            problem = namespace.register(qemu)
            if problem:
                sys.exit(f'QEMU cannot be registered: {problem}')
    adopt_orphans()
    passed = failed = 0
    for f in flavours:
        if len(flavours) > 1:
            print(f'== {f}')
        a, b = run_flavour(o, f, chosen)
        passed, failed = passed + a, failed + b
    print(f'{passed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())

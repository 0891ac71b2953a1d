"""Counts what a test checks, for the closing line "N passed, N failed" that tools/check.py adds up."""
passed = failed = 0


def check(name, good, detail='', show=False):
    """Counts one check; tells of one that failed, with the end of detail, and with show of one that did not. What it was."""
    global passed, failed
    good = bool(good)
    passed += good
    failed += not good
    if not good:
        print('\n    | '.join([f'not ok {name}', *str(detail).split('\n')[-40:]]), flush=True)
    elif show:
        print(f'ok {name}', flush=True)
    return good


def shown(name, good, detail=''):
    """check() for few and long checks"""
    return check(name, good, detail, show=True)


def finish():
    """Prints the closing line; what the process is to exit with."""
    print(f'{passed} passed, {failed} failed')
    return int(failed != 0)

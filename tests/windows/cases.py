"""The table of cases: what is run in a Windows session, and what must come of it.

A case is a function that takes a Session, runs programs in it and raises Failure where something is wrong; `@case` enters it in the
table. `fast` ones are run by `make check`, all by `make evaluate`; `timed` ones have a CPU time worth comparing. `known` names the
flavours in which a case is known to fail, with the reason; one that passes there fails the run, so that the list stays honest. `on` names the processors for which there is such a
program.
"""
from session import Failure

CASES = []
EVERYWHERE = ('arm64', 'amd64', 'i386')
# What there is no more of for i386: Node, and what needs it.
GROUPS = {'node': ('arm64', 'amd64'), 'npm': ('arm64', 'amd64')}


class Case:
    def __init__(self, group, name, function, fast, timed, known, on):
        self.group, self.name, self.function = group, name, function
        self.fast, self.timed, self.known, self.on = fast, timed, known, on


def case(group, name, fast=True, timed=False, known=None, on=None):
    """The function may return how many checks it has made; it is one otherwise"""
    def enter(function):
        CASES.append(Case(group, name, function, fast, timed, known or {}, on or GROUPS.get(group, EVERYWHERE)))
        return function
    return enter


def want(condition, message):
    if not condition:
        raise Failure(message)


def same(what, got, wanted):
    if got != wanted:
        raise Failure(f'{what} is {got[:300]!r}, not {wanted[:300]!r}' if isinstance(got, (str, bytes)) else f'{what} is {got}, not {wanted}')


def ran(result, status=0, out=None, err=''):
    """The result of a run, if its exit status (and output) is the wanted one"""
    if result.status != status or (out is not None and result.out != out):
        wanted = f', not {status} {out[:600]!r}' if out is not None else f', not {status}'
        raise Failure(f'status {result.status} {result.out[-1500:]!r}{wanted}; {result.err[-800:]}')
    return result

"""The directives with which GCC's tests say how they are built and where: as much of DejaGnu's language as those use that are run.

A target that is not known counts as one that there is: what then does not build, or fails natively, is not compared."""
import fnmatch
import re

ABSENT = {'x32', 'maybe_x32', 'freestanding', 'vxworks_kernel', 'newlib_nano_io', 'nonpic', 'unwrapped', 'pe_aligned_commons', 'default_packed',
          'using_sjlj_exceptions', 'avoid_llvm', 'int16', 'keeps_null_pointer_checks'}
ONLY32 = {'ia32', 'ilp32'}
ONLY64 = {'lp64', 'int128'}
TRIPLETS = {'amd64': 'x86_64-pc-linux-gnu', 'i386': 'x86_64-pc-linux-gnu', 'arm64': 'aarch64-unknown-linux-gnu'}


def words(text):
    """Tcl's list as a list of strings and lists"""
    out, i = [], 0
    while i < len(text):
        if text[i].isspace():
            i += 1
        elif text[i] == '{':
            end = closing(text, i)
            out.append(words(text[i + 1:end]))
            i = end + 1
        elif text[i] == '"':
            end = text.find('"', i + 1)
            end = len(text) if end < 0 else end
            out.append(text[i + 1:end])
            i = end + 1
        else:
            m = re.match(r'[^\s{}]+|.', text[i:])
            out.append(m.group(0))
            i += m.end()
    return out


def closing(text, start):
    depth, quoted = 0, False
    for i in range(start, len(text)):
        if text[i] == '"':
            quoted = not quoted
        elif not quoted:
            depth += (text[i] == '{') - (text[i] == '}')
            if not depth:
                return i
    return len(text)


def flat(node):
    return node if isinstance(node, str) else ' '.join(flat(x) for x in node)


def holds(node, arch):
    """Whether a selector, without its word `target`, selects the architecture"""
    if isinstance(node, str):
        if node.count('-') >= 2 or '*' in node:
            return fnmatch.fnmatchcase(TRIPLETS[arch], node)
        if node in ONLY32 | ONLY64:
            return (node in ONLY32) == (arch == 'i386')
        return node not in ABSENT
    if '||' in node:
        i = node.index('||')
        return holds(node[:i], arch) or holds(node[i + 1:], arch)
    if '&&' in node:
        i = node.index('&&')
        return holds(node[:i], arch) and holds(node[i + 1:], arch)
    if node and node[0] == '!':
        return not holds(node[1:], arch)
    return any(holds(x, arch) for x in node)


def selected(node, arch):
    """The same for a whole argument, `{ target ... }` or `{ xfail ... }`"""
    if isinstance(node, list) and node and node[0] in ('target', 'xfail'):
        return node[0] == 'xfail' or holds(node[1:], arch)
    return holds(node, arch)


class Directives:
    """What a test's text asks for: `run`, whether it is a program to be run; `options`, or None; `sources`, which belong to it; `needs`, targets"""

    def __init__(self, text, arch, default='compile'):
        self.options, self.sources, self.needs, more, action, skipped = None, [], set(), [], default, False
        for m in re.finditer(r'\{\s*(dg-[a-z-]+)', text):
            name, *args = words(text[m.start() + 1:closing(text, m.start())])
            where = args[1] if len(args) > 1 else None
            if name == 'dg-do':
                if where is None or selected(where, arch):
                    action = args[0]
                elif action == default:
                    action = 'none'
                self.note(where)
            elif name == 'dg-options' and (where is None or selected(where, arch)):
                self.options = flat(args[0]).split()
            elif name == 'dg-additional-options' and (where is None or selected(where, arch)):
                more += flat(args[0]).split()
            elif name == 'dg-additional-sources' and (where is None or selected(where, arch)):
                self.sources += flat(args[0]).split()
            elif name == 'dg-require-effective-target' and (where is None or selected(where, arch)):
                skipped |= not holds(args[0], arch)
                self.needs.add(flat(args[0]))
            elif name == 'dg-skip-if' and len(args) > 1 and selected(args[1], arch):
                # those that go on name options of the test's own command line; `matching` is told them
                skipped |= len(args) < 3 or flat(args[2]) in ('', '*')
        self.run = action == 'run' and not skipped
        self.more = more

    def note(self, where):
        if isinstance(where, list):
            negated = False
            for x in where:
                if x == '!':
                    negated = True
                elif isinstance(x, list):
                    self.note(x)
                elif x not in ('target', 'xfail', '&&', '||') and not negated:
                    self.needs.add(x)

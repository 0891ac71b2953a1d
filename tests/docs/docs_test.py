#!/usr/bin/env python3
"""Links in the documentation lead somewhere; the man page has every option of --help, and no other.

    docs_test.py DEMOTIC
"""
import os
import re
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def anchors(path):
    """Headings as GitHub names them."""
    out, code = set(), False
    for line in open(path, encoding='utf-8'):
        code ^= line.startswith('```')
        m = None if code else re.match(r'#+ (.*)', line)
        if m:
            out.add(re.sub(r'[^\w\- ]', '', m.group(1).lower()).replace(' ', '-'))
    return out


def check_links(path):
    text = re.sub(r'```.*?```', '', open(path, encoding='utf-8').read(), flags=re.S)
    bad = []
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if re.match(r'[a-z]+:', target):
            continue
        name, _, anchor = target.partition('#')
        to = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not os.path.exists(to):
            bad.append(target)
        elif anchor and to.endswith('.md') and anchor not in anchors(to):
            bad.append(target)
    # File names in backquotes that look like paths of the repository.
    for name in re.findall(r'`((?:src|tools|tests|docs|bench|packaging)/[\w./+-]+)`', text):
        if not os.path.exists(os.path.join(SOURCE, name.rstrip('.'))):
            bad.append('`%s`' % name)
    return bad


def options(text):
    return set(re.findall(r'(?<![\w-])--[a-z][a-z-]+', text))


def check_man(demotic):
    text = subprocess.run([demotic, '--help'], stdout=subprocess.PIPE, text=True, timeout=20, check=True).stdout
    want = options(text) | {'--mirror'}
    text = subprocess.run([demotic, 'root', 'create', '--help'], stdout=subprocess.PIPE, text=True, timeout=20, check=True).stdout
    want |= options(text)
    page = open(os.path.join(SOURCE, 'packaging', 'demotic.1'), encoding='utf-8').read().replace('\\-', '-')
    have = options(page)
    return [f'{o} is not in the man page' for o in sorted(want - have)] + [f'there is no {o}' for o in sorted(have - want)]


def main():
    bad = []
    files = [os.path.join(SOURCE, 'README.md'), os.path.join(SOURCE, 'examples', 'README.md')]
    for folder, _, names in os.walk(os.path.join(SOURCE, 'docs')):
        files += [os.path.join(folder, n) for n in sorted(names) if n.endswith('.md')]
    for f in files:
        bad += [f'{os.path.relpath(f, SOURCE)}: {x} leads nowhere' for x in check_links(f)]
    bad += check_man(sys.argv[1])
    print('\n'.join(bad + [f'{len(files)} files, {len(bad)} failures']))
    return bool(bad)


if __name__ == '__main__':
    sys.exit(main())

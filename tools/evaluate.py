#!/usr/bin/env python3
"""`make evaluate`: the Windows programs of tests/windows under Demotic, under QEMU's user mode with the same Wine, and the x64 builds
under native Wine; a report in docs/evaluation.md with plots in docs/evaluation/. `make evaluate-x86`: those for x86-64 and i386 under
Demotic and under native Wine, in docs/evaluation-x86.md.

    tools/evaluate.py --build build [--guest x86] [--rounds 3] [--group node]... [--only NAME]... [--continue] [--report]

Every run is checked. The flavours take turns, case by case and round by round; of the CPU times (user and system, of the program and all
it started, with what Wine's server did for it) the ratio within a round counts, and the median of the rounds. --continue keeps the
cases that are in BUILD/windows/evaluation.json already, --report only writes the report from there.
"""
import argparse
import datetime
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

import svg

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOP + '/tests/windows')
import cases  # noqa: E402
import namespace  # noqa: E402
import run as suite  # noqa: E402 (enters all cases)
from fetch import MODULES, NODE, Store  # noqa: E402
from session import ARCH, Failure, Session, adopt_orphans  # noqa: E402

class Page:
    """What a report is about: flavours, and for each that is measured the native one that it is compared with"""

    def __init__(self, name, compared, titles, targets, intro, pictures):
        self.name, self.compared, self.titles = name, compared, titles
        self.targets = targets  # aimed at, as a ratio to native Wine's CPU time
        self.intro, self.pictures = intro, pictures
        self.flavours = list(titles)


PAGES = {
    'arm64': Page('evaluation', {'demotic': 'native', 'qemu': 'native'}, {'demotic': 'Demotic', 'qemu': 'QEMU', 'native': 'native Wine'},
                  {'JavaScript benchmark': 6, 'esbuild bundles 11 MB': 3, 'cmd /c echo': 3},
                  ['# Windows programs: an evaluation', '',
                   'Windows programs for Arm64 under Demotic, and under QEMU\'s user mode with the same Wine; the x64 builds of the same programs (or of',
                   'the same sources) under native Wine. Made by `make evaluate`; the cases are in `tests/windows`. Those for x86:',
                   '[evaluation-x86.md](evaluation-x86.md).'],
                  ['Notepad after typing, and Minesweeper with a flag put and a cell opened, under Demotic on Xvfb:', ('notepad', 'demotic'), ('winemine', 'demotic')]),
    'x86': Page('evaluation-x86', {'demotic-amd64': 'native', 'demotic-i386': 'native-i386'},
                {'demotic-amd64': 'x86-64', 'native': 'native Wine, x86-64', 'demotic-i386': 'i386', 'native-i386': 'native Wine, i386'}, {},
                ['# Windows programs for x86-64 and i386: an evaluation', '',
                 'Windows programs for x86-64 and i386, translated by Demotic, in Debian\'s Wine for the same processor, translated too; and the same programs in',
                 'the same Wine, run by this machine itself. Made by `make evaluate-x86`; the cases are in `tests/windows`. Those for Arm64:',
                 '[evaluation.md](evaluation.md).'],
                ['Notepad after typing, and Minesweeper with a flag put and a cell opened, for i386 under Demotic on Xvfb:',
                 ('notepad', 'demotic-i386'), ('winemine', 'demotic-i386')]),
}


def first_prefix(store, flavour, o):
    """Wine's first start, which fills C: and the registry: seconds of CPU and of wall time"""
    session = Session(store, flavour, demotic=o.demotic, prefix=False)
    try:
        if session.translated:
            session.env['XDG_DATA_HOME'] = session.place + '/data'  # where there is no template yet
        began = time.monotonic()
        if session.translated:
            cases.ran(session.run('cmd.exe', '/c', 'exit 0', timeout=1200, until_all_gone=True))
        else:
            session.boot()
            session.wait_server()
            session.used += session.reap(True)
        return session.used, time.monotonic() - began
    finally:
        session.close()


def cold_echo(store, flavour, o):
    """cmd /c echo with no server running, until all has ended"""
    session = Session(store, flavour, demotic=o.demotic)
    try:
        session.run('cmd.exe', '/c', 'exit 0', until_all_gone=True)  # the prefix is there, and in the page cache
        session.used = 0.0
        began = time.monotonic()
        cases.ran(session.run('cmd.exe', '/c', 'echo Hello World', until_all_gone=True), out='Hello World\n')
        return session.used, time.monotonic() - began
    finally:
        session.close()


ONCE = {'first prefix': first_prefix, 'cmd /c echo, nothing running before': cold_echo}


def turn(case, sessions, rounds):
    """One case under each flavour, in turn: {flavour: {'ok', 'text', 'checks', 'cpu': [seconds]}}"""
    sessions = {f: s for f, s in sessions.items() if s.arch in case.on}
    out = {f: {'ok': True, 'text': '', 'checks': 0, 'cpu': []} for f in sessions}
    for _ in range(rounds if case.timed else 1):
        for flavour, session in sessions.items():
            passed, failed, text = suite.judge(case, session)
            r = out[flavour]
            r['checks'] = max(r['checks'], passed)
            r['ok'] = r['ok'] and not failed and not text
            r['known'] = text.startswith('known to fail')
            r['text'] = r['text'] or text
            if not text:
                r['cpu'].append(session.used)
            if session.note:
                r['note'] = session.note
    return out


def measure(o, store, results, save):
    chosen = [c for c in cases.CASES if (not o.group or c.group in o.group) and (not o.only or c.name in o.only)]
    chosen = [c for c in chosen if f'{c.group}: {c.name}' not in results]
    sessions = {}
    try:
        for f in o.flavour:
            print(f'preparing {f} ...', flush=True)
            sessions[f] = Session(store, f, demotic=o.demotic)
            sessions[f].warm()
        for c in chosen:
            r = turn(c, sessions, o.rounds)
            results[f'{c.group}: {c.name}'] = {'group': c.group, 'name': c.name, 'timed': c.timed, 'flavours': r, 'load': os.getloadavg()[0]}
            print(f'{c.group}: {c.name}: ' + ', '.join(
                f'{f} {"ok" if x["ok"] else "known" if x.get("known") else "FAILS"} {statistics.median(x["cpu"]) if x["cpu"] else 0:.2f} s'
                for f, x in r.items()), flush=True)
            save()
    finally:
        for s in sessions.values():
            s.close()
    for name, function in ONCE.items():
        if f'start: {name}' in results or (o.group and 'start' not in o.group) or (o.only and name not in o.only):
            continue
        r = {}
        for f in o.flavour:
            try:
                cpu, wall = function(store, f, o)
                r[f] = {'ok': True, 'text': '', 'checks': 1, 'cpu': [cpu], 'wall': wall}
            except (Failure, RuntimeError) as e:
                r[f] = {'ok': False, 'text': str(e), 'checks': 0, 'cpu': []}
        results[f'start: {name}'] = {'group': 'start', 'name': name, 'timed': True, 'flavours': r, 'load': os.getloadavg()[0]}
        print(f'start: {name}: {r}', flush=True)
        save()


# -- the report ----------------------------------------------------------------------------------

def ratio(page, entry, flavour):
    """Median over the rounds of the CPU time by native Wine's, or None"""
    mine, native = (entry['flavours'].get(f, {}).get('cpu', []) for f in (flavour, page.compared[flavour]))
    pairs = [a / b for a, b in zip(mine, native) if b > 0]
    return statistics.median(pairs) if pairs else None


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def versions(store):
    def line(*command):
        p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=TOP)
        return p.stdout.strip().split('\n')[0]
    with open('/proc/cpuinfo') as f:
        model = re.search(r'model name\s*: (.*)', f.read()).group(1)
    with open(store.root('amd64') + '/usr/lib/x86_64-linux-gnu/wine/x86_64-unix/ntdll.so', 'rb') as f:
        found = re.search(rb'wine-?(\d+\.\d+)|(\d+\.\d+ \(Debian[^)]*\))', f.read())
    wine = (found.group(2) or found.group(1)).decode() if found else '10.0'
    return {'date': str(datetime.date.today()), 'host': f'{model}, {os.cpu_count()} processors, Linux {platform.release()}',
            'demotic': 'its source as of commit ' + line('git', 'log', '-1', '--format=%h (%cs)', '--', 'src'), 'wine': wine}


def cell(entry, flavour):
    r = entry['flavours'].get(flavour)
    if not r:
        return '–'
    return 'passes' if r['ok'] else 'known' if r.get('known') else '**fails**'


def number(v):
    return '–' if v is None else f'{v:.1f}' if v >= 10 else f'{v:.2f}'


def summary(page, results, info):
    """The head of the report, and what passes"""
    entries = list(results.values())
    flavours = [f for f in page.flavours if any(f in e['flavours'] for e in entries)]
    count = {f: (sum(e['flavours'][f]['ok'] for e in entries if f in e['flavours']),
                 sum(bool(e['flavours'][f].get('known')) for e in entries if f in e['flavours']),
                 sum(f in e['flavours'] for e in entries)) for f in flavours}
    loads = [e['load'] for e in entries]
    packages = {**MODULES, **dict(NODE.values())}
    lines = [*page.intro, '', '| | |', '| --- | --- |', f'| date | {info["date"]} |',
             f'| host | {info["host"]}; load while measuring {min(loads):.0f} to {max(loads):.0f} |', f'| Demotic | {info["demotic"]} |']
    if 'qemu' in info:
        lines.append(f'| QEMU | {info["qemu"]}, QEMU_CPU=neoverse-n1, registered (binfmt_misc) in a user namespace |')
    lines += [f'| Wine | Debian trixie\'s, {" and ".join(dict.fromkeys(ARCH[f] for f in flavours))} ({info["wine"]}) |',
              f'| from npm | {", ".join(f"{k} {v}" for k, v in packages.items())} |', '', '## What passes', '',
              '| | ' + ' | '.join(page.titles[f] for f in flavours) + ' |', '| --- |' + ' --- |' * len(flavours),
              '| passes | ' + ' | '.join(f'{count[f][0]} of {count[f][2]}' for f in flavours) + ' |',
              '| fails, and the reason is known | ' + ' | '.join(str(count[f][1]) for f in flavours) + ' |', '',
              f'![Cases that pass]({page.name}/passes.svg)', '']
    return lines, flavours, count


def times(page, results, flavours):
    """CPU time: rows of (entry, {flavour: ratio}), and the text"""
    entries = list(results.values())
    measured = [f for f in page.compared if f in flavours]
    rows = [(e, {f: ratio(page, e, f) for f in measured}) for e in entries if e['timed']]
    rows = [(e, r) for e, r in rows if any(r.values())]
    natives = list(dict.fromkeys(page.compared[f] for f in measured))
    rounds = max((len(r['cpu']) for e in entries for r in e['flavours'].values()), default=0)
    medians = f'medians of {rounds} rounds, of one under "start"' if rounds > 1 else 'there was one'
    lines = ['## CPU time', '', 'User and system time of the program and all that it starts, with what Wine\'s server did for it, as a multiple of native Wine\'s in the',
             f'same round; {medians}. Wine\'s server and '
             'services run already, but under "start".', '', f'![CPU time]({page.name}/cpu.svg)', '',
             '| | case | ' + ' | '.join(f'{page.titles[f]}, s' if len(natives) > 1 else 'native, s' for f in natives) + ' | ' +
             ' | '.join(page.titles[f] for f in measured) + (' | aimed at' if page.targets else '') + ' |',
             '| --- | --- |' + ' --- |' * (len(natives) + len(measured) + bool(page.targets))]

    def row(group, name, values, targets):
        lines.append(f'| {group} | {name} | ' + ' | '.join([*values, *targets]) + ' |')
    for e, r in rows:
        seconds = [e['flavours'].get(f, {}).get('cpu') for f in natives]
        target = page.targets.get(e['name'])
        row(e['group'], e['name'], [f'{statistics.median(s):.2f}' if s else '–' for s in seconds] + [number(r[f]) for f in measured],
            [f'≤ {target}' if target else ''] if page.targets else [])
    means = {f: [r[f] for _, r in rows if r[f]] for f in measured}
    row('', 'geometric mean (of ' + ', '.join(str(n) for n in dict.fromkeys(len(m) for m in means.values())) + ')',
        [''] * len(natives) + [number(geomean(m) if m else None) for m in means.values()], [''] if page.targets else [])
    first = results.get('start: first prefix', {}).get('flavours', {})
    if all('wall' in first.get(f, {}) for f in flavours) and first:
        lines += ['', 'The first prefix takes, in wall time, ' + ', '.join(f'{first[f]["wall"]:.0f} s ({page.titles[f]})' for f in flavours) + '.']
    return rows, lines


def report(page, results, info, where):
    """The page and its plots"""
    os.makedirs(f'{where}/{page.name}', exist_ok=True)
    entries = list(results.values())
    lines, flavours, count = summary(page, results, info)
    rows, text = times(page, results, flavours)
    lines += text
    svg.bars(f'{where}/{page.name}/cpu.svg', 'CPU time as a multiple of native Wine\'s',
             [(e['name'], [(page.titles[f], v) for f, v in r.items()]) for e, r in rows])
    svg.bars(f'{where}/{page.name}/passes.svg', 'Cases that pass', [(page.titles[f], [('passes', count[f][0]), ('cases', count[f][2])]) for f in flavours],
             logarithmic=False)
    lines += ['', 'How large the container image is, and how long it takes to start: [container.md](container.md).']
    notes = [(e['name'], {f: e['flavours'][f]['note'] for f in flavours if e['flavours'].get(f, {}).get('note')}) for e in entries]
    if any(n for _, n in notes):
        lines += ['', '## What programs say of themselves', '', '| | ' + ' | '.join(page.titles[f] for f in flavours) + ' |', '| --- |' + ' --- |' * len(flavours)]
        lines += [f'| {name} | ' + ' | '.join(n.get(f, '–') for f in flavours) + ' |' for name, n in notes if n]
    lines += ['', '## All cases', '', '| | case | checks | ' + ' | '.join(page.titles[f] for f in flavours) + ' |', '| --- | --- | --- |' + ' --- |' * len(flavours)]
    for e in entries:
        checks = max(r['checks'] for r in e['flavours'].values())
        lines.append(f'| {e["group"]} | {e["name"]} | {checks} | ' + ' | '.join(cell(e, f) for f in flavours) + ' |')
    lines += ['', '## What does not pass, and why', '']
    bad = [(e, f, e['flavours'][f]) for e in entries for f in flavours if f in e['flavours'] and not e['flavours'][f]['ok']]
    for e, f, r in bad:
        text = re.sub(r'\s+', ' ', r['text'])[:400].replace('|', '\\|')
        lines.append(f'- **{e["name"]}**, {page.titles[f]}: {text}')
    lines += ['Nothing.'] * (not bad)
    shown = [p for p in page.pictures if isinstance(p, tuple) and os.path.exists(f'{where}/{page.name}/{p[0]}.png')]
    lines += ['', '## Windows on a display', '', *[p for p in page.pictures if isinstance(p, str)], '',
              ' '.join(f'![{p[0]}]({page.name}/{p[0]}.png)' for p in shown), '']
    with open(f'{where}/{page.name}.md', 'w') as f:
        f.write('\n'.join(lines))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--build', default='build')
    p.add_argument('--guest', choices=list(PAGES), default='arm64')
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--group', action='append')
    p.add_argument('--only', action='append')
    p.add_argument('--flavour', action='append', choices=list(ARCH))
    p.add_argument('--continue', dest='go_on', action='store_true')
    p.add_argument('--report', action='store_true')
    p.add_argument('--docs', default=TOP + '/docs')
    o = p.parse_args()
    o.build, o.demotic, o.flavour = os.path.abspath(o.build), os.path.abspath(o.build + '/demotic'), o.flavour or PAGES[o.guest].flavours
    page, store = PAGES[o.guest], Store(o.build)
    path, results = f'{store.dir}/{page.name}.json', {}
    if (o.go_on or o.report) and os.path.exists(path):
        with open(path) as f:
            results = json.load(f)['results']

    def save():
        with open(path + '.part', 'w') as f:
            json.dump({'info': info, 'results': results}, f, indent=1)
        os.rename(path + '.part', path)
    if not o.report:
        for f in o.flavour:
            store.root(ARCH[f])
        info = versions(store)
        qemu = store.qemu() if 'qemu' in o.flavour else None
        if qemu:
            info['qemu'] = subprocess.run([qemu, '--version'], stdout=subprocess.PIPE, text=True).stdout.split('\n')[0]
        namespace.enter()
        problem = namespace.register(qemu) if qemu else None
        if problem:
            print(f'QEMU cannot be registered and is left out: {problem}')
            o.flavour.remove('qemu')
        adopt_orphans()
        measure(o, store, results, save)
    with open(path) as f:
        kept = json.load(f)
    os.makedirs(f'{o.docs}/{page.name}', exist_ok=True)
    for name, flavour in [p for p in page.pictures if isinstance(p, tuple)]:
        if os.path.exists(f'{store.dir}/{name}-{flavour}.png'):
            shutil.copy(f'{store.dir}/{name}-{flavour}.png', f'{o.docs}/{page.name}/{name}.png')
    report(page, kept['results'], kept['info'], o.docs)
    mine = [(e['name'], r) for e in kept['results'].values() for f, r in e['flavours'].items() if f.startswith('demotic')]
    failures = [name for name, r in mine if not r['ok'] and not r.get('known')]
    print(f'{len(kept["results"])} cases; Demotic fails: {", ".join(failures) or "none but those known"}')
    return bool(failures)


if __name__ == '__main__':
    sys.exit(main())

"""The page of `make bench`, and its plots."""
import json
import math
import os
import statistics
import sys

import suite

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'tools'))
import svg  # noqa: E402

WINDOWS = 'Windows node.exe'
WINDOWS_WANTED = (5, 2)


def geomean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


def middle(row, way):
    v = row['ratios'].get(way)
    return statistics.median(v) if v else None


def complete(rows):
    return [r for r in rows if all(r['ratios'].get(w) for w in ('qemu', 'cold', 'warm'))]


def spread(rows, way):
    """(geometric mean of the rows' medians, the smallest and the largest of a single round's)"""
    rounds = min(len(r['ratios'][way]) for r in rows)
    each = [geomean([r['ratios'][way][i] for r in rows]) for i in range(rounds)]
    return geomean([middle(r, way) for r in rows]), min(each), max(each)


def groups_of(guest, rows):
    """(name, wanted, rows of it that are complete)"""
    for name, wanted in guest.groups.items():
        part = [r for r in complete(rows) if r['group'] == name]
        if part:
            yield name, wanted, part
    if complete(rows):
        yield 'all', (None, None), complete(rows)


def say(guest, results):
    for name, wanted, part in groups_of(guest, results['rows']):
        q, c, w = (spread(part, way) for way in ('qemu', 'cold', 'warm'))
        print(f'{name} ({len(part)}): qemu {q[0]:.2f}, demotic cold {c[0]:.2f}, warm {w[0]:.2f} ({w[1]:.2f} to {w[2]:.2f})'
              + (f'; wanted {wanted[0]}, aimed at {wanted[1]}' if wanted[0] else '') + f'; {q[0] / w[0]:.2f} times as fast as qemu')
    print('slower than qemu by more than a tenth, cold: ' + (', '.join(slower(results['rows'])) or 'none'))


def slower(rows):
    return [r['name'] for r in complete(rows) if middle(r, 'cold') > 1.1 * middle(r, 'qemu')]


def windows(path):
    """Rows from what `make evaluate` found out: Demotic runs with translations kept on disk there"""
    if not os.path.exists(path):
        return []
    with open(path) as f:
        entries = json.load(f)
    rows = []
    for e in entries.get('results', entries).values():
        if not isinstance(e, dict) or e.get('group') != 'node' or not e.get('timed'):
            continue
        cpu = {k: v['cpu'] for k, v in e['flavours'].items() if v['ok'] and v['cpu']}
        ratio = lambda k: statistics.median([a / b for a, b in zip(cpu[k], cpu['native'])]) if k in cpu and 'native' in cpu else None
        if ratio('demotic'):
            rows.append((e['name'], statistics.median(cpu['native']), ratio('qemu'), ratio('demotic')))
    return rows


def number(v):
    return '–' if v is None else f'{v:.1f}' if v >= 10 else f'{v:.2f}'


def seconds(v):
    return '–' if v is None else f'{v:.2f}' if v >= 0.1 else f'{v:.4f}'


def verdict(value, wanted):
    if not wanted[0]:
        return ''
    return 'aim reached' if wanted[1] and value <= wanted[1] else 'reached' if value <= wanted[0] else '**not reached**'


def with_spread(s):
    return number(s[0]) if s[1] == s[2] else f'{number(s[0])} ({number(s[1])}–{number(s[2])})'


def group_table(guest, rows, evaluated):
    lines = ['| geometric mean of | rows | QEMU | Demotic cold | Demotic warm | QEMU / warm | wanted | aim | |', '| --- |' + ' --- |' * 8]
    for name, wanted, part in groups_of(guest, rows):
        q, c, w = (spread(part, way) for way in ('qemu', 'cold', 'warm'))
        end = f'{wanted[0] or ""} | {wanted[1] or ""} | {verdict(w[0], wanted)}'
        lines.append(f'| {name} | {len(part)} | {with_spread(q)} | {with_spread(c)} | {with_spread(w)} | {number(q[0] / w[0])} | {end} |')
    if evaluated:
        d, q = geomean([r[3] for r in evaluated]), [r[2] for r in evaluated if r[2]]
        q = geomean(q) if len(q) == len(evaluated) else None
        lines.append(f'| {WINDOWS} | {len(evaluated)} | {number(q)} | | {number(d)} | {number(q / d) if q else "–"} | {WINDOWS_WANTED[0]} | '
                     f'{WINDOWS_WANTED[1]} | {verdict(d, WINDOWS_WANTED)} |')
    return lines


def row_table(rows):
    lines = ['| program | native, s | QEMU | Demotic cold | Demotic warm | QEMU / warm |', '| --- |' + ' --- |' * 5]
    for r in rows:
        q, c, w = (middle(r, way) for way in ('qemu', 'cold', 'warm'))
        end = number(q / w) if q and w else 'failed: ' + ', '.join(r['bad'])
        lines.append(f'| {r["name"]}{" (time that passes)" if r["wall"] else ""} | {seconds(r["native"])} | {number(q)} | {number(c)} | {number(w)} | {end} |')
    return lines


def memory_table(rows):
    lines = ['| program | native | QEMU | Demotic cold | Demotic warm | warm above native | wanted | code | expansion | records |',
             '| --- |' + ' --- |' * 9]
    for r in rows:
        if r['group'] not in suite.MEMORY or not r['peak']:
            continue
        mib = {w: v / 1024 for w, v in r['peak'].items()}
        z, wanted, more = r.get('sizes'), suite.MEMORY_SMALL, '| – | – | –'
        if z and z['guest']:
            expansion = z['host'] / z['guest']
            wanted = max(wanted, z['code'] / (1 << 20) * expansion / 2)
            more = f'| {z["code"] / (1 << 20):.1f} | {expansion:.2f} | {z["records"] / z["guest"]:.1f}'
        lines.append(f'| {r["name"]} | {mib["native"]:.1f} | {mib["qemu"]:.1f} | {mib["cold"]:.1f} | {mib["warm"]:.1f} | '
                     f'{mib["warm"] - mib["native"]:.1f} | {wanted:.1f} {more} |')
    return lines


def translation(t, heading):
    """Lines about what translating costs"""
    q, d = statistics.median(t['qemu']), statistics.median(t['demotic'])
    return ['', f'{heading} Translating', '',
            f'A program of which most code is run once, {t["instructions"]} instructions: what its first pass takes beyond a second one, for an',
            'instruction. Wanted: at most half of QEMU\'s.', '', '| QEMU | Demotic, nothing kept | Demotic / QEMU |', '| --- | --- | --- |',
            f'| {q:.0f} ns | {d:.0f} ns | {d / q:.2f} |']


def jits(counts, heading):
    """Lines about compilers in the guest"""
    lines = ['', f'{heading} Compilers in the guest', '',
             'What they make Demotic do again: units (basic blocks) that were taken from disk, made new (code that a compiler made is never on',
             'disk), and thrown away because the guest changed their code.', '',
             '| program | taken | made | invalidated | host bytes for a guest instruction |', '| --- |' + ' --- |' * 4]
    return lines + [f'| {n} | {c["taken"]} | {c["made"]} | {c["invalidated"]} | {c["host"]:.1f} |' for n, c in counts.items()]


def plots(guest, rows, where):
    bars = [(name, [('QEMU', spread(part, 'qemu')[0]), ('Demotic cold', spread(part, 'cold')[0]), ('Demotic warm', spread(part, 'warm')[0])])
            for name, _, part in groups_of(guest, rows)]
    svg.bars(where + 'groups.svg', 'CPU time as a multiple of the native build\'s: geometric means', bars)
    svg.bars(where + 'programs.svg', 'CPU time as a multiple of the native build\'s',
             [(r['name'], [('QEMU', middle(r, 'qemu')), ('Demotic cold', middle(r, 'cold')), ('Demotic warm', middle(r, 'warm'))]) for r in complete(rows)])


def guest_lines(guest, results, heading, plot, evaluated):
    """What a page says of one guest; heading: '##' or deeper; plot: the beginning of the plots' names"""
    f, rows = results['facts'], results['rows']
    kinds = f'{guest.name} and {guest.native}' if guest.name != guest.native else f'{guest.name}, the same both times'
    lines = ['| | |', '| --- | --- |', f'| date | {f["date"]} |',
             f'| host | {f["host"]}; load before and after {f["loads"][0]:.1f}, {f["loads"][-1]:.1f} |', f'| Demotic | {f["demotic"]} |',
             f'| QEMU | {f["qemu"]} |', f'| programs | Debian {suite.SUITE}\'s, {kinds}; the C kernels by {f["compilers"].strip()} -O2 |',
             f'| rounds | {f["rounds"]} |', '',
             *group_table(guest, rows, evaluated), '',
             f'Slower than QEMU by more than a tenth, cold: {", ".join(slower(rows)) or "none"}.', '',
             f'![By group]({plot}groups.svg)', '', f'{heading} Programs', '', *row_table(rows)]
    if evaluated:
        lines += ['', f'{WINDOWS}, from [evaluation.md](evaluation.md) (`make evaluate`; the x64 builds under native Wine count as native):', '',
                  '| program | native, s | QEMU | Demotic | QEMU / Demotic |', '| --- |' + ' --- |' * 4]
        lines += [f'| {n} | {seconds(t)} | {number(q)} | {number(d)} | {number(q / d) if q else "–"} |' for n, t, q, d in evaluated]
    lines += ['', f'![By program]({plot}programs.svg)', '', f'{heading} Memory', '',
              'The peak of resident memory of the largest process, MiB. Pages of the code cache are mapped twice, and counted',
              f'twice only while they are new. Wanted: at most {suite.MEMORY_SMALL} MiB more than the native build, or for programs with much code half',
              'of its size as host code: *code* is what the guest has mapped executable, *expansion* bytes of host code for a byte of',
              'guest code that was translated, *records* what is known of each, in bytes for such a byte too (`--stats` has them).', '',
              *memory_table(rows)]
    if results.get('translation'):
        lines += translation(results['translation'], heading)
    if results.get('jits'):
        lines += jits(results['jits'], heading)
    return lines


def write(measured, path, evaluation):
    """The page of one guest or several: measured is a list of (suite.Guest, results)"""
    name = os.path.splitext(os.path.basename(path))[0]
    os.makedirs(os.path.join(os.path.dirname(path), name), exist_ok=True)
    x86 = measured[0][0].x86()
    lines = ['# Performance' + (': x86 guests' if x86 else ''), '',
             'CPU time (user and system, of all processes) as a ratio to the native build of the same program (1 is native speed): medians of',
             'rounds in which native, QEMU and Demotic run in turn, and every output is compared. *Cold*: nothing was kept on disk, and what',
             'is translated is written there; *warm*: translations come from there, as in every run but a program\'s first. In brackets, if there were several rounds,',
             'the smallest and the largest mean of a single one. Made by `make bench`; the programs are in `bench/`.', '']
    if x86:
        lines += ['This machine runs these guests\' programs itself, so native and translated are the very same files; natively they see the whole',
                  'processor, translated what [CPUID offers](x86.md). Arm64: [performance.md](performance.md).', '']
    for guest, results in measured:
        plot = f'{name}/' + (guest.name + '-' if x86 else '')
        plots(guest, results['rows'], os.path.join(os.path.dirname(path), plot))
        if x86:
            lines += [f'## {guest.title}', '']
        lines += guest_lines(guest, results, '###' if x86 else '##', plot, [] if x86 else windows(evaluation)) + ['']
    with open(path, 'w') as out:
        out.write('\n'.join(lines[:-1]) + '\n')

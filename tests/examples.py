#!/usr/bin/env python3
"""The example project of examples/words, as its pipelines build and test it: the very steps of .gitlab-ci.yml and of GitHub's workflow,
run here, for Windows and for Linux on Arm64; and with defects in the project, which must fail as they should.

    tests/examples.py BUILD

Needs Debian's Wine and libwine-dev for arm64, fetched once into BUILD/windows (tests/windows/fetch.py), cmake, ninja, clang, lld.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

import counting
from counting import shown as check

import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / 'windows'))
from fetch import Store  # noqa: E402

EXAMPLE = HERE.parent / 'examples' / 'words'
PRESETS = ['windows-arm64', 'linux-arm64']
TESTS = {'library', 'platform', 'program', 'program-without-file'}


def gitlab():
    """(steps, JUnit file) for each preset, and the packages it installs"""
    job = yaml.safe_load((EXAMPLE / '.gitlab-ci.yml').read_text())['arm64']
    steps = {}
    for preset in job['parallel']['matrix'][0]['PRESET']:
        steps[preset] = ([x.replace('$PRESET', preset) for x in job['script']],
                         job['artifacts']['reports']['junit'].replace('$PRESET', preset))
    return steps, ' '.join(job['before_script'])


def github():
    job = yaml.safe_load((EXAMPLE / '.github/workflows/arm64.yml').read_text())['jobs']['arm64']
    steps, tools = {}, ''
    for preset in job['strategy']['matrix']['preset']:
        def fill(text):
            return re.sub(r'\$\{\{ *matrix.preset *\}\}', preset, text)
        commands = [(x['name'], fill(x['run'])) for x in job['steps'] if 'run' in x]
        report = next(fill(x['with']['path']) for x in job['steps'] if 'upload-artifact' in x.get('uses', ''))
        tools = commands.pop(0)[1].replace('\\\n', ' ')
        steps[preset] = ([c for _, c in commands], report)
    return steps, tools


def packages(text):
    words = re.search(r'apt-get install (.*)', text, re.S).group(1).split()
    return sorted(w for w in words if not w.startswith('-'))


class Project:
    """A copy of the example, with what a runner's environment has."""

    def __init__(self, place, env):
        self.dir, self.env = place, env
        shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns('build'))

    def run(self, commands):
        """As a runner does it: stops at the first that fails; (status, output)"""
        p = subprocess.run(['bash', '-eo', 'pipefail', '-c', '\n'.join(commands)], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', timeout=600)
        return p.returncode, p.stdout

    def report(self, file):
        """{test: (status, what it printed)} of a JUnit file"""
        if not (self.dir / file).exists():
            return {}
        return {c.get('name'): (c.get('status'), c.findtext('system-out') or '') for c in xml.parse(self.dir / file).getroot().iter('testcase')}

    def edit(self, file, old, new):
        text = (self.dir / file).read_text()
        assert old in text, f'{file} has no {old}'
        (self.dir / file).write_text(text.replace(old, new))


def environment(build, store):
    """PATH has Demotic, its data directory the Wine root; the template of the C: drive is kept between runs"""
    data = build / 'windows' / 'examples'
    (data / 'demotic/roots').mkdir(parents=True, exist_ok=True)
    link = data / 'demotic/roots/wine-arm64'
    link.unlink(missing_ok=True)
    link.symlink_to(store.root('arm64'))
    shutil.rmtree(data / 'demotic/prefixes/wine-arm64', ignore_errors=True)
    keep = {k: v for k, v in os.environ.items() if k in ('HOME', 'LANG', 'TERM')}
    return {**keep, 'PATH': f'{build}:/usr/local/bin:/usr/bin:/bin', 'XDG_DATA_HOME': str(data), 'WINE_DEV': store.wine_dev('arm64')}


def good_pipelines(place, env):
    for service, (steps, _) in (('gitlab', gitlab()), ('github', github())):
        check(f'{service}: presets', sorted(steps) == sorted(PRESETS), steps)
        for preset, (commands, report) in steps.items():
            project = Project(place / service / preset, env)
            status, out = project.run(commands)
            tests = project.report(report)
            check(f'{service}, {preset}: the steps', status == 0, f'{commands}\nstatus {status}\n{out}')
            check(f'{service}, {preset}: {report}', set(tests) == TESTS and all(s == 'run' for s, _ in tests.values()), tests)
            machine = {'windows-arm64': 'Windows on ARM64', 'linux-arm64': 'Linux on aarch64'}[preset]
            check(f'{service}, {preset}: where the tests ran', machine in tests.get('platform', ('', ''))[1], tests.get('platform'))


def bad_project(place, env, preset, crash):
    """A check that fails, and a program that crashes: the pipeline fails, and says which tests, and how"""
    commands, report = gitlab()[0][preset]
    project = Project(place / 'bad' / preset, env)
    project.edit('tests/words_test.c', 'words_count(w, "three") == 3', 'words_count(w, "three") == 4')
    project.edit('tests/platform_test.c', 'strcpy(system, ', '*(volatile int *)(size_t)(argc * 8) = 1;\n    strcpy(system, ')
    status, out = project.run(commands)
    tests = project.report(report)
    check(f'{preset}, defects: the pipeline fails', status == 8 and '2 tests failed out of 4' in out, f'status {status}\n{out}')
    check(f'{preset}, defects: the report has the tests that failed',
          {t for t, (s, _) in tests.items() if s == 'fail'} == {'library', 'platform'}, tests)
    check(f'{preset}, defects: what the test said', 'not ok three three times' in tests.get('library', ('', ''))[1], tests.get('library'))
    check(f'{preset}, defects: how the other crashed', re.search(crash, tests.get('platform', ('', ''))[1] + out), f'{tests.get("platform")}\n{out}')
    project.edit('src/words.c', '#include "words.h"', '#include "words.h"\n#error unfinished')
    status, out = project.run(commands)
    check(f'{preset}, does not compile: the pipeline fails', status not in (0, 8) and 'unfinished' in out, f'status {status}\n{out}')


def main():
    build = Path(sys.argv[1]).resolve()
    env = environment(build, Store(build))
    same = packages(gitlab()[1]), packages(github()[1])
    check('both pipelines install the same packages', same[0] == same[1] and 'cmake' in same[0], same)
    missing = [p for p in same[0] if subprocess.run(['dpkg', '-s', p], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode]
    check('which are there', not missing, missing)
    with tempfile.TemporaryDirectory(prefix='demotic-examples-') as place:
        good_pipelines(Path(place), env)
        bad_project(Path(place), env, 'windows-arm64', r'exit status 0xc0000005')
        bad_project(Path(place), env, 'linux-arm64', r'SEGFAULT|SIGSEGV|Segmentation')
    return counting.finish()


if __name__ == '__main__':
    sys.exit(main())

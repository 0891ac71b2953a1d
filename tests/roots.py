#!/usr/bin/env python3
"""A root as a user makes it: packages unpacked and installed, their scripts run; and one that is only unpacked.

    tests/roots.py BUILD

Fetches Debian packages. As root it makes them as an ordinary user would be seen to: what they write stays in the root.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import counting
from counting import check

build = Path(sys.argv[1]).resolve()
demotic = build / 'demotic'
work = tempfile.TemporaryDirectory(prefix='demotic-roots-')
here = Path(work.name)
ENV = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': str(here), 'LC_ALL': 'C', 'XDG_DATA_HOME': str(here / 'data')}


def run(*args, timeout=1200, **kw):
    p = subprocess.run([demotic, *args], cwd=here, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, errors='replace', timeout=timeout, **kw)
    return p.returncode, p.stdout, p.stderr


def says(name, root, script, pattern, *options):
    status, out, err = run(*options, 'root', 'run', root, 'sh', '-c', script)
    check(f'{root}: {name}', status == 0 and re.fullmatch(pattern, out.strip()), f'{script}\nstatus {status}\n{out}\n{err}')


def installed():
    status, out, err = run('root', 'create', 'whole', '--include=ed,adduser,ca-certificates')
    root = here / 'data/demotic/roots/whole'
    log = root / 'var/log/demotic-configure.log'
    if not check('root create', status == 0 and 'scripts failed' not in err, err):
        print(log.read_text() if log.exists() else '')
    says('every package is installed', 'whole', "dpkg-query -W -f '${db:Status-Abbrev}\\n' | sort | uniq -c", r'\d\d+ ii')
    says('dpkg finds nothing missing', 'whole', 'dpkg --audit; dpkg --verify base-files; dpkg -S /usr/bin/ed', 'ed: /(usr/)?bin/ed')
    says('alternatives', 'whole', "awk 'BEGIN {print 6 * 7}'; which ls; readlink /etc/alternatives/editor", '42\n/usr/bin/ls\n/bin/ed')
    says('users', 'whole', 'id -u nobody; getent group daemon', '65534\ndaemon:x:1:.*')
    says('a user more', 'whole', 'fakeroot adduser --quiet --disabled-password --comment x --no-create-home new >/dev/null && id -un $(id -u new)', 'new')
    says('what a script made: certificates', 'whole', 'test $(ls /etc/ssl/certs | wc -l) -gt 100 && echo many', 'many')
    check('a cache of libraries', (root / 'etc/ld.so.cache').stat().st_size > 1000)
    check('nothing is left of what kept services from starting', not (root / 'usr/sbin/policy-rc.d').exists())
    (root / 'root/here').write_text('')
    says('the root alone', 'whole', f'ls /root; test -e {here} || echo not there; cat /dev/null', 'here\nnot there', '--alone')
    says('and what it executes', 'whole', "sh -c 'ls /root'", 'here', '--alone')
    says('the root and the host', 'whole', f'test -e {here} && echo there', 'there')


def bare():
    status, out, err = run('root', 'create', 'bare', '--bare')
    check('root create --bare', status == 0 and 'scripts' not in err, err)
    says('dpkg knows of none', 'bare', 'cat /var/lib/dpkg/status | wc -c; test -e /etc/alternatives/awk || echo none', '0\nnone')


installed()
bare()
sys.exit(counting.finish())

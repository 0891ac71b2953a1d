#!/usr/bin/env python3
"""Whole x86 programs under Demotic, both engines, with options, against their native runs: C programs built statically for
several levels of the processor, busybox if it is given, and what the host has of some of its own; programs of one
architecture that execute the other's. Prints "N passed, N failed".

    programs.py --demotic PROGRAM --work DIRECTORY [--busybox PROGRAM]"""
import argparse
import os
import shutil
import subprocess
import sys

FLAGS = {
    '64 -O0': ['-O0'],
    '64 -O2': ['-O2'],
    '64 -O3 v3': ['-O3', '-march=x86-64-v3', '-ffp-contract=fast'],
    '32 -O2': ['-O2'],
    '32 -O2 i586': ['-O2', '-march=i586'],
    '32 -O3 sse2': ['-O3', '-msse2', '-mfpmath=sse'],
}
ENGINES = [[], ['--engine', 'interp'], ['--no-opt'], ['--max-insns', '1']]
BUSYBOX = [['sha256sum', '/proc/version'], ['awk', '{s+=$1*1.5}END{print s,sqrt(s),sin(s),exp(1.5)}'], ['sort', '-rn'], ['gzip', '-cn'], ['bzip2', '-c'],
           ['factor', '123456789012345678'], ['dc', '-e', '2 100 ^ p'], ['sed', 's/1/x/g'], ['md5sum'], ['base64'], ['wc'],
           ['sh', '-c', 'i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $((i*i%7)); done | sort | uniq -c; (exit 3); echo $?']]

PYTHON = '''
import decimal, hashlib, json, math, random, re, sqlite3, struct, zlib
random.seed(7)
data = bytes(random.getrandbits(8) for _ in range(100000))
print(hashlib.sha256(data).hexdigest(), hashlib.sha1(data).hexdigest(), hashlib.blake2b(data).hexdigest(), zlib.crc32(data))
print([random.gauss(0, 1) for _ in range(5)], math.gamma(5.5), math.erf(.3), math.fsum([.1] * 10), pow(3, 200, 10 ** 18 + 9))
print(decimal.Decimal(2).sqrt(), 10 ** 50 // 7 ** 13, struct.pack('<dfq', 1.5, 2.5, -3), len(zlib.compress(data[:999] * 20)))
c = sqlite3.connect(':memory:')
c.execute('create table t(a, b)')
c.executemany('insert into t values(?, ?)', [(i, i * i % 97) for i in range(2000)])
print(c.execute('select b, count(*), avg(a), sum(a * 1.0 / (b + 1)) from t group by b order by 3 desc limit 5').fetchall())
print(len(re.findall(r'([0-9]+)a*', 'a1b22aa333' * 500)), json.dumps({str(i): i / 3 for i in range(20)}))
'''
HOST = [['python3', '-c', PYTHON], ['bash', '-c', 'for i in {1..500}; do ((x+=i*i)); done; echo $x ${x:2:3}'], ['sort', '-rn'], ['xz', '-c'],
        ['perl', '-e', '$h{$_%97}+=$_*1.5 for 1..20000; print join(",",map{"$_=$h{$_}"}sort{$a<=>$b}keys%h), exp(1)**3.7, atan2(1,3)'],
        ['openssl', 'enc', '-aes-128-ctr', '-K', '0' * 32, '-iv', '1' * 32], ['openssl', 'dgst', '-sha512'], ['awk', '{s+=sin($1)/($1+1)}END{print s}']]


M32 = ['-m32', '-I/usr/include/x86_64-linux-gnu']  # without gcc-multilib, which the Arm64 compilers exclude


def run(command, stdin):
    p = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return p.returncode, p.stdout, p.stderr


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--demotic', required=True)
    p.add_argument('--work', required=True)
    p.add_argument('--busybox')
    o = p.parse_args()
    os.makedirs(o.work, exist_ok=True)
    sources = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'programs')
    programs, passed, failed = [], 0, 0
    for source in sorted(set(os.listdir(sources)) - {'across.c'}):
        for name, flags in FLAGS.items():
            out = os.path.join(o.work, source[:-2] + '-' + name.replace(' ', ''))
            built = subprocess.run(['gcc', '-static', '-w', '-o', out, os.path.join(sources, source), *flags,
                                    *(M32 if name[:2] == '32' else []), '-lm'],
                                   stderr=subprocess.PIPE, text=True)
            if built.returncode:  # no 32-bit C library here
                print(f'not built: {source} {name}: {built.stderr.strip().splitlines()[-1]}')
                continue
            programs.append(([out], b''))
    numbers = ''.join(f'{n * n % 10007}\n' for n in range(3000)).encode()
    if o.busybox:
        programs += [([o.busybox, *c], numbers) for c in BUSYBOX]
    programs += [([shutil.which(c[0]), *c[1:]], numbers) for c in HOST if shutil.which(c[0])]
    for command, stdin in programs:
        want = run(command, stdin)
        for engine in ENGINES:
            got = run([o.demotic, *engine, *command], stdin)
            if got[:2] == want[:2]:
                passed += 1
            else:
                failed += 1
                print(f'{" ".join(engine)} {" ".join(command)[:100]}: status {got[0]}, native {want[0]}; {got[2].decode(errors="replace")[-300:]}')
    # Each executes the next, and all of them are translated: the last one sees Demotic's processor.
    chain = [os.path.join(o.work, 'across' + bits) for bits in ('32', '64')]
    built = [subprocess.run(['gcc', '-static', '-w', *(M32 if out[-2:] == '32' else []), '-o', out,
                                 os.path.join(sources, 'across.c')], stderr=subprocess.DEVNULL).returncode
             for out in chain]
    if not any(built):
        got = run([o.demotic, *chain, *chain, shutil.which('grep'), '-c', 'Demotic', '/proc/cpuinfo'], b'')
        good = got[0] == 0 and got[1].startswith(b'32\n64\n32\n64\n') and int(got[1].split()[-1]) == os.cpu_count()
        passed += good
        failed += not good
        if not good:
            print(f'execve across architectures: status {got[0]}, {got[1]}, {got[2]}')
    print(f'{passed} passed, {failed} failed')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())

"""Real programs and what is done with them: (name, shell script run by the root's bash in a scratch directory).

The output on both descriptors and the exit status must equal the native build's.  A script that cannot help printing something that
varies (a time, a pid) filters it itself.
"""

BASE = ('base-files,bash,dash,debianutils,hostname,coreutils,busybox,python3,libpython3.13-testsuite,perl,sqlite3,7zip,xz-utils,zstd,openssl,luajit,nodejs,gcc,libc6-dev,'
        'git,libc-bin,sed,grep,gawk,findutils,diffutils,tar,gzip,make,file,procps,bc,lua5.4,ruby,jq')

PROGRAMS = [
    ('true', 'true'),
    ('status', 'exit 42'),
    ('signal death', 'kill -TERM $$'),
    ('busybox', r'''
busybox uname -m | busybox sed s/x86_64/M/\;s/aarch64/M/
busybox seq 1 2000 | busybox md5sum
busybox seq 1 300 | busybox awk '{ s += $1 * $1 } END { print s }'
busybox sh -c 'for i in 1 2 3; do (echo sub $i; exit $i); echo status $?; done'
busybox dd if=/dev/zero bs=4096 count=50 2>/dev/null | busybox gzip -c | busybox gunzip | busybox wc -c
busybox find /usr/share/doc/busybox | busybox sort | busybox sed 's/amd64/arm64/' | busybox head -3
echo 'abc 123' | busybox vi --help 2>&1 | busybox head -1 | busybox cut -c 1-12
'''),
    ('bash', r'''
declare -A m; for w in one two three two one two; do ((m[$w]++)); done; for k in "${!m[@]}"; do echo "$k ${m[$k]}"; done | sort
fib() { local n=$1; ((n < 2)) && { echo $n; return; }; echo $(( $(fib $((n-1))) + $(fib $((n-2))) )); }; fib 9
trap 'echo caught USR1' USR1; kill -USR1 $$; trap 'echo bye' EXIT
cat <<EOF | while read -r a b; do echo "$b-$a"; done
x 1
y 2
EOF
diff <(seq 3) <(seq 4); echo "diff $?"
(sleep 0.1; exit 7) & wait $!; echo "wait $?"
printf '%05d|%-6s|%x|%q\n' 42 ab 255 'a b'; echo ${BASH_VERSINFO[0]} $((2**62)) ${PWD##*/}
set -o pipefail; false | cat; echo $?; coproc cat; echo hi >&${COPROC[1]}; read -r l <&${COPROC[0]}; echo $l; exec {COPROC[1]}>&-
for i in {1..30}; do /usr/bin/true & done; wait; echo all done
nosuchcommand; echo $?
'''),
    ('coreutils', r'''
seq 1 5000 > n; sort -R --random-source=/usr/bin/bash n | sort -n | cmp - n && echo sorted
factor 123456789012 18446744073709551557; sha256sum n; sha512sum n; b2sum n; cksum n; md5sum n; wc n
split -b 3000 n part.; cat part.* | cmp - n; ls part.* | wc -l; stat -c '%s %a %F %h' n; touch -d 2020-01-02T03:04:05Z n; stat -c %Y n
mkdir -p d/e/f; ln -s ../n d/l; readlink -f d/l | sed 's,.*/,,'; cp -a d d2; find d2 | sort; rm -rf d2; du -a d | cut -f 2 | sort
date -u -d @1700000000; printf '%s\n' c b a | tac | paste -s -d+; expr 6 \* 7; nl n | tail -1; tr 1-5 a-e < n | uniq | wc -l; od -c n | head -3
echo hello | base64; comm -12 <(seq 3) <(seq 2 5); join <(echo a 1) <(echo a 2); numfmt --to=iec 123456789; shuf -i 1-10 --random-source=n | sort -n | tail -1
timeout 0.2 sleep 5; echo $?; nice -n 3 nice; env -i A=1 env; test -e n && echo yes; mktemp -u XX | wc -c; truncate -s 100 n; ls -l n | cut -d' ' -f 5; id -u; tty
'''),
    ('python3', r'''
python3 - <<'EOF'
import sys, math, json, re, hashlib, zlib, decimal, fractions, itertools, struct, collections, threading, subprocess, ctypes, random, statistics
random.seed(7)
print(sum(random.random() for _ in range(1000)), math.fsum([0.1] * 10), math.gamma(5.5), math.erf(0.3), math.sin(1e22))
print(json.dumps({"a": [1, 2.5, None], "b": "é"}), re.sub(r'(\w+) (\w+)', r'\2 \1', 'hello world'))
print(hashlib.sha256(b'x' * 1000).hexdigest(), hashlib.blake2b(b'y').hexdigest()[:16], zlib.crc32(b'abc' * 99), len(zlib.compress(b'abc' * 999)))
print(decimal.Decimal(2).sqrt(decimal.Context(prec=60)), fractions.Fraction(355, 113) ** 5, 3 ** 300 % 10 ** 30)
print(struct.pack('>dIhq', math.pi, 7, -2, -3).hex(), float.fromhex('0x1.8p+1'), repr(1e-310), 5e-324)
t = [threading.Thread(target=lambda i=i: r.append(sum(range(i * 1000)))) for i in range(8)]; r = []
[x.start() for x in t]; [x.join() for x in t]; print(sorted(r))
print(subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], capture_output=True))
libc = ctypes.CDLL(None); print(libc.abs(-5), ctypes.string_at(ctypes.create_string_buffer(b'abc')))
print(statistics.stdev([1, 2, 4, 8]), collections.Counter('mississippi').most_common(2), list(itertools.permutations('abc'))[3])
try: subprocess.run(['/nonexistent'])
except FileNotFoundError as e: print(e)
EOF
'''),
    ('python3 -m test', r'''
python3 -m test -q test_math test_float test_struct test_threading test_subprocess test_signal 2>&1 | grep -E '^(Result|All|test .* failed|.*tests failed)|== Tests result' | sort -u
'''),
    ('perl', r'''
perl -e 'my %h; $h{$_ % 17} .= chr(65 + $_ % 26) for 1..2000; print "$_ ", length $h{$_}, "\n" for sort { $a <=> $b } keys %h; print sqrt(2), " ", 10/3, " ", 2**0.5, "\n"'
perl -e 'use POSIX; print POSIX::strftime("%F", gmtime 86400*365), "\n"; my $p = fork; if (!$p) { exit 5 } waitpid $p, 0; print $? >> 8, "\n"; local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select undef, undef, undef, 5; }; print $@;'
perl -MDigest::MD5=md5_hex -MData::Dumper -e '$Data::Dumper::Sortkeys = 1; print md5_hex("hello"), "\n", Dumper({a => [1, {b => 2}]}); print join(",", map { sprintf "%.3e", $_ ** 7 } 1..5), "\n"; my $s = "x" x 100000; $s =~ s/x{7}/y/g; print length $s, "\n"'
'''),
    ('sqlite3', r'''
sqlite3 t.db <<'EOF'
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, hex(i * 7919), sqrt(i) from n;
create index tb on t(b);
select count(*), round(sum(c), 6), max(b), avg(length(b)) from t;
select a, b from t where b like '%AB%' order by b limit 5;
pragma integrity_check;
begin; delete from t where a % 2; rollback; select count(*) from t;
EOF
echo 'select count(*) from t;' | sqlite3 t.db; sha256sum t.db
'''),
    ('7zip', r'''
seq 1 60000 > a; mkdir d; cp /usr/bin/env d/; cp /usr/lib/os-release d/
7z a -bso0 -bsp0 -mmt1 -mx3 x.7z a d; 7z t -bso0 -bsp0 x.7z; echo $?
mkdir out; cd out; 7z x -bso0 -bsp0 ../x.7z; cmp a ../a && cmp d/env ../d/env && echo same; cd ..
7z a -bso0 -bsp0 -tzip -mmt2 y.zip a; 7z l y.zip | grep -c a; 7z h -bsp0 a | grep SHA256 | head -1
'''),
    ('xz', r'seq 1 100000 > a; xz -k -3 a; sha256sum a.xz; xz -dc a.xz | cmp - a && echo same; xz -T2 -c a | xz -dc | cmp - a && echo same; xz -l a.xz | tail -1'),
    ('zstd', r'seq 1 100000 > a; zstd -q -7 a; sha256sum a.zst; zstd -dc a.zst | cmp - a && echo same; zstd -q -T2 -19 -c a | zstd -dc | sha1sum; truncate -s 100 a.zst; zstd -tq a.zst; echo $?'),
    ('openssl', r'''
seq 1 50000 > a
for d in md5 sha1 sha224 sha256 sha384 sha512 sha3-256 blake2b512 sm3; do openssl dgst -$d a; done
for c in aes-128-cbc aes-256-gcm aes-256-ctr chacha20 camellia-128-cbc; do openssl enc -$c -K 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff -iv 000102030405060708090a0b0c0d0e0f -in a 2>/dev/null | sha256sum; done
openssl genpkey -algorithm ed25519 -out k 2>/dev/null; openssl pkeyutl -sign -inkey k -rawin -in a -out s; openssl pkey -in k -pubout -out p; openssl pkeyutl -verify -pubin -inkey p -rawin -in a -sigfile s
openssl genrsa -out r 2048 2>/dev/null; openssl dgst -sha256 -sign r -out s a; openssl rsa -in r -pubout -out p 2>/dev/null; openssl dgst -sha256 -verify p -signature s a
openssl ecparam -name prime256v1 -genkey -noout -out e; openssl dgst -sha256 -sign e -out s a; openssl ec -in e -pubout -out p 2>/dev/null; openssl dgst -sha256 -verify p -signature s a
openssl rand -hex 16 | wc -c; openssl prime 1000003
'''),
    ('luajit', r'''
cat > t.lua <<'EOF'
local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end
print(fib(27), jit.status() and "jit" or "off", math.pi, 2^53, 1e15/3, string.format("%5.2f %x %q", 1/3, 255, "a\nb"))
local t = {} for i = 1, 10000 do t[i] = (i * 7919) % 10007 end table.sort(t) print(t[1], t[5000], t[10000])
local s = 0 for i = 1, 3e6 do s = s + (i % 3) * 0.5 end print(s)
local ffi = require "ffi" ffi.cdef "int abs(int); double sqrt(double);" print(ffi.C.abs(-4), ffi.C.sqrt(2))
local b = require "bit" print(b.bxor(0x1234, 0xff), b.rol(1, 31), b.tohex(-1))
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(co(), co(), co())
print(pcall(error, {1}), select('#', 1, nil, nil), ("x"):rep(5), ("hello world"):gsub("o", "0"))
EOF
luajit t.lua | sed 's/table: .*/table/'; luajit -joff t.lua | sed 's/table: .*/table/'; luajit -O3 -e 'local a = {} for i = 1, 100 do a[i] = i end local s = 0 for k = 1, 1e5 do for i = 1, 100 do s = s + a[i] end end print(s)'
'''),
    ('nodejs', r'''
cat > t.js <<'EOF'
const crypto = require('crypto'), { Worker } = require('worker_threads'), fs = require('fs'), http = require('http'), cp = require('child_process'), zlib = require('zlib');
let s = 0; for (let i = 0; i < 3e6; i++) s += Math.sqrt(i) % 7; console.log(s, [3, 1, 2].sort(), JSON.stringify({ a: 1n.toString(), b: [1.5, null] }));
console.log(crypto.createHash('sha256').update('x'.repeat(1000)).digest('hex'), 2n ** 200n, 'aBc'.replace(/b/i, m => m + m), (0.1 + 0.2).toFixed(20));
fs.writeFileSync('f.txt', 'hello'); console.log(fs.readFileSync('f.txt', 'utf8'), fs.statSync('f.txt').size, zlib.gunzipSync(zlib.gzipSync('zip')).toString());
console.log(cp.execFileSync('/bin/echo', ['child']).toString().trim(), new Float32Array([1.1, 2.2]).join(), [...new Map([[1, 2]])].length);
const w = new Worker('const { parentPort } = require("worker_threads"); let n = 0; for (let i = 0; i < 1e6; i++) n += i & 3; parentPort.postMessage(n)', { eval: true });
w.on('message', m => { console.log('worker', m);
  const srv = http.createServer((q, r) => r.end('got ' + q.url)).listen(0, '127.0.0.1', () => http.get({ port: srv.address().port, host: '127.0.0.1', path: '/abc' }, r => { let d = ''; r.on('data', x => d += x); r.on('end', () => { console.log(r.statusCode, d); srv.close(); }); })); });
async function f() { await new Promise(r => setTimeout(r, 20)); class A { #x = 1; get x() { return this.#x; } } return new A().x; } f().then(x => console.log('async', x));
const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);
WebAssembly.instantiate(wasm).then(m => console.log('wasm', m.instance.exports.add(2, 40)));
EOF
node t.js | sort; node --jitless -e 'let s = 0; for (let i = 0; i < 1e5; i++) s += i % 7; console.log(s)'; node -e 'process.exit(9)'; echo $?; node -p 'process.arch.length > 2'; node -e 'throw new Error("x")' 2>&1 | grep -c 'Error: x'
'''),
    ('gcc', r'''
cat > a.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <pthread.h>
static void *f(void *p) { *(long *)p *= 2; return p; }
int main(int argc, char **argv) { long v = 21; pthread_t t; pthread_create(&t, 0, f, &v); pthread_join(t, 0); printf("%ld %.6f %d\n", v, cos(argc), atoi(argv[1])); return argc; }
EOF
gcc -O2 -Wall -c a.c && gcc -o a a.o -lm -lpthread && ./a 17; echo $?; gcc -static -O0 -g -o b a.c -lm && ./b 18; gcc -fsyntax-only -x c - <<< 'int main( { }' 2>&1 | grep -c error; gcc -O3 -S -o - a.c | grep -c cos; ar rc lib.a a.o && nm lib.a | grep -c ' T main'
'''),
    ('git', r'''
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/dev/null HOME=$PWD
git init -q -b main r; cd r; git config user.name A; git config user.email a@b
seq 100 > a; mkdir d; echo x > d/b; git add .; git commit -qm first; sed -i s/50/fifty/ a; git commit -qam second; git tag v1
git log --format='%H %s'; git diff HEAD~ --stat; git checkout -qb side HEAD~; echo y >> d/b; git commit -qam third; git merge -q -m merged main; git rev-parse HEAD; git status -s
git gc -q; git fsck 2>&1 | tail -1; git clone -q . ../c; cd ../c; git log --oneline | wc -l; git archive HEAD | sha1sum; git grep -n fifty; git blame -s a | sed -n 50p
'''),
    ('tar, gzip, find, gawk, jq, make', r'''
mkdir -p s/t; for i in $(seq 30); do seq $i > s/t/$i; done; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf x.tar s; sha1sum x.tar; gzip -9nk x.tar; sha1sum x.tar.gz; mkdir o; tar xzf x.tar.gz -C o; diff -r s o/s && echo same
find s -type f -size -40c -name '*1*' | sort | xargs grep -c 1 | tail -2; gawk 'BEGIN { for (i = 0; i < 1000; i++) a[i % 37] += i * 1.5; n = asort(a); print a[1], a[n], sin(1), length(sprintf("%100s", "x")) }'
jq -c '.a | map(. * 2)' <<< '{"a":[1,2.5,3]}'; printf 'all: b\n\t@echo made $<\nb:\n\t@touch b\n' > Makefile; make; make; echo 'scale=30; 4*a(1)' | bc -l; ruby -e 'puts (1..20).inject(:*), "%.10f" % Math.sqrt(3), [3,1,2].sort.inspect; Thread.new { puts 1 }.join; puts `echo sub`'; lua5.4 -e 'print(10 // 3, 7.0 / 2, ("%5.1f"):format(2.25), math.maxinteger)'
'''),
]

"""Runtimes of languages that translate, collect and unwind in their own ways, and other large programs; as programs.py, a root of their own.
"""

BASE = ('base-files,bash,dash,libc-bin,coreutils,sed,grep,gcc,libc6-dev,golang-go,openjdk-21-jdk-headless,php-cli,erlang-base,sbcl,'
        'redis-server,redis-tools,python3-numpy,rustc,ffmpeg,imagemagick,vim-tiny,ocaml-nox,guile-3.0,gdb,ghc')

PROGRAMS = [
    ('go', r'''
export HOME=$PWD GOCACHE=$PWD/c GOFLAGS=-mod=mod GO111MODULE=off; mkdir p
cat > p/a.go <<'EOF'
package main
import ("fmt"; "sort"; "sync"; "math"; "crypto/sha256"; "encoding/json"; "runtime"; "os"; "os/signal"; "syscall"; "time"; "math/big"; "strings"; "errors")
type T struct { A int; B []float64; C map[string]int }
func fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }
func nilderef(p *T) (err error) { defer func() { if r := recover(); r != nil { err = fmt.Errorf("recovered: %v", r) } }(); p.A = 1; return nil }
func main() {
	fmt.Println(fib(27), math.Sqrt(2), math.Sin(1e22), sha256.Sum256([]byte("x")))
	var wg sync.WaitGroup; var mu sync.Mutex; m := map[int]int{}; ch := make(chan int, 10)
	for i := 0; i < 50; i++ { wg.Add(1); go func() { defer wg.Done(); for j := 0; j < 200; j++ { mu.Lock(); m[j] += i; mu.Unlock(); if j%50 == 0 { runtime.Gosched() } }; ch <- i }() }
	s := 0; for i := 0; i < 50; i++ { s += <-ch }; wg.Wait(); fmt.Println(s, m[0], m[199], len(m))
	b, _ := json.Marshal(T{1, []float64{1.5, 2e-7}, map[string]int{"z": 1, "a": 2}}); fmt.Println(string(b))
	fmt.Println(nilderef(nil)); var e *os.PathError; _, err := os.Open("/nonexistent"); fmt.Println(err, errors.As(err, &e))
	x := new(big.Int).Exp(big.NewInt(7), big.NewInt(300), nil); fmt.Println(x, strings.Repeat("ab", 3))
	c := make(chan os.Signal, 1); signal.Notify(c, syscall.SIGUSR1); syscall.Kill(os.Getpid(), syscall.SIGUSR1); fmt.Println(<-c)
	var g [][]byte; for i := 0; i < 20000; i++ { g = append(g, make([]byte, i%1000)); if i%100 == 0 { g = nil } }; runtime.GC()
	go func() { for { } }(); time.Sleep(30 * time.Millisecond); runtime.GC(); fmt.Println("preempted") // a loop without calls is interrupted by a signal
	k := []string{"b", "c", "a"}; sort.Strings(k); fmt.Println(k); defer fmt.Println("deferred"); var a []int; _ = a[len(os.Args)+5]
}
EOF
go run p/a.go 2>&1 | grep -v '^\s\|^goroutine\|^main\.\|exit status' ; go vet p/a.go; echo $?; go version | cut -d' ' -f 1-3
'''),
    ('java', r'''
PATH=$(echo /usr/lib/jvm/java-21-*/bin):$PATH; cat > A.java <<'EOF'
import java.util.*; import java.util.concurrent.*; import java.util.stream.*; import java.math.*; import java.security.*;
public class A {
    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    record P(int x, String y) {}
    static int depth; static void deep() { depth++; deep(); }
    public static void main(String[] a) throws Exception {
        System.out.println(fib(30) + " " + Math.sin(1e22) + " " + Math.sqrt(2) + " " + BigInteger.TWO.pow(300) + " " + new P(1, "z"));
        ExecutorService ex = Executors.newFixedThreadPool(6); List<Future<Long>> f = new ArrayList<>();
        for (int i = 0; i < 20; i++) { final int k = i; f.add(ex.submit(() -> LongStream.range(0, 100000).map(x -> x * k % 7).sum())); }
        long s = 0; for (var x : f) s += x.get(); ex.shutdown(); System.out.println(s);
        System.out.println(IntStream.range(0, 10000).parallel().mapToObj(i -> i * 31 % 1009).collect(Collectors.toCollection(TreeSet::new)).size());
        int npe = 0; for (int i = 0; i < 20000; i++) try { String n = i % 2 == 0 ? null : "x"; npe += n.length(); } catch (NullPointerException e) { npe += 10; } System.out.println(npe);
        try { deep(); } catch (StackOverflowError e) { System.out.println("overflow " + (depth > 1000)); }
        try { System.out.println(1 / (a.length)); } catch (ArithmeticException e) { System.out.println(e.getMessage()); }
        System.out.println(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest("x".getBytes())));
        Map<String, Integer> m = new HashMap<>(); for (int i = 0; i < 200000; i++) m.merge("k" + i % 1000, 1, Integer::sum); System.out.println(m.size() + " " + m.get("k7"));
        double[] d = new double[100000]; for (int r = 0; r < 50; r++) for (int i = 0; i < d.length; i++) d[i] = d[i] * 0.5 + i; System.out.println(d[777] + " " + (float) d[99999] + " " + (int) Double.NaN + " " + (long) 1e30);
        Thread v = Thread.ofVirtual().start(() -> System.out.println("virtual")); v.join();
        StringBuilder b = new StringBuilder(); for (int i = 0; i < 300000; i++) b.append(i % 10); System.out.println(b.toString().hashCode()); System.exit(3);
    }
}
EOF
javac A.java && for o in '' -Xint -XX:+UseSerialGC -XX:TieredStopAtLevel=1; do java $o -cp . A | sha1sum; done; java -cp . A; echo $?; java -Xcomp -cp . A | tail -1
'''),
    ('php', r'''
php8.4 -r 'function f($n) { return $n < 2 ? $n : f($n-1) + f($n-2); } echo f(22), " ", sqrt(2), " ", md5("x"), " ", intdiv(7, 2), " ", 0.1 + 0.2, "\n"; $a = range(1, 1000); shuffle($a); sort($a); echo array_sum($a), " ", $a[500], "\n"; echo json_encode(["a" => [1, 2.5, null]]), preg_replace("/(\w+) (\w+)/", "$2 $1", "hello world"), "\n"; function g() { for ($i = 0; $i < 3; $i++) yield $i; } foreach (g() as $x) echo $x; echo "\n", serialize(unserialize(serialize([1, "b" => 2.5]))), crc32("abc"), hash("sha256", "x"), "\n"; exit(4);'; echo $?
php8.4 -d opcache.enable_cli=1 -d opcache.jit=1255 -d opcache.jit_buffer_size=16M -r '$s = 0; for ($i = 0; $i < 1000000; $i++) $s = ($s + $i * 7) % 1000003; echo $s, "\n";'
'''),
    ('erlang', r'''
cat > a.erl <<'EOF'
-module(a). -export([main/0, fib/1]).
fib(N) when N < 2 -> N; fib(N) -> fib(N-1) + fib(N-2).
loop(0) -> ok; loop(N) -> receive {P, X} -> P ! X * 2, loop(N-1) end.
main() -> io:format("~p ~p ~s~n", [fib(24), math:sqrt(2), integer_to_list(1 bsl 200)]),
  Ps = [spawn(fun() -> loop(10) end) || _ <- lists:seq(1, 200)], [P ! {self(), I} || P <- Ps, I <- lists:seq(1, 10)],
  io:format("~p~n", [lists:sum([receive X -> X end || _ <- lists:seq(1, 2000)])]),
  io:format("~p ~p~n", [(catch 1 / (length(Ps) - 200)), erlang:md5("x")]), T = ets:new(t, [ordered_set]), [ets:insert(T, {K * 7919 rem 10007, K}) || K <- lists:seq(1, 5000)], io:format("~p~n", [ets:first(T)]),
  io:format("~p~n", [lists:sort([3, 1.5, a, "b", {c}])]), halt(6).
EOF
export HOME=$PWD; erlc a.erl && erl -noshell -s a main; echo $?
'''),
    ('sbcl, guile, ocaml, ghc', r'''
cat > a.lisp <<'EOF'
(declaim (notinline opaque)) (defun opaque (x) x)
(defun fib (n) (declare (fixnum n)) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (format t "~a ~a ~a~%" (fib 27) (sqrt 2d0) (expt 3 200))
(let ((l nil)) (dotimes (i 200000) (push (make-array 10) l) (when (zerop (mod i 1000)) (setf l nil)))) (gc :full t)
(handler-case (car (opaque 5)) (type-error (e) (format t "type error ~a~%" (type-error-datum e)))) (handler-case (/ 1 0) (division-by-zero () (format t "division~%")))
(labels ((deep (n) (+ 1 (deep (1+ n))))) (handler-case (deep 0) (sb-kernel::control-stack-exhausted () (format t "exhausted~%"))))
EOF
sbcl --noinform --non-interactive --no-sysinit --no-userinit --load a.lisp 2>&1 | grep -v '^;\|^INFO\|^$'
guile -c '(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (display (list (fib 22) (sqrt 2) (expt 3 100) (call/cc (lambda (k) (+ 1 (k 5)))))) (newline)' 2>/dev/null
cat > a.ml <<'EOF'
let rec fib n = if n < 2 then n else fib (n-1) + fib (n-2)
let () = Printf.printf "%d %.15g %s\n" (fib 27) (sqrt 2.) (String.concat "," (List.map string_of_int (List.sort compare [3;1;2])))
let rec deep n = 1 + deep (n + 1)
let () = (try print_int [|1|].(Sys.opaque_identity 5) with Invalid_argument s -> print_endline s); (try ignore (deep 0) with Stack_overflow -> print_endline "overflow")
let () = let d = Domain.spawn (fun () -> fib 20) in Printf.printf "%d\n" (Domain.join d)
EOF
ocaml a.ml; ocamlopt -o a a.ml && ./a
cat > b.hs <<'EOF'
import Control.Concurrent; import qualified Data.Map as M; import Control.Exception
main = do { print (sum [x * x | x <- [1 .. 100000 :: Integer]], sqrt 2 :: Double); m <- newEmptyMVar; mapM_ (\i -> forkIO (putMVar m (i * 2))) [1 .. 100 :: Int]; xs <- mapM (const (takeMVar m)) [1 .. 100 :: Int]; print (sum xs); print (M.size (M.fromList [(i `mod` 97, i) | i <- [1 .. 5000 :: Int]])); r <- try (evaluate (1 `div` (0 :: Int))); print (r :: Either ArithException Int) }
EOF
cp -r /var/lib/ghc/package.conf.d db; ghc-pkg recache --package-db=$PWD/db; GHC_PACKAGE_PATH=$PWD/db ghc -v0 -threaded -O b.hs -o b && ./b +RTS -N2
'''),
    ('rust', r'''
cat > a.rs <<'EOF'
use std::{collections::HashMap, sync::{mpsc, Arc, Mutex}, thread};
fn main() { let (t, r) = mpsc::channel(); let m = Arc::new(Mutex::new(0u64)); let h: Vec<_> = (0..8).map(|i| { let (t, m) = (t.clone(), m.clone()); thread::spawn(move || { for j in 0..1000u64 { *m.lock().unwrap() += i * j; } t.send(i).unwrap(); }) }).collect();
  for x in h { x.join().unwrap(); } drop(t); println!("{} {}", r.iter().sum::<u64>(), m.lock().unwrap()); let mut c = HashMap::new(); for w in "a b a c b a".split(' ') { *c.entry(w).or_insert(0) += 1; } let mut v: Vec<_> = c.into_iter().collect(); v.sort(); println!("{:?} {} {:e} {}", v, 2f64.sqrt(), 1.5e300f64, f32::NAN as i32);
  println!("{:?} {}", std::panic::catch_unwind(|| { let v = vec![1]; v[std::env::args().count() + 3] }).is_err(), u128::MAX / 7); std::process::exit(5) }
EOF
rustc -O a.rs && ./a 2>&1 | grep -v 'thread .main\|note:'; echo ${PIPESTATUS[0]}
'''),
    ('numpy', r'''
export LD_LIBRARY_PATH=$(ls -d /usr/lib/*-linux-gnu/{blas,lapack} | paste -sd:)
python3 - <<'EOF'
import numpy as np
r = np.random.default_rng(1); a = r.standard_normal((60, 60)); print(np.round(np.linalg.det(a) / 1e40, 6), np.allclose(a @ np.linalg.inv(a), np.eye(60)), np.round(np.linalg.svd(a)[1][:3], 8))
print(np.sort(r.integers(0, 1000, 5000))[::500], np.argsort(r.random(1000))[:5], np.cumsum(np.arange(10, dtype=np.float32) / 3)[-1])
for t in 'bBhHiIlLefd': x = (np.arange(100) * 7 % 113).astype(t); print(t, x.sum(), x.max(), x.min(), x.std().astype('f8').round(3), (x * x).sum(), (x // 3).sum(), (x % 5).sum(), np.bitwise_xor.reduce(x) if t not in 'efd' else np.sqrt(x).sum())
print(np.round(np.fft.fft(np.sin(np.arange(64)))[:4], 8), np.round(np.exp(np.linspace(-5, 5, 7)), 10), np.isnan(np.array([np.nan, 1, np.inf]) - np.inf))
print(np.array([1e10, -1e10, np.nan, 3.7]).clip(-1e9, 1e9).astype('f4'), np.float16(1e-7), np.float16([1, 2, 3]) / np.float16(3), np.frombuffer(b'abcd' * 4, dtype='<u4').byteswap())
EOF
'''),
    ('redis', r'''
redis-server --port 0 --unixsocket $PWD/s --daemonize yes --logfile $PWD/log --save '' --dir $PWD > /dev/null; for i in $(seq 100); do [ -S s ] && break; sleep 0.1; done
redis-cli -s s <<'EOF'
set a 1
incrby a 41
lpush l x y z
lrange l 0 -1
zadd z 1.5 a 2.5 b
zrange z 0 -1 withscores
eval "local s = 0 for i = 1, 1000 do s = s + i end return s" 0
hset h f v
hgetall h
pfadd p a b c d
pfcount p
EOF
redis-benchmark -s s -n 2000 -c 5 -t set,get -q 2>&1 | tr '\r' '\n' | grep -c 'requests per second, p50'; redis-cli -s s bgsave; sleep 1; redis-cli -s s shutdown nosave; ls dump.rdb
'''),
    ('ffmpeg, imagemagick', r'''
export LD_LIBRARY_PATH=$(ls -d /usr/lib/*-linux-gnu/{blas,lapack} | paste -sd:)
# bitexact: scaling is otherwise not the same on all processors; nor are x264 and x265, whose compiled C has fused multiplications on arm64
f="ffmpeg -v error -f lavfi -i testsrc=size=160x120:rate=10:duration=1 -sws_flags bitexact+accurate_rnd+full_chroma_int -pix_fmt yuv420p -threads 1"
$f -f rawvideo - | sha1sum; $f -c:v libvpx-vp9 -cpu-used 8 -f ivf v.ivf; sha1sum v.ivf; ffmpeg -v error -i v.ivf -f rawvideo - | sha1sum
ffmpeg -v error -f lavfi -i sine=440:duration=1 -c:a flac -f flac - | ffmpeg -v error -i - -f s16le - | sha1sum
magick-im7.q16 -size 64x64 gradient:red-blue -rotate 90 -resize 32x32 a.png && magick-im7.q16 a.png -format '%w %h %[pixel:p{3,5}]\n' info:
'''),
    ('gdb', r'''
printf 'int f(int x) { return x * 2; }\nint main(void) { int s = 0; for (int i = 0; i < 5; i++) s += f(i); return s; }\n' > a.c; gcc -g -O0 -o a a.c; gdb -nx -batch -ex 'info line f' -ex 'list 1,2' -ex 'ptype f' a 2>&1 | grep -v '^Line\|^warning'
'''),
]

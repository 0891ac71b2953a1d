#!/bin/sh
# The long suites: the Linux tests under every stress option, 1000 short programs, random sequences for ten minutes, Windows'
# cmd.exe and node.exe 200 times each, and cmd.exe again with processes killed.  The last line is a row for the table in docs/testing.md.
#     tools/soak.sh BUILD
# SOAK_RUNS, SOAK_SECONDS, SOAK_WINDOWS: other numbers than 1000, 600 and 200.  DEMOTIC_TEST_WINE_ROOT: a root with Wine;
# without it tests/windows.sh makes one.
set -u
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.." || exit 1
demotic=$build/demotic
runs=${SOAK_RUNS:-1000}
windows=${SOAK_WINDOWS:-200}
place=$(mktemp -d "${TMPDIR:-/tmp}/demotic-soak.XXXXXX")
trap 'rm -rf "$place"' EXIT
trap 'exit 1' INT TERM HUP
failures=0
began=$(date +%s)

fail() {
    failures=$((failures + 1))
    echo "FAIL $1"
    tail -20 "$2" | sed 's/^/    | /'
}

echo '== the Linux tests, every set of options'
tests/linux/run.py --build "$build" --demotic "$demotic" --matrix --only-demotic >"$place/linux" 2>&1 || fail 'Linux tests' "$place/linux"
linux=$(tail -1 "$place/linux")
echo "$linux"

echo '== Windows: one run of the tests'
tests/windows.sh "$build" >"$place/out" 2>&1 || fail 'Windows tests' "$place/out"
root=$(python3 -c 'import sys; sys.path.insert(0, "tests/windows"); from fetch import Store; print(Store(sys.argv[1]).mended_root(sys.argv[2]))' \
    "$build" "$demotic" | tail -1)

# One short program that starts, forks, makes threads or handles signals, and says whether it was right.
short() {
    case $(($1 % 4)) in
    0) [ "$("$demotic" --root "$root" /usr/bin/bash -c 'echo $((6*7)); (exit 3); echo $?; echo a | tr a b')" = '42
3
b' ] ;;
    1) [ "$("$demotic" --root "$root" /usr/bin/bash -c 'for i in 1 2 3; do /usr/bin/true & done; wait; seq 100 | sort -rn | head -1')" = 100 ] ;;
    2) timeout 60 "$demotic" "$build/linux-tests/arm64/threads" ;;
    3) timeout 60 "$demotic" "$build/linux-tests/arm64/signal" ;;
    esac
}
echo "== $runs short programs"
bad=0
i=0
while [ $i -lt "$runs" ]; do
    short $i >"$place/out" 2>&1 || {
        bad=$((bad + 1))
        fail "short program $i" "$place/out"
    }
    i=$((i + 1))
done

echo "== random sequences for ${SOAK_SECONDS:-600} seconds"
SECONDS_EACH=${SOAK_SECONDS:-600} tools/fuzz.sh "$build" >"$place/fuzz" 2>&1 || fail 'random sequences' "$place/fuzz"
fuzz=$(sed -n 's/^\([0-9]*\) cases, \([0-9]*\) failures$/\1 sequences, \2 differ/p' "$place/fuzz" | tail -1)
echo "$fuzz"

echo "== cmd.exe, $windows times, four at a time"
tests/windows-soak.py "$build" "$root" --runs "$windows" >"$place/out" 2>&1 || fail 'cmd.exe' "$place/out"
cmd=$(tail -1 "$place/out")
echo "$cmd"
echo "== node -e, $windows times, four at a time"
node_exe=$(tests/windows/run.py --build "$build" --node)
tests/windows-soak.py "$build" "$root" --runs "$windows" -- "$node_exe" -e 'console.log("from Node", process.arch, [1, 2, 3].map(x => x * 7))' \
    >"$place/out" 2>&1 || fail 'node.exe' "$place/out"
node=$(tail -1 "$place/out")
echo "$node"
echo "== cmd.exe with processes killed at random"
tests/windows-soak.py "$build" "$root" --runs "$windows" --prefixes 2 --kill >"$place/out" 2>&1 || fail 'cmd.exe, killing' "$place/out"
kill=$(tail -1 "$place/out")
echo "$kill"

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
echo "| $(date +%F) | $processor, Linux $(uname -r) | \`make soak\` | Linux tests $linux; $runs short programs, $bad failed; ${fuzz:-no sequences};" \
    "cmd.exe: $cmd; node.exe: $node; killing: $kill; $failures failures in all; $((($(date +%s) - began) / 60)) minutes |"
[ "$failures" = 0 ]

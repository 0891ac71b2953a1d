#!/bin/sh
# The x86 guests against this processor, at length: 10 million comparisons for each mode and each engine, with a check that every row was
# reached in all its forms; then sequences with regions.  Prints the counts, and a row for the table in docs/testing.md.
#     tools/x86-soak.sh BUILD
# SEED: other cases.  PASSES: other numbers than 4 (each is 2.8 million of rows, and sequences, for a mode and an engine).
set -u
diff=$1/tests/x86/x86diff
seed=${SEED:-1001}
passes=${PASSES:-4}
place=$(mktemp -d "${TMPDIR:-/tmp}/demotic-x86-soak.XXXXXX")
trap 'rm -rf "$place"' EXIT
trap 'exit 1' INT TERM HUP
failed=0
began=$(date +%s)

run() {
    name=$1
    shift
    echo "== x86diff $*"
    "$diff" "$@" >"$place/$name" 2>&1 || failed=1
    grep -v '^not compared' "$place/$name" | tail -40
}
run i386 --mode 32 --seed "$seed" --passes "$passes" --cases 200 --states 10 --sequences 30000 --length 12 --coverage
run x86-64 --mode 64 --seed "$seed" --passes "$passes" --cases 200 --states 10 --sequences 30000 --length 12 --coverage
run regions --engine regions --only SEQUENCES --seed "$seed" --passes "$passes" --states 10 --sequences 30000 --length 12

counts=$(sed -n 's/^\(i386\|x86-64\), \([a-z0-9]*\): \([1-9][0-9]*\) passed, \([0-9]*\) failed$/\1 \2 \3, \4 differ/p' "$place"/* | paste -sd';' | sed 's/;/; /g')
processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
echo "| $(date +%F) | $processor, Linux $(uname -r) | \`SEED=$seed PASSES=$passes make x86-soak\` | $counts; $((($(date +%s) - began) / 60)) minutes |"
exit $failed

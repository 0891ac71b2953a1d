#!/bin/sh
# Are the tests worth their name?  Builds a second Demotic whose EXTR shifts by 8 where it should by 7 (DEMOTIC_PLANT_DEFECT in
# src/guest/arm64/lift_imm.c), and asserts that the differential test names that row and no other, and that tracediff names
# the first wrong instruction of a program.
#     tests/planted.sh BUILD QEMU
set -u
build=$(cd "$1" && pwd)
qemu=$2
source=$(cd "$(dirname "$0")/.." && pwd)
planted=$build/planted
passed=0
failed=0

# verdict WHAT STATUS [FILE]: STATUS 0 is good; else FILE is shown.
verdict() {
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
        echo "ok $1"
        return
    fi
    failed=$((failed + 1))
    echo "not ok $1"
    [ $# -lt 3 ] || sed 's/^/    | /' "$3" | tail -25
}

place=$(mktemp -d "${TMPDIR:-/tmp}/demotic-planted.XXXXXX")
trap 'rm -rf "$place"' EXIT
trap 'exit 1' INT TERM HUP
[ -e "$planted/build.ninja" ] ||
    meson setup "$planted" "$source" -Dc_args=-DDEMOTIC_PLANT_DEFECT -Ddebug=false -Doptimization=1 >"$place/build" 2>&1
ninja -C "$planted" demotic >>"$place/build" 2>&1
status=$?
verdict 'Demotic is built with the defect' $status "$place/build"
[ $status = 0 ] || exit 1

# The row and its neighbours: those of its table.
diff="$build/tests/diff/diff --runner $build/tests/diff/runner --skip $source/tests/diff/skip.txt --chapter base_dp_imm --cases 2000"
for engine in jit interp; do
    out=$place/diff-$engine
    timeout 300 $diff --oracle "$qemu" --subject "$planted/demotic --engine $engine" >"$out" 2>&1
    verdict "$engine: the differential test fails" $((!$?)) "$out"
    [ "$(sed -n 's/^row \([A-Za-z0-9_]*\): .* differ$/\1/p' "$out")" = EXTR ]
    verdict "$engine: it names the row EXTR and no other" $? "$out"
    # Every case that it shows is this instruction, shifting by 7.
    shown=$(grep -c '^DIFFERS' "$out")
    exact=$(grep -cE '^ *[0-9]+: [0-9a-f]{8}  extr [wx][0-9a-z]+, [wx][0-9a-z]+, [wx][0-9a-z]+, #(0x)?7 +EXTR$' "$out")
    [ "$shown" -gt 0 ] && [ "$shown" = "$exact" ]
    verdict "$engine: it shows the instruction" $? "$out"
    timeout 300 $diff --oracle "$qemu" --subject "$build/demotic --engine $engine" >"$out" 2>&1
    verdict "$engine: without the defect it passes" $? "$out"
done

# A program that uses the instruction right twice before it goes wrong, and more often later.
cat >"$place/program.S" <<'END'
        .global _start
_start: mov     x19, #3
        movz    x1, #0x1234, lsl #48
        movk    x1, #0x5678
        mov     x2, #0x9abc
again:  extr    x3, x1, x2, #6
        extr    x4, x1, x1, #7          // ROR: not the planted one
        extr    x5, x1, x2, #8
        cmp     x19, #2
        b.ne    1f
wrong:  extr    x6, x2, x1, #7
        eor     x1, x1, x6
1:      subs    x19, x19, #1
        b.ne    again
        mov     x0, #0
        mov     x8, #93
        svc     #0
END
aarch64-linux-gnu-gcc -nostdlib -static -o "$place/program" "$place/program.S"
verdict 'the program is built' $?
wrong=$(aarch64-linux-gnu-nm "$place/program" | sed -n 's/ t wrong$//p')
for engine in jit interp; do
    out=$place/tracediff-$engine
    timeout 120 env -i PATH="$PATH" "$source/tools/tracediff" --run "$build/demotic --engine $engine --trace={} $place/program" \
        --run "$planted/demotic --engine $engine --trace={} $place/program" >"$out" 2>&1
    [ $? = 1 ]
    verdict "$engine: tracediff sees the traces part" $? "$out"
    # What is last in the list of instructions is the wrong one; below it its register.
    [ "$(sed -n 's/^    \([0-9a-f]\{16\}\)  .*/\1/p' "$out" | tail -1)" = "$wrong" ] && grep -qE '^    x6 +A ' "$out"
    verdict "$engine: it names the first wrong instruction and its register" $? "$out"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

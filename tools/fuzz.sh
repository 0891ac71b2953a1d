#!/bin/sh
# Sequences of random instructions under QEMU, the interpreter and the jit, without end (or for $SECONDS_EACH seconds).
#     tools/fuzz.sh build
set -eu
build=$1
qemu=$(tools/get-qemu.sh "$build/oracle")
total=0
seed=${SEED:-$(date +%s)}
while :; do
    nice "$build/tests/diff/diff" --runner "$build/tests/diff/runner" --oracle "$qemu" --subject "$build/demotic" \
        --subject "$build/demotic --engine interp" --skip tests/diff/skip.txt --cases 0 --seconds "${SECONDS_EACH:-300}" --length 20 --seed "$seed" || exit 1
    [ -n "${SECONDS_EACH:-}" ] && exit 0
    seed=$((seed + 1))
done

#!/bin/sh
# Formatting (reported, not changed), clang-tidy's bug finders, the direction of includes.
set -eu
python3 tools/check-includes.py src
git ls-files 'src/*.c' 'src/*.h' | xargs clang-format --dry-run 2>&1 | grep -c warning: | sed 's/$/ places clang-format would change/' || true
git ls-files 'src/*.c' | grep -v _test.c | xargs clang-tidy -quiet -p "$1" \
    --checks='-*,bugprone-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-branch-clone,-clang-analyzer-security.insecureAPI.*,-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,-bugprone-macro-parentheses' 2>/dev/null

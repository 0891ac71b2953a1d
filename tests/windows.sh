#!/bin/sh
# Windows' cmd.exe for Arm64, in Debian's Arm64 Wine, under Demotic: what a batch file needs.  Each check names what it is;
# the last line counts.
#     tests/windows.sh BUILD
# Uses the root BUILD/roots/windows-arm64 (made if missing: some minutes), or the one DEMOTIC_TEST_WINE_ROOT names.  The Wine
# prefix is fresh, and gone afterwards.  DEMOTIC_TEST_OPTIONS: options for demotic (an engine, stress).
set -u
build=$(cd "$1" && pwd)
demotic=$build/demotic
root=${DEMOTIC_TEST_WINE_ROOT:-$build/roots/windows-arm64}
if [ ! -d "$root" ]; then
    echo "making the root $root ..." >&2
    mkdir -p "$build/roots/new"
    XDG_DATA_HOME="$build/roots/new" "$demotic" root create windows-arm64 --arch arm64 --include wine,wine64 >&2 || exit 1
    mv "$build/roots/new/demotic/roots/windows-arm64" "$root" || exit 1
    rm -r "$build/roots/new"
fi

place=$(mktemp -d "${TMPDIR:-/tmp}/demotic-windows.XXXXXX")
prefix=$place/prefix
mkdir "$prefix" "$place/work" "$place/runtime"
chmod 700 "$place/runtime"
cd "$place/work" || exit 1
passed=0
failed=0

# The guest's command line, with this test's surroundings; not exported, so that only Wine's processes have them.
guest() {
    env -u DISPLAY -u WAYLAND_DISPLAY -u TMPDIR WINEPREFIX="$prefix" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= XDG_RUNTIME_DIR="$place/runtime" \
        FROM_LINUX='a value' timeout 300 "$demotic" ${DEMOTIC_TEST_OPTIONS:-} --root "$root" "$@" 2>>"$place/errors" </dev/null
}

# Processes whose environment names this prefix: those Wine left behind.
left() {
    for e in /proc/[0-9]*/environ; do
        if tr '\0' '\n' 2>/dev/null <"$e" | grep -qxF "WINEPREFIX=$prefix"; then
            e=${e#/proc/}
            echo "${e%/environ}"
        fi
    done
}

clean_up() {
    for pid in $(left); do
        kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$place"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

say() { # ok|not_ok WHAT
    if [ "$1" = ok ]; then
        passed=$((passed + 1))
        echo "ok $2"
    else
        failed=$((failed + 1))
        echo "not ok $2"
    fi
}

# check WHAT STATUS OUTPUT PROGRAM ARG...: what it prints, without carriage returns and blank ends, and its exit status.
check() {
    what=$1 want_status=$2 want=$3
    shift 3
    guest "$@" >"$place/out"
    status=$?
    got=$(tr -d '\r' <"$place/out" | sed 's/[[:space:]]*$//')
    if [ "$status" = "$want_status" ] && [ "$got" = "$want" ]; then
        say ok "$what"
        return
    fi
    say not_ok "$what"
    echo "    status $status, wanted $want_status; printed, then wanted:"
    printf '%s\n' "$got" | sed 's/^/    | /'
    printf '%s\n' "$want" | sed 's/^/    > /'
    tail -3 "$place/errors" | sed 's/^/    ! /'
}

lines() { printf '%s\r\n' "$@"; }

wine=/usr/lib/wine/wine64
check 'echo, and the processor Windows sees' 0 'Hello World from Windows on ARM64' \
    $wine cmd.exe /c 'echo Hello World from Windows on %PROCESSOR_ARCHITECTURE%'
check "Linux' environment" 0 'a value, Windows_NT' $wine cmd.exe /c 'echo %FROM_LINUX%, %OS%'
check 'set' 0 'FOO=bar' $wine cmd.exe /c 'set FOO=bar&& set FOO'
check 'exit status 42' 42 '' $wine cmd.exe /c 'exit 42'
check "a child's exit status" 0 'five' $wine cmd.exe /c 'cmd /c exit 5 & if errorlevel 5 (echo five& exit 0)'

lines 'one two' 'three' 'four two' >in.txt
check 'a pipe to another program' 0 'one two
four two' $wine cmd.exe /c 'type in.txt | findstr two'

lines '@echo off' 'setlocal' 'set SUM=0' 'for /l %%i in (1,1,5) do (' '  echo line %%i>>out.txt' '  set /a SUM+=%%i>nul' ')' \
    'echo sum %SUM%>>out.txt' 'if exist out.txt (echo written) else (echo missing)' 'call :sub A B' 'exit /b 7' \
    ':sub' 'echo sub %1 %2 of %~n0' 'goto :eof' >loop.bat
check 'a batch file: a loop, arithmetic, a subroutine, its status' 7 'written
sub A B of loop' $wine cmd.exe /c loop.bat
if [ "$(tr -d '\r' <out.txt)" = 'line 1
line 2
line 3
line 4
line 5
sum 15' ]; then
    say ok 'what it redirected to a file is there'
else
    say not_ok 'what it redirected to a file is there'
    sed 's/^/    | /' out.txt
fi

check 'reg query' 0 '
HKEY_LOCAL_MACHINE\Software\Microsoft\Windows NT\CurrentVersion
    CurrentVersion    REG_SZ    6.3' $wine reg query 'HKLM\Software\Microsoft\Windows NT\CurrentVersion' /v CurrentVersion
check 'reg add' 0 'reg: The operation completed successfully' $wine reg add 'HKCU\Software\DemoticTest' /v Value /d kept /f

# The registry is written, and everything has ended, when the server has gone.
if guest /usr/lib/wine/wineserver64 -w; then
    say ok 'wineserver ends'
else
    say not_ok "wineserver ends (status $?)"
fi
sleep 0.2
remaining=$(left)
if [ -z "$remaining" ]; then
    say ok 'no process is left'
else
    say not_ok 'no process is left'
    for pid in $remaining; do
        echo "    $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    done
fi
if grep -q '"Value"="kept"' "$prefix/user.reg"; then
    say ok 'the registry is on disk'
else
    say not_ok 'the registry is on disk'
fi
if grep -q '^demotic:' "$place/errors"; then
    say not_ok 'Demotic has nothing to say'
    grep '^demotic:' "$place/errors" | sort | uniq -c | head -10
else
    say ok 'Demotic has nothing to say'
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/sh
# The main job, shown: Windows' Arm64 cmd.exe, in Debian's Arm64 Wine, on this machine.
#     tools/demo.sh build/demotic
set -eu
demotic=$1
root=${DEMOTIC_DEMO_ROOT:-arm64}
if ! "$demotic" root path "$root" >/dev/null 2>&1; then
    "$demotic" root create "$root" --arch arm64 --include wine,wine64
fi
WINEPREFIX=${WINEPREFIX:-${XDG_DATA_HOME:-$HOME/.local/share}/demotic/prefixes/demo}
export WINEPREFIX
export WINEDEBUG=${WINEDEBUG:--all}
export WINEDLLOVERRIDES="mscoree,mshtml="
unset DISPLAY WAYLAND_DISPLAY
mkdir -p "$WINEPREFIX"
if [ ! -e "$WINEPREFIX/system.reg" ]; then
    echo "Wine makes its prefix in $WINEPREFIX (once, about half a minute) ..." >&2
fi
wine="$demotic root run $root /usr/lib/wine/wine64"
status=0
$wine cmd.exe /c 'echo Hello World from Windows on %PROCESSOR_ARCHITECTURE% (%PROCESSOR_IDENTIFIER%)' || status=$?
# The registry is written when the last Windows process has gone.
"$demotic" root run "$root" /usr/lib/wine/wineserver64 -w
echo "exit status: $status" >&2
exit $status

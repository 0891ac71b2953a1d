#!/bin/sh
# Installs what building and the demonstration need (default), all that `make check` uses (deps.sh check), or what makes and tries the
# container image (deps.sh image), on Debian.
# Does nothing, and asks for no privilege, when all is there.
set -eu
build="gcc libc6-dev clang lld llvm meson ninja-build pkg-config python3 mmdebstrap xz-utils ca-certificates"
# 32-bit x86 programs need these two; gcc-multilib would remove the Arm64 compilers.
check="gcc-aarch64-linux-gnu libc6-dev-arm64-cross libcmocka-dev libcapstone-dev libzydis-dev libc6-dev-i386 lib32gcc-12-dev libclang-rt-14-dev bubblewrap uidmap procps cmake python3-yaml xvfb xdotool g++-mingw-w64-i686-win32 g++-mingw-w64-x86-64-win32 debian-archive-keyring"
command -v npm >/dev/null || check="$check npm" # with Node, whose own packages may have brought it
image="umoci bubblewrap uidmap"
want="$build"
[ "${1:-}" = check ] && want="$build $check"
[ "${1:-}" = image ] && want="$build $image"
missing=
for p in $want; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed$' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
echo "installing:$missing" >&2
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "not root and no sudo: please install:$missing" >&2; exit 1; }
    as_root=sudo
fi
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null

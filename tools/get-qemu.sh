#!/bin/sh
# The oracle and peer: Debian sid's static qemu-aarch64, unpacked beside the build, not installed, with qemu-x86_64 and
# qemu-i386 beside it.  Prints its path.
#     tools/get-qemu.sh DIR
# DEMOTIC_QEMU names another one to use instead.
set -eu
if [ -n "${DEMOTIC_QEMU:-}" ]; then
    echo "$DEMOTIC_QEMU"
    exit 0
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
if [ ! -x "$dir/usr/bin/qemu-aarch64" ]; then
    echo "fetching Debian's newest qemu-user ..." >&2
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keys] http://deb.debian.org/debian sid main" > "$dir/sources.list"
    apt="-o Dir::Etc::sourcelist=$dir/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$dir/lists -o Dir::Cache=$dir/cache -o APT::Sandbox::User= -o Acquire::Check-Valid-Until=false" # a mirror may lag behind
    apt-get $apt update -qq >&2
    (cd "$dir" && apt-get $apt download -qq qemu-user >&2)
    dpkg -x "$dir"/qemu-user_*.deb "$dir"
    rm -rf "$dir"/qemu-user_*.deb "$dir/lists" "$dir/cache"
fi
echo "$dir/usr/bin/qemu-aarch64"

#!/bin/sh
# Builds Demotic's container image, an OCI layout, without a daemon and without a container: mmdebstrap makes Debian, image-tree.sh
# the rest, umoci puts them together.
#     packaging/image.sh BUILD [LAYOUT]        default: BUILD/image
# Needs (Debian): mmdebstrap umoci tar, and as an ordinary user uidmap.  With skopeo it goes elsewhere:
#     skopeo copy oci:build/image:latest docker-archive:demotic.tar:demotic:latest      then: docker load -i demotic.tar
#     skopeo copy oci:build/image:latest docker://registry.example.com/demotic:latest
# The same inputs (commit, compiler, Debian's packages) give the same digest, which is printed last.  For variables see image-tree.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
layout=${2:-$build/image}
suite=${IMAGE_SUITE:-trixie}
mirror=${IMAGE_MIRROR:-http://deb.debian.org/debian}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
time=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
for tool in mmdebstrap umoci; do
    command -v $tool >/dev/null || { echo "image.sh needs $tool: apt-get install mmdebstrap umoci" >&2; exit 1; }
done
work=$(mktemp -d "$build/image.XXXXXX")
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# Debian, as small as it comes with apt: pipelines install their tools.  The rules are those of Debian's own slim images.
mmdebstrap --quiet --variant=apt --arch=amd64 --include=ca-certificates --format=tar \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
    --customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/machine-id" "$1/var/lib/dbus/machine-id"; : >"$1/etc/machine-id"' \
    --customize-hook='rm -rf "$1"/var/log/* "$1"/var/cache/* "$1"/var/lib/apt/lists/*; mkdir -p "$1/work" "$1/var/cache/apt/archives/partial"' \
    --customize-hook='printf "127.0.0.1 localhost\n::1 localhost\n" >"$1/etc/hosts"' \
    "$suite" "$work/debian.tar" "$mirror"

"$here/image-tree.sh" "$build" "$work/tree"

# Two layers, so that a new Demotic is a small download: the root and the template share files, Demotic is apart.
archive() { # NAME PATH...
    name=$1
    shift
    tar -C "$work/tree" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --clamp-mtime \
        -cf "$work/$name.tar" "$@"
}
archive root usr/local/share/demotic
archive demotic usr/local/bin usr/local/share/doc

rm -rf "$layout" # umoci would add to it
umoci init --layout "$layout"
umoci new --image "$layout:latest"
for layer in debian root demotic; do
    umoci raw add-layer --image "$layout:latest" --history.created="$time" --history.created_by="packaging/image.sh: $layer" \
        "$work/$layer.tar"
    rm "$work/$layer.tar"
done
version=$("$build/demotic" --version)
umoci config --image "$layout:latest" --no-history --created="$time" --os=linux --architecture=amd64 \
    --config.cmd=bash --config.workingdir=/work --config.env=LANG=C.UTF-8 \
    --config.env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --config.label="org.opencontainers.image.title=demotic" \
    --config.label="org.opencontainers.image.description=Runs Arm64 Windows and Linux programs on x86-64" \
    --config.label="org.opencontainers.image.version=${version#demotic }" \
    --config.label="org.opencontainers.image.licenses=MIT AND LGPL-2.1-or-later" \
    --config.label="org.opencontainers.image.created=$time"
umoci gc --layout "$layout" >/dev/null 2>&1
du -sh "$layout" | sed "s|\t.*| in $layout|" >&2
sed 's/.*"digest":"\([^"]*\)".*/\1/' "$layout/index.json"

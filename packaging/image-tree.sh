#!/bin/sh
# Makes what Demotic's image has beside Debian, as a directory tree: /usr/local/bin/{demotic,wine-arm64}, and under
# /usr/local/share/demotic (one of XDG_DATA_DIRS) a root with Arm64's Linux and Wine, and a template of Windows' C: drive.
#     packaging/image-tree.sh BUILD TREE
# The same inputs give the same files, whoever builds them, and when: what Wine makes up (times, two identifiers) is replaced.
#     SOURCE_DATE_EPOCH    the newest time a file may have; default: the last commit's
#     IMAGE_SUITE          Debian's suite (trixie)
#     IMAGE_MIRROR         where packages come from; a snapshot of Debian gives the same packages again later
#     IMAGE_ROOT           a root with wine, wine64 and libwine-dev, made before, to take (a copy of) instead
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
tree=$(cd "$2" && pwd)
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
share=$tree/usr/local/share
root=$share/demotic/roots/arm64
template=$share/demotic/prefixes/.arm64.template
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

# Before HOME and the like change: Demotic as the build made it, without symbols.
mkdir -p "$tree/usr/local/bin" "$tree/usr/local/share/doc/demotic"
strip -o "$tree/usr/local/bin/demotic" "$build/demotic"
ln -sf demotic "$tree/usr/local/bin/wine-arm64"
cp "$here/../LICENSE" "$tree/usr/local/share/doc/demotic/copyright"

if [ -n "${IMAGE_ROOT:-}" ]; then
    mkdir -p "$root"
    cp -a --reflink=auto --no-preserve=ownership "$IMAGE_ROOT/." "$root"
else
    XDG_DATA_HOME=$share "$build/demotic" root create arm64 --bare --suite="${IMAGE_SUITE:-trixie}" \
        ${IMAGE_MIRROR:+--mirror="$IMAGE_MIRROR"} --include=wine,wine64,libwine-dev
fi
# The name by which the examples and `wine-arm64` ask for it, too.
ln -sfn arm64 "$share/demotic/roots/wine-arm64"

# What packages are in it: dpkg does not know them, they were only unpacked.
(cd "$root/usr/share/doc" && for f in */changelog.Debian.gz; do zcat "$f" | sed -n '1s/^\([^ ]*\) (\([^)]*\)).*/\1 \2/p'; done | sort -u) \
    >"$share/demotic/roots/arm64.sources"

# Nobody reads manuals in it or builds Linux programs with it; licences stay.
cd "$root"
find usr/share/doc -mindepth 1 ! -type d ! -name copyright -delete
find usr/share/doc -depth -type d -empty -delete
rm -rf usr/share/man usr/share/info usr/share/locale usr/share/lintian usr/share/bug var/lib/apt/lists/* \
    etc/machine-id var/lib/dbus/machine-id
find usr/include -mindepth 1 -maxdepth 1 ! -name wine -exec rm -rf {} +
find usr/include -name '*.idl' -delete
find usr/lib/aarch64-linux-gnu -maxdepth 1 -name '*.[ao]' -delete
find usr/lib/aarch64-linux-gnu/wine -name '*.debug' -delete
# Three quarters of Wine's libraries are debugging information.
find usr/lib/aarch64-linux-gnu/wine/aarch64-windows -type f ! -name '*.a' -exec "$build/tools/strip-pe" {} +

# The template: what the first Windows program makes.
newest=$(stat -c %Y usr/share/wine/wine.inf)
[ "$newest" -le "$epoch" ] || { echo "SOURCE_DATE_EPOCH=$epoch is before Wine's package ($newest)" >&2; exit 1; }
rm -rf "$share/demotic/prefixes"
env -i PATH="$PATH" LC_ALL=$LC_ALL TZ=$TZ USER=root HOME="$tree/tmp" XDG_DATA_HOME="$share" XDG_DATA_DIRS=/nowhere \
    "$build/wine-arm64" --wine-wait=60 --root "$root" cmd.exe /c 'exit 0' </dev/null
[ -e "$template/system.reg" ] || { echo "no template was made in $template" >&2; exit 1; }
rm -rf "$share/demotic/prefixes/arm64" "$tree/tmp" "$root"/var/cache/* "$root"/var/log/*
cd "$template"
rm -f dosdevices/com* dosdevices/lpt*
"$here/registry.py" . "$epoch"

# Most of its files are Wine's, stripped alike: links in the archive.
find drive_c -type f -size +1k | while read -r file; do
    name=${file##*/}
    for same in "$root/usr/lib/aarch64-linux-gnu/wine/aarch64-windows/$name" "$root/usr/share/wine/nls/$name"; do
        if cmp -s "$file" "$same"; then
            ln -f "$same" "$file"
        fi
    done
done
# One owner, and nothing that only the builder may read.
chmod -R u+rwX,go+rX,go-w "$tree/usr"

#!/bin/sh
# Puts the image's root file system together in /image: the binary, the libraries that it and ONNX Runtime name, the
# authorities' certificates, two users. Run by the Containerfile, in a Debian with a shell. $1: models to bake in.
set -eu

image=/image
authorities=/etc/ssl/certs/ca-certificates.crt
if [ ! -s "$authorities" ] || ! ldconfig -p | grep -q 'libstdc++\.so\.6'; then
    apt-get update -q
    apt-get install -q -y --no-install-recommends ca-certificates libstdc++6
fi

mkdir -p "$image/usr/bin" "$image/usr/share/voce" "$image/etc/ssl/certs" "$image/etc/voce" "$image/opt/voce" \
    "$image/var/lib/voce" "$image/proc" "$image/sys" "$image/dev"
for folder in lib lib64; do
    mkdir -p "$image/usr/$folder"
    ln -s "usr/$folder" "$image/$folder"
done
install -d -m 1777 "$image/tmp"

# Of the binary: as the loader finds them. Of ONNX Runtime, which is loaded from the models: the same and these.
libraries="$(ldd /usr/bin/voce | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }')"
for name in libstdc++.so.6 libgcc_s.so.1 libm.so.6 libc.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2; do
    libraries="$libraries $(ldconfig -p | awk -v name="$name" '$1 == name { print $NF; exit }')"
done
for library in $libraries; do
    [ -e "$library" ] || { echo "root.sh: $library is missing in this base; expected a Debian with glibc and libstdc++" >&2; exit 1; }
    # /lib/... and /usr/lib/... are the same folder in Debian.
    target="$image/usr/${library#/}"
    case "$library" in /usr/*) target="$image$library" ;; esac
    mkdir -p "$(dirname "$target")"
    cp -L "$library" "$target"
done

install -m 755 /usr/bin/voce "$image/usr/bin/voce"
install -m 644 "$authorities" "$image$authorities"
echo 'hosts: files dns' > "$image/etc/nsswitch.conf"
printf 'root:x:0:0:root:/:/nonexistent\nvoce:x:65532:65532:voce:/var/lib/voce:/nonexistent\n' > "$image/etc/passwd"
printf 'root:x:0:\nvoce:x:65532:\n' > "$image/etc/group"
# Documents and callers to try it with.
cp -R /config/knowledge /config/scenarios /config/default.toml "$image/usr/share/voce/"
chown -R 65532:65532 "$image/var/lib/voce"
chmod 700 "$image/var/lib/voce"

mkdir -p "$image/opt/voce/models"
if [ -n "${1:-}" ]; then
    VOCE_MODELS="$image/opt/voce/models" /usr/bin/voce models pull --profile "$1"
fi

# What is missing shows here and not at the first call.
chroot "$image" /usr/bin/voce --version

#!/bin/sh
# Mounts the BPF file system where pins live, unless it is there; systemd does so at boot, minimal systems do not.
set -eu
directory=/sys/fs/bpf
[ "$(stat -f -c %T "$directory" 2>/dev/null)" = bpf_fs ] && exit 0
if [ "$(id -u)" = 0 ]; then exec mount -t bpf bpf "$directory"; fi
command -v sudo >/dev/null || { echo "mount-bpffs: mounting $directory needs root: run make as root" >&2; exit 77; }
exec sudo mount -t bpf bpf "$directory"

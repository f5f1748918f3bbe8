#!/bin/bash
# boot.sh KERNEL_DIR CMD...   boot an unpacked Debian kernel .deb (dpkg -x) in QEMU, run CMD there, return its exit code.
#   The guest root is the host's root file system: 9p read-only + tmpfs overlay (writes vanish), same cwd, PATH.
#   CMD's stdout+stderr come through a virtio-serial port; kernel messages go to $VM_DIR/console.log.
# Environment: VM_SMP=2 VM_MEM=1536 (MiB) VM_TIMEOUT=300 (s) VM_ACCEL="tcg,thread=multi" VM_CPU=...
#   VM_NET="-netdev ... -device virtio-net-pci,..."  extra qemu arguments      VM_APPEND="..." extra kernel parameters
#   VM_OUT=DIR  host directory mounted read-write at /mnt/out in the guest      VM_MODS="veth sch_netem" modules to load
#   VM_DIR=DIR  keep work files there (default: a removed temporary directory)  VM_VERBOSE=1 print the console at the end
#   Lab inside one netns: ip netns exec LAB vmrun.sh ... with -netdev tap taps on a bridge. Taps may be moved to other netns once QEMU has opened them.
# Needs: qemu-system-x86, busybox-static, cpio, kmod (or KMOD=path to a kmod binary), xz-utils for 6.12's .ko.xz.
set -euo pipefail
K=$(realpath "$1"); shift
VM=$(ls "$K"/boot/vmlinuz-* | head -1); REL=${VM##*/vmlinuz-}
IMG=$VM; [ ! -s "$K/vmlinux-$REL" ] || IMG=$K/vmlinux-$REL   # an uncompressed image (unpack-vmlinux.py BZIMAGE OUT) boots about 2 s faster on 6.1
MODS=$K/lib/modules; [ -d "$MODS/$REL" ] || MODS=$K/usr/lib/modules
HERE=$(dirname "$(realpath "$0")")
KMOD=${KMOD:-$(command -v kmod || echo "$HERE/k/kmod/bin/kmod")}
D=${VM_DIR:-$(mktemp -d /tmp/vmrun.XXXXXX)}; mkdir -p "$D"; [ -n "${VM_DIR:-}" ] || trap 'rm -rf "$D"' EXIT

# 1. initramfs, once per kernel: busybox + the modules needed to reach the 9p root
I=$K/initrd.$REL.cpio
if [ ! -s "$I" ] || [ "$0" -nt "$I" ]; then
  [ -s "$MODS/$REL/modules.dep" ] || (exec -a depmod "$KMOD" -b "${MODS%/lib/modules}" "$REL")
  T=$(mktemp -d); mkdir -p "$T"/{bin,m,proc,sys,dev,mnt,host,newroot}; cp /bin/busybox "$T/bin/"
  (cd "$MODS/$REL"
   need() { local f deps                         # print a module's dependencies first, then itself
     f=$(grep -E "(^|/)$1\.ko[^:]*:" modules.dep | head -1) || return 0
     deps=${f#*:}; for d in $(printf '%s\n' $deps | tac); do echo "$d"; done; echo "${f%%:*}"; }
   n=100
   for m in virtio_pci virtio_console 9pnet_virtio 9p overlay; do need $m; done | awk '!s[$0]++' |
   while read -r f; do n=$((n+1)); b=$T/m/$n-$(basename "$f"); cp "$f" "$b"; case $b in *.xz) xz -d "$b";; esac; done)
  cat > "$T/init" <<'INIT'
#!/bin/busybox sh
[ -n "$vmdebug" ] && set -x
/bin/busybox --install -s /bin; export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in /m/*.ko; do insmod $m; done
mount -t tmpfs -o mode=755 t /mnt; mkdir -p /mnt/u /mnt/w
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose,access=any host /host || poweroff -f
mount -t overlay -o lowerdir=/host,upperdir=/mnt/u,workdir=/mnt/w,index=off,xino=off o /newroot || poweroff -f
for x in $(cat /proc/cmdline); do case $x in vmrun=*) d=${x#*=};; esac; done
for x in proc sys dev; do mount --move /$x /newroot/$x; done
exec switch_root /newroot /bin/bash "$d/stage2"
INIT
  chmod +x "$T/init"; (cd "$T" && find . | cpio -o -H newc --quiet) > "$I.$$"; mv "$I.$$" "$I"; rm -rf "$T"
fi

# 2. what runs in the guest as pid 1 after switch_root (read through the 9p share)
{ echo "MODS=$(printf %q "$MODS") KMOD=$(printf %q "$KMOD") WD=$(printf %q "$PWD") VM_MODS=$(printf %q "${VM_MODS:-}") OUT=${VM_OUT:+1}"
  cat <<'S2'
[ -z "${vmdebug:-}" ] || set -x
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
mount -t tmpfs t /run; mount -t tmpfs t /dev/shm 2>/dev/null || { mkdir -p /dev/shm; mount -t tmpfs t /dev/shm; }
mkdir -p /dev/pts; mount -t devpts d /dev/pts; mount -t bpf b /sys/fs/bpf; mount -t debugfs d /sys/kernel/debug
mount -t tracefs t /sys/kernel/tracing 2>/dev/null; mount -t cgroup2 c /sys/fs/cgroup; mkdir -p /run/netns /lib/modules
mount --bind "$MODS" /lib/modules
for t in modprobe insmod rmmod lsmod; do [ -e /usr/sbin/$t ] || ln -s "$KMOD" /usr/sbin/$t; done
ip link set lo up; ulimit -l unlimited
[ -z "$OUT" ] || { mkdir -p /mnt/out; mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none out /mnt/out; }
modprobe virtio_net; for m in $VM_MODS; do modprobe $m; done
for p in /sys/class/virtio-ports/*; do case $(<$p/name) in out) O=/dev/${p##*/};; rc) R=/dev/${p##*/};; esac; done
S2
  echo "cd \"\$WD\"; (bash $D/cmd) >\$O 2>&1 </dev/null; echo \$? >\$R; sync; echo o >/proc/sysrq-trigger; sleep 5"
} > "$D/stage2"
printf '%s\n' "$*" > "$D/cmd"; : > "$D/rc"

# 3. run
A=${VM_ACCEL:-tcg,thread=multi}; case $A in kvm*) C=host;; *) C=max,la57=off;; esac
OUT=(); [ -z "${VM_OUT:-}" ] || OUT=(-virtfs "local,path=$(realpath "$VM_OUT"),mount_tag=out,security_model=none")
rm -f "$D/in"; mkfifo "$D/in"; exec 9<>"$D/in"   # a stdin that never ends: at end of file QEMU's stdio port reads as closed and guest writes block
set +e
timeout "${VM_TIMEOUT:-300}" qemu-system-x86_64 -accel "$A" -cpu "${VM_CPU:-$C}" -M pc -smp "${VM_SMP:-2}" -m "${VM_MEM:-1536}" \
  -nodefaults -display none -no-reboot -kernel "$IMG" -initrd "$I" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check rcupdate.rcu_expedited=1 vmrun=$D ${VM_APPEND:-}" \
  -chardev file,id=con,path="$D/console.log" -serial chardev:con -device virtio-serial-pci \
  -chardev stdio,id=out,signal=off -device virtserialport,chardev=out,name=out \
  -chardev file,id=rc,path="$D/rc" -device virtserialport,chardev=rc,name=rc \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap "${OUT[@]}" ${VM_NET:-} <&9
q=$?
[ -z "${VM_VERBOSE:-}" ] || sed 's/^/console| /' "$D/console.log" >&2
rc=$(tr -dc 0-9 < "$D/rc"); [ -n "$rc" ] || { echo "vmrun: no exit code from the guest (qemu $q); console tail:" >&2; tail -15 "$D/console.log" >&2; rc=125; }
exit "$rc"

#!/usr/bin/env bash
# Boots a Debian kernel in QEMU on the host's own files, runs one command there, and ends with its exit code.
#
#   test/vm/boot.sh KERNEL_DIR COMMAND...       KERNEL_DIR: a linux-image package, unpacked by dpkg -x
#
# The guest's root is the host's file system, read-only below an overlay in memory: what is written there vanishes.
# The command runs in the same directory; its output comes through a virtio port, the kernel's goes to a file.
# Environment: VM_SMP=2, VM_MEM=1536 (MiB), VM_TIMEOUT=300 (s), VM_ACCEL="tcg,thread=multi", VM_CPU,
#   VM_MODS="veth sch_netem": modules to load; VM_OUT=DIR: a directory that the guest sees as /mnt/out, writable;
#   VM_VERBOSE=1: print the kernel's messages at the end.
# Needs qemu-system-x86, busybox-static, cpio, kmod, xz-utils.
set -euo pipefail

kernel=$(realpath "$1")
shift
image=$(ls "$kernel"/boot/vmlinuz-* | head -n 1)
release=${image##*/vmlinuz-}
modules=$kernel/lib/modules
[ -d "$modules/$release" ] || modules=$kernel/usr/lib/modules
initramfs=$kernel/initrd.$release.cpio
kmod=$(command -v kmod)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Files of a module and of what it depends on, dependencies first.
module_files() {
	local line
	line=$(grep -E "(^|/)$1\.ko[^:]*:" modules.dep | head -n 1) || return 0
	# shellcheck disable=SC2086 # names of files without spaces
	printf '%s\n' ${line#*:} | tac
	echo "${line%%:*}"
}

# busybox and the modules that reach the host's files; once for each kernel, and again when this script changes.
make_initramfs() {
	local root number=100 file
	[ -s "$modules/$release/modules.dep" ] || (exec -a depmod "$kmod" -b "${modules%/lib/modules}" "$release")
	root=$(mktemp -d)
	mkdir -p "$root"/{bin,modules,proc,sys,dev,mnt,host,newroot}
	cp /bin/busybox "$root/bin/"
	(
		cd "$modules/$release"
		for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do module_files "$module"; done |
			awk 'NF && !seen[$0]++' |
			while read -r file; do
				# Numbered, so that they load in this order.
				number=$((number + 1))
				cp "$file" "$root/modules/$number-$(basename "$file")"
			done
		for file in "$root"/modules/*.xz; do [ ! -e "$file" ] || xz -d "$file"; done
	)
	cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod $module; done
mount -t tmpfs -o mode=755 t /mnt
mkdir -p /mnt/upper /mnt/work
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose,access=any host /host || poweroff -f
mount -t overlay -o lowerdir=/host,upperdir=/mnt/upper,workdir=/mnt/work,index=off,xino=off o /newroot || poweroff -f
for word in $(cat /proc/cmdline); do case $word in detour_work=*) work=${word#*=} ;; esac; done
for directory in proc sys dev; do mount --move /$directory /newroot/$directory; done
exec switch_root /newroot /bin/bash "$work/guest"
INIT
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$initramfs.$$"
	mv "$initramfs.$$" "$initramfs"
	rm -rf "$root"
}

# What runs in the guest as process 1, with the host's files around it.
write_guest_script() {
	{
		printf 'modules=%q kmod=%q directory=%q wanted=%q has_out=%q command=%q\n' \
			"$modules" "$kmod" "$PWD" "${VM_MODS:-}" "${VM_OUT:+1}" "$work/command"
		cat <<'GUEST'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
mount -t tmpfs t /run
mkdir -p /dev/shm /dev/pts /run/netns /lib/modules
mount -t tmpfs t /dev/shm
mount -t devpts d /dev/pts
mount -t bpf b /sys/fs/bpf
mount -t debugfs d /sys/kernel/debug
mount -t tracefs t /sys/kernel/tracing 2>/dev/null
mount -t cgroup2 c /sys/fs/cgroup
mount --bind "$modules" /lib/modules
for tool in modprobe insmod rmmod lsmod; do [ -e /usr/sbin/$tool ] || ln -s "$kmod" /usr/sbin/$tool; done
ip link set lo up
ulimit -l unlimited
[ -z "$has_out" ] || { mkdir -p /mnt/out; mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none out /mnt/out; }
for module in virtio_net $wanted; do modprobe $module; done
for port in /sys/class/virtio-ports/*; do
	case $(<$port/name) in
	out) output=/dev/${port##*/} ;;
	code) code=/dev/${port##*/} ;;
	esac
done
cd "$directory"
(bash "$command") >$output 2>&1 </dev/null
echo $? >$code
sync
echo o >/proc/sysrq-trigger
sleep 5
GUEST
	} >"$work/guest"
}

boot() {
	local accelerator=${VM_ACCEL:-tcg,thread=multi} cpu=max,la57=off share=()
	case $accelerator in kvm*) cpu=host ;; esac
	[ -z "${VM_OUT:-}" ] || share=(-virtfs "local,path=$(realpath "$VM_OUT"),mount_tag=out,security_model=none")
	# Input that never ends: at its end QEMU's port of standard output counts as closed, and the guest's writes block.
	mkfifo "$work/input"
	exec 9<>"$work/input"
	timeout "${VM_TIMEOUT:-300}" qemu-system-x86_64 -accel "$accelerator" -cpu "${VM_CPU:-$cpu}" -M pc \
		-smp "${VM_SMP:-2}" -m "${VM_MEM:-1536}" -nodefaults -display none -no-reboot \
		-kernel "$image" -initrd "$initramfs" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check rcupdate.rcu_expedited=1 detour_work=$work" \
		-chardev "file,id=console,path=$work/console.log" -serial chardev:console -device virtio-serial-pci \
		-chardev stdio,id=out,signal=off -device virtserialport,chardev=out,name=out \
		-chardev "file,id=code,path=$work/code" -device virtserialport,chardev=code,name=code \
		-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap "${share[@]}" <&9
}

if [ ! -s "$initramfs" ] || [ "$0" -nt "$initramfs" ]; then make_initramfs; fi
write_guest_script
printf '%s\n' "$*" >"$work/command"
: >"$work/code"
status=0
boot || status=$?
[ -z "${VM_VERBOSE:-}" ] || sed 's/^/console| /' "$work/console.log" >&2
code=$(tr -dc 0-9 <"$work/code")
if [ -z "$code" ]; then
	echo "boot: the guest told no exit code (QEMU ended with $status); the end of its console:" >&2
	tail -n 15 "$work/console.log" >&2
	exit 125
fi
exit "$code"

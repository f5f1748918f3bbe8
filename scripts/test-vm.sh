#!/usr/bin/env bash
# Runs the BPF ring (and, without --short, the namespace ring) inside QEMU under a Debian kernel.
#
#   scripts/test-vm.sh [--short] 6.1|6.12 [PATTERN...]
#
# PATTERN: only test files whose path contains one of them, of both rings.
# The kernel comes from Debian's packages into build/vm/, once. The guest sees this file system read-only below an
# overlay, so nothing that the tests write there reaches the host, except the report.
# Environment: REPORT=FILE where vitest's JSON report goes (default build/test/vm-<version>.json), VM_TIMEOUT=SECONDS of
# the whole, VM_ACCEL=kvm|tcg (default: KVM where it boots the kernel, else emulation), VM_SMP=CPUS
set -euo pipefail
cd "$(dirname "$0")/.."

short=
if [ "${1:-}" = --short ]; then short=1; shift; fi
version=${1:?usage: scripts/test-vm.sh [--short] 6.1|6.12 [PATTERN...]}
shift
case $version in
6.1) meta=linux-image-amd64 ;;
6.12) meta=linux-image-6.12-amd64 ;;
*) echo "test-vm: Debian 12 has kernels 6.1 and 6.12, not \"$version\"" >&2; exit 64 ;;
esac
[ "$(id -u)" = 0 ] || { echo "test-vm: booting a guest on the host's file system needs root" >&2; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "test-vm: the kernels used here are for x86-64, this is $(uname -m)" >&2; exit 69; }

kernel=build/vm/$version
report=${REPORT:-build/test/vm-$version.json}

fetch_kernel() {
	local package work
	apt-cache show "$meta" >/dev/null 2>&1 || apt-get update >/dev/null
	package=$(apt-cache depends "$meta" | sed -nE 's/^ *Depends: (linux-image-[0-9].*)/\1/p' | head -n 1)
	[ -n "$package" ] || { echo "test-vm: apt knows no kernel $version" >&2; exit 69; }
	echo "  KERNEL  $package"
	work=$(mktemp -d)
	chmod 755 "$work"
	(cd "$work" && apt-get download "$package" >/dev/null 2>&1) || { echo "test-vm: cannot download $package" >&2; exit 69; }
	rm -rf "$kernel.new" && mkdir -p "$kernel.new"
	dpkg -x "$work"/*.deb "$kernel.new"
	rm -rf "$work" "$kernel" && mv "$kernel.new" "$kernel"
}

[ -n "$(ls "$kernel"/boot/vmlinuz-* 2>/dev/null)" ] || fetch_kernel

# A trial, because not every /dev/kvm boots a distribution's kernel: some are for guests made for them.
if [ -z "${VM_ACCEL:-}" ] && [ -w /dev/kvm ] && VM_ACCEL=kvm VM_TIMEOUT=20 test/vm/boot.sh "$kernel" true >/dev/null 2>&1; then
	export VM_ACCEL=kvm
fi
echo "  VM      kernel $version, ${VM_ACCEL:-emulated}"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
projects="--project bpf"
if [ -n "$short" ]; then
	# What --short leaves out is about user space, or compiles programs of its own: libbpf-ts (libbpf*), the addon
	# (native-*) and the controller's side of the maps (dataplane*). It keeps the packet rows, and that objects load.
	for pattern in 'libbpf*' 'native-*' 'dataplane*'; do projects="$projects --exclude 'test/bpf/$pattern'"; done
else
	projects="$projects --project netns"
fi
# The guest's shell reads them again.
for pattern; do projects="$projects $(printf %q "$pattern")"; done
# JavaScript runs about eight times slower there: for correctness, not for timing.
timeout_s=$([ -n "$short" ] && echo 1800 || echo 5400)
timeouts="--testTimeout=600000 --hookTimeout=600000"
mkdir -p "$(dirname "$report")"
status=0
VM_OUT=$out VM_TIMEOUT=${VM_TIMEOUT:-$timeout_s} VM_MEM=3072 \
	VM_MODS="veth 8021q sch_netem vrf dummy nf_tables nft_chain_nat nft_masq nft_ct nf_conntrack macvlan bridge tun" \
	test/vm/boot.sh "$kernel" \
	"DETOUR_VM=$version DETOUR_SHORT=$short node node_modules/vitest/vitest.mjs run $projects $timeouts --reporter=default --reporter=./test/vm/told-at-once.mjs --reporter=json --outputFile.json=/mnt/out/report.json" ||
	status=$?
if [ -f "$out/report.json" ]; then cp "$out/report.json" "$report"; fi
exit "$status"

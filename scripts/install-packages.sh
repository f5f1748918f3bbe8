#!/bin/sh
# Installs the Debian packages that a target needs; those that are there cost one dpkg query and nothing else.
#
#   scripts/install-packages.sh build          what compiling needs
#   scripts/install-packages.sh build test     ... and what the tests need besides
#
# Works as root, or through sudo. Anywhere but on Debian and Ubuntu it names the packages and leaves them to you.
set -eu

# python3 is what node-gyp runs on; nothing else here brings it along.
build="clang-19 llvm-19 libbpf-dev libelf-dev zlib1g-dev bpftool libmnl-dev g++ make pkg-config python3"
lab="iproute2 iputils-ping nftables procps util-linux ethtool"
lint="clang-format-19"
test="tcpdump python3-scapy openssl"
vm="qemu-system-x86 busybox-static cpio kmod xz-utils zstd"

wanted=
for group in "$@"; do
	case $group in
	build) wanted="$wanted $build" ;;
	lab) wanted="$wanted $lab" ;;
	lint) wanted="$wanted $lint" ;;
	test) wanted="$wanted $test" ;;
	vm) wanted="$wanted $vm" ;;
	*) echo "install-packages: no group \"$group\"; there are build, lab, lint, test, vm" >&2; exit 64 ;;
	esac
done

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "install-packages: this is not a Debian system; install what corresponds to:$missing" >&2
	exit 69
fi

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "install-packages: installing$missing needs root: run make as root" >&2; exit 77; }
	as_root=sudo
fi

echo "  APT    $missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT INT TERM
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { $as_root apt-get update && $as_root apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -20 "$log" >&2
	echo "install-packages: apt-get could not install$missing" >&2
	exit 1
fi

#!/bin/sh
# Builds every native module that this checkout needs: the two FFI packages (installed with ignore-scripts, so npm
# has not compiled them) and, once it exists, the addon in native/. What is up to date is skipped.
#
#   scripts/build-native.sh         quiet, unless something fails
#   V=1 scripts/build-native.sh     the compiler's output as it comes
#   FORCE=1 scripts/build-native.sh rebuilds all of it
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
gyp="$root/node_modules/node-gyp/bin/node-gyp.js"
[ -f "$gyp" ] || { echo "build-native: node_modules/node-gyp is missing; run 'npm ci' first" >&2; exit 1; }

# One build at a time: node-gyp would otherwise write the same objects twice.
exec 9>"$root/node_modules/.build-native.lock"
flock 9

# The headers that came with this node (Debian's libnode-dev, a tarball): no download, no other version's headers.
prefix=$(node -p 'require("path").dirname(require("path").dirname(require("fs").realpathSync(process.execPath)))')
nodedir=${npm_config_nodedir:-$prefix}
if [ ! -f "$nodedir/include/node/node.h" ]; then
	# node-gyp would fetch them from nodejs.org, unasked.
	echo "build-native: $nodedir/include/node has no headers of Node.js; install libnode-dev (Debian's node), or Node" \
		"from a tarball or NodeSource, which have them; or name their place in npm_config_nodedir" >&2
	exit 69
fi

log=$(mktemp)
started=$(mktemp)
trap 'rm -f "$log" "$started"' EXIT INT TERM

# run DIRECTORY COMMAND: node-gyp there; its output is shown only on V=1 or when it fails.
run() {
	directory=$1
	shift
	if [ "${V:-0}" != 0 ]; then
		(cd "$directory" && node "$gyp" "$@" --nodedir="$nodedir")
	elif ! (cd "$directory" && node "$gyp" "$@" --nodedir="$nodedir") >"$log" 2>&1; then
		cat "$log" >&2
		echo "build-native: building ${directory#"$root"/} failed" >&2
		return 1
	fi
}

# stale DIRECTORY STAMP: the stamp (named for node's ABI, so that another node rebuilds) is missing or older than a source.
stale() {
	[ "${FORCE:-0}" = 1 ] && return 0
	[ -f "$2" ] || return 0
	[ -n "$(find "$1" \( -name build -o -name node_modules -o -name test \) -prune -o -type f \
		\( -name '*.c' -o -name '*.cc' -o -name '*.cpp' -o -name '*.h' -o -name binding.gyp \) -newer "$2" -print \
		| head -n 1)" ]
}

stamp_name="detour-$(node -p 'process.versions.modules + "-" + process.arch')"

# build DIRECTORY MODE: "rebuild" from scratch (packages), "incremental" (our addon, which also depends on bpf/abi.h).
build() {
	directory=$1
	mode=$2
	stamp="$directory/build/$stamp_name.stamp"
	stale "$directory" "$stamp" || return 0
	echo "  NATIVE  ${directory#"$root"/}"
	touch "$started"
	if [ "$mode" = incremental ] && [ -f "$directory/build/Makefile" ]; then
		run "$directory" build
	else
		run "$directory" rebuild
	fi
	# As old as the start: a source that was edited meanwhile is newer.
	touch -r "$started" "$stamp"
}

for package in @2060.io/ref-napi ref-napi @2060.io/ffi-napi ffi-napi; do
	if [ -f "$root/node_modules/$package/binding.gyp" ]; then build "$root/node_modules/$package" rebuild; fi
done

if [ -f "$root/native/binding.gyp" ]; then
	# A changed binding.gyp or other node headers need a new configuration; a changed source does not.
	makefile="$root/native/build/Makefile"
	if [ -f "$makefile" ] && [ "$root/native/binding.gyp" -nt "$makefile" ]; then rm -f "$makefile"; fi
	build "$root/native" incremental
fi

#!/bin/sh
# Installs what "make build" built, or removes it; "make install" and "make uninstall" call it.
#
#   DESTDIR=     put before every path, for packagers; nothing is started or asked of the system then
#   PREFIX=      a directory of Detour's own: /opt/detour
#   BINDIR=      where the command goes, a link into PREFIX: /usr/local/bin
#   SYSCONFDIR=  where detour.yaml goes, unless there is one: /etc
#   UNITDIR=     where detour.service and detour-gateway.service go: /etc/systemd/system
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
prefix=${PREFIX:-/opt/detour}
bindir=${BINDIR:-/usr/local/bin}
sysconfdir=${SYSCONFDIR:-/etc}
unitdir=${UNITDIR:-/etc/systemd/system}
destdir=${DESTDIR:-}
target=$destdir$prefix
# Only a directory with this file in it is ever replaced or removed.
marker=.installed-by-make
units='detour.service detour-gateway.service'

fail() {
	code=$1
	shift
	echo "install: $*" >&2
	exit "$code"
}

case $prefix in
/*) ;;
*) fail 64 "PREFIX must begin with a slash, not $prefix" ;;
esac

# copy FILE... DIRECTORY: as the user who installs, readable for all, writable for nobody else.
copy() { cp -R --preserve=mode,timestamps,links "$@"; }

install_all() {
	for file in dist/cli/main.js build/bpf/detour.bpf.o native/build/Release/detour_native.node; do
		[ -f "$root/$file" ] || fail 70 "$file is missing: run \"make build\" first"
	done
	if [ -e "$target" ] && [ ! -e "$target/$marker" ]; then
		fail 64 "$target is there and \"make install\" did not make it: name a directory of Detour's own as PREFIX"
	fi

	# Made beside the old one, which stays whole if that fails.
	new=$target.new
	rm -rf "$new"
	mkdir -p "$new/build/bpf" "$new/native/build/Release" "$new/node_modules"
	: >"$new/$marker"
	copy "$root/bin" "$root/dist" "$root/docs" "$root/contrib" "$root/package.json" "$root/README.md" "$root/LICENSE" "$new"
	# Development only.
	rm -rf "$new/dist/lab" "$new/dist/bench" "$new/dist/.stamp"
	copy "$root"/build/bpf/*.bpf.o "$new/build/bpf"
	copy "$root/native/build/Release/detour_native.node" "$new/native/build/Release"
	# What production needs, by the lock file; asks no registry. The first line is the tree itself.
	packages=$(cd "$root" && npm ls --omit=dev --all --parseable --offline 2>/dev/null | tail -n +2)
	[ -n "$packages" ] || fail 70 'npm does not say which packages are needed: run "npm ls --omit=dev --all"'
	for package in $packages; do
		there=$new${package#"$root"}
		[ ! -e "$there" ] || continue
		mkdir -p "$(dirname "$there")"
		copy "$package" "$there"
	done
	chmod -R u+rwX,go+rX,go-w "$new"
	rm -rf "$target"
	mv "$new" "$target"

	mkdir -p "$destdir$bindir" "$destdir$unitdir" "$destdir$sysconfdir"
	ln -sfn "$prefix/bin/detour" "$destdir$bindir/detour"
	for unit in $units; do
		sed -e "s|/opt/detour|$prefix|g" -e "s|/etc/detour.yaml|$sysconfdir/detour.yaml|g" "$root/contrib/$unit" \
			>"$destdir$unitdir/$unit"
		chmod 0644 "$destdir$unitdir/$unit"
	done
	config=$destdir$sysconfdir/detour.yaml
	if [ -e "$config" ]; then
		echo "  KEPT    $config"
	else
		install -m 0644 "$root/contrib/detour.yaml" "$config"
		echo "  EXAMPLE $config"
	fi
	echo "  COMMAND $destdir$bindir/detour -> $prefix/bin/detour"
	for unit in $units; do echo "  UNIT    $destdir$unitdir/$unit"; done
	[ -n "$destdir" ] || echo "Next: edit $config, \"detour check $config\", \"systemctl daemon-reload\", \"systemctl enable --now detour\"; on a gateway node: docs/gateway-node.md"
}

uninstall_all() {
	if [ -e "$target" ] && [ ! -e "$target/$marker" ]; then fail 64 "$target was not made by \"make install\""; fi
	[ "$(readlink "$destdir$bindir/detour" 2>/dev/null)" != "$prefix/bin/detour" ] || rm -f "$destdir$bindir/detour"
	rm -rf "$target"
	for unit in $units; do rm -f "$destdir$unitdir/$unit"; done
	echo "  REMOVED $target and what leads to it; $destdir$sysconfdir/detour.yaml stays, and /etc/detour and the keys in /var/lib/detour, if there are any"
}

case ${1:-} in
install) install_all ;;
uninstall) uninstall_all ;;
*) fail 64 'install or uninstall?' ;;
esac

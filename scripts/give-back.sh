#!/bin/sh
# After "sudo make ...": what root made in the tree of somebody else is given to them, so that "make test-unit" without
# sudo can go on with it. Otherwise it does nothing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] && [ -n "${SUDO_UID:-}" ] && [ -n "${SUDO_GID:-}" ] || exit 0
# Root's own tree stays root's.
[ "$(stat -c %u "$root")" = "$SUDO_UID" ] || exit 0
for directory in build dist dist.new native/build node_modules; do
	[ ! -d "$root/$directory" ] || find "$root/$directory" -xdev -user 0 -exec chown -h "$SUDO_UID:$SUDO_GID" {} +
done

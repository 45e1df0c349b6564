#!/usr/bin/env bash
# The main job, shown on this machine: see demo.py. Needs root; HOLDFAST_BIN names the folder with the two hubs.
# Whatever ends demo.py, even a kill that it cannot notice, what it made on this machine is taken away here.
set -euo pipefail
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

die() {
	printf 'demo: %s\n' "$*" >&2
	exit 2
}

usage() {
	cat <<'TEXT'
usage: demo.sh [--keep]

  --keep   leave the installation running at the end, to play with, until Ctrl-C
TEXT
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
	# The machines ended with demo.py, which is their processes' parent; cgroups and files are left to remove.
	local id=${WORLD##*/} left _
	for _ in {1..50}; do
		left=$(find /sys/fs/cgroup -depth -type d -path "*/$id-*" 2>/dev/null) || true
		[[ -n $left ]] || break
		xargs rmdir 2>/dev/null <<<"$left" || sleep 0.1 # a killed process may still be on its way out
	done
	rm -rf "$WORLD"
}

main() {
	local status=0
	case ${1:-} in
	'' | --keep) ;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		die "unknown option '$1'"
		;;
	esac
	HOLDFAST_BIN=${HOLDFAST_BIN:-$(readlink -m "$HERE/../../build/bin")}
	export HOLDFAST_BIN
	[[ -x $HOLDFAST_BIN/cloud-hub && -x $HOLDFAST_BIN/edge-hub ]] || die "no hubs in $HOLDFAST_BIN: ./dev build makes them"
	if [[ $EUID -ne 0 ]]; then
		command -v sudo >/dev/null || die "root is needed: the demo makes network namespaces and containers"
		exec sudo --preserve-env=HOLDFAST_BIN,HOLDFAST_TOOLS "$HERE/demo.sh" "$@"
	fi
	WORLD=$(mktemp -d /tmp/holdfast-demo.XXXXXX)
	export HOLDFAST_WORLD=$WORLD
	trap clean_up EXIT
	python3 "$HERE/demo.py" "$@" &
	CHILD=$!
	trap 'kill -TERM "$CHILD" 2>/dev/null || true' INT TERM HUP # it cleans up and ends, and then so do we
	while kill -0 "$CHILD" 2>/dev/null; do
		wait "$CHILD" && status=0 || status=$?
	done
	exit "$status"
}

main "$@"

#!/bin/sh
# Installs what is missing for a purpose, then builds: tools/setup.sh [build|demo|test|bench]
# On Debian 12 or newer with Node 20. Nothing is asked of the network, and no root is needed, where all is there.
set -eu
cd "$(dirname "$0")/.."

purpose=${1:-build}

# The programs that the generator packs into images, and what PID 1 is built with.
packages="wabt gcc binutils libc6-dev libblkid-dev uuid-dev util-linux mount kmod cpio gzip bzip2 xz-utils zstd lz4 lzop tar e2fsprogs"
case $purpose in
build) ;;
demo) packages="$packages qemu-system-x86 mmdebstrap" ;;
test) packages="$packages python3 pigz qemu-system-x86 mmdebstrap fdisk groff-base libcap2-bin acl attr" ;;
bench) packages="$packages qemu-system-x86 mmdebstrap fdisk time" ;;
*)
	echo "usage: $0 [build|demo|test|bench]" >&2
	exit 2
	;;
esac

# Debian 12 has virtiofsd in qemu-system-common, which comes with QEMU; later ones have a package of that name.
case $purpose in
test | bench) [ "$(. /etc/os-release && echo "${VERSION_ID:-}")" = 12 ] || packages="$packages virtiofsd" ;;
esac

fail() {
	echo "$0: $*" >&2
	exit 1
}

# The tests mount file systems, make device nodes and start PID 1 in namespaces of its own.
[ "$purpose" != test ] || [ "$(id -u)" -eq 0 ] || fail "the tests need root: run \"sudo npm test\", or run them in a container as root"

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
for package in $packages; do
	installed "$package" || missing="$missing $package"
done
# The shell of the images: Debian's two busybox packages exclude each other, either one will do.
command -v busybox >/dev/null || missing="$missing busybox-static"

if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || fail "these packages of Debian are missing, and there is no apt-get to install them:$missing"
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null; then
		as_root=sudo
	else
		fail "these packages are missing; install them as root (apt-get install$missing), or install sudo"
	fi
	echo "installing$missing"
	$as_root apt-get update -q=2 || fail "apt-get update failed; needed are:$missing"
	# shellcheck disable=SC2086 # a list of words
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q=2 --no-install-recommends $missing >/dev/null ||
		fail "apt-get install failed; needed are:$missing"
fi

command -v node >/dev/null || fail "Node 20 or newer is missing (Debian 13 has it as the packages nodejs and npm)"
[ "$(node -p 'parseInt(process.versions.node) >= 20')" = true ] || fail "Node 20 or newer is needed, this is $(node --version)"

# The copy says for which lock file npm has finished its work.
if ! cmp -s package-lock.json node_modules/.firstlight-lock.json; then
	npm ci --no-audit --no-fund
	cp package-lock.json node_modules/.firstlight-lock.json
fi
npm run --silent build

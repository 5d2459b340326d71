#!/usr/bin/env bash
# Installs the Debian packages that are missing.
#
# usage: Tools/needs.sh [build|up|test]
#
# build  what compiling needs
# up     that, and what the sample application is made of
# test   all (the default): also the peers that the tests run against
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }

build=(gcc libarchive-dev libseccomp-dev libsqlite3-dev pkg-config zlib1g-dev)
up=(busybox-static ca-certificates curl docker-registry python3 python3-venv redis-server)
test=(buildah containerd containernetworking-plugins crun etcd-server iproute2 jq nftables nginx-light openssl
  libgrpc-dev libprotobuf-c-dev procps protobuf-c-compiler protobuf-compiler runc shellcheck skopeo umoci util-linux wrk)
case "${1:-test}" in
  build) wanted=("${build[@]}") ;;
  up) wanted=("${build[@]}" "${up[@]}") ;;
  test) wanted=("${build[@]}" "${up[@]}" "${test[@]}") ;;
  *) echo "needs.sh: unknown set \"$1\"; build, up or test" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2> /dev/null | grep -q '^installed$' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || { echo "needs.sh: run as root to install: ${missing[*]}" >&2; exit 1; }

echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
# Services of the packages are not wanted: nothing is started by installing.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{ apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 || {
  tail -20 "$log" >&2
  rm -f "$log"
  exit 1
}
rm -f "$log"

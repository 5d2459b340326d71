#!/usr/bin/env bash
# Lays the programs out, so that any one of them can stand in the place of its counterpart.
#
# usage: Tools/install.sh DESTDIR PREFIX CONFIGURATION
#
# PREFIX/bin/apus, PREFIX/libexec/apus/{apus-shim,apus-init,apus-oci,apus-cni}, /opt/cni/bin/<plugin>,
# PREFIX/lib/systemd/system/apus*.service.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
cd "$(dirname "$(readlink -f "$0")")/.."
destination=$1 prefix=$2 configuration=$3
built=.build/$configuration
for program in apus apus-shim apus-init apus-oci apus-cni; do
  [ -x "$built/$program" ] || swift build --configuration "$configuration" --product "$program"
done

install -D --mode=755 --strip "$built/apus" "$destination$prefix/bin/apus"
for program in apus-shim apus-init apus-oci apus-cni; do
  install -D --mode=755 --strip "$built/$program" "$destination$prefix/libexec/apus/$program"
done
install --directory "$destination/opt/cni/bin"
install --mode=755 --strip "$built/apus-cni" "$destination/opt/cni/bin/bridge"
for plugin in bandwidth firewall host-local loopback portmap ptp static tuning; do
  ln --force "$destination/opt/cni/bin/bridge" "$destination/opt/cni/bin/$plugin"
done
for unit in deploy/systemd/*.service; do
  install --directory "$destination$prefix/lib/systemd/system"
  sed "s|@PREFIX@|$prefix|g" "$unit" > "$destination$prefix/lib/systemd/system/$(basename "$unit")"
done
echo "installed below $destination$prefix"

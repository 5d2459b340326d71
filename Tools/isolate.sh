#!/usr/bin/env bash
# Runs a command as root in network, mount, PID and IPC namespaces of its own, with a /run of its own.
#
# usage: Tools/isolate.sh COMMAND [ARG...]
#
# When the command ends, everything goes with it: processes, mounts, links, packet filter rules, ports.
# Control groups are not isolated.
set -euo pipefail
[ $# -gt 0 ] && [ "$1" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
if [ -z "${APUS_ISOLATED:-}" ]; then
  [ "$(id -u)" = 0 ] || { echo "isolate.sh: needs root" >&2; exit 1; }
  exec env APUS_ISOLATED=1 unshare --net --mount --pid --ipc --fork --kill-child --mount-proc "$0" "$@"
fi
mount -t tmpfs -o mode=755 tmpfs /run
for folder in /var/lib/cni /var/lib/kubelet; do
  if [ -d "$folder" ]; then mount -t tmpfs -o mode=755 tmpfs "$folder"; fi
done
mount --make-rshared /
ip link set lo up
# As PID 1 of the namespaces this shell stays, and reaps what is orphaned.
"$@"

#!/usr/bin/env bash
# Runs README's `make up` twice and `make down`, in namespaces of their own but on this machine's file system, and
# compares what the machine holds before and after.
#
# usage: Tests/Integration/make_up.sh
#
# Fails when the second `make up` changes anything, when the guestbook does not keep a message, or when
# something of the cluster is left. SKIP_BUILD=1 takes what is built already.
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."

if [ -z "${APUS_ISOLATED:-}" ]; then
  if [ -e /etc/kubernetes/admin.conf ]; then
    echo "make_up.sh: this machine runs a cluster; take it down with \`make down\` first" >&2
    exit 1
  fi
  exec Tools/isolate.sh "$0"
fi
# shellcheck source=Tests/machine.sh
. Tests/machine.sh
node_address

# As on a machine that has a disk for its pods: its mount point stays.
kubelet=/var/lib/kubelet made=
if ! mountpoint --quiet $kubelet; then
  [ -d $kubelet ] || { mkdir $kubelet; made=$kubelet; }
  mount -t tmpfs -o mode=755 tmpfs $kubelet
fi

work=$(mktemp -d /tmp/apus-make-up.XXXXXX)
finish() {
  status=$?
  make --no-print-directory down || status=1
  mountpoint --quiet $kubelet || { echo "make_up.sh: \`make down\` took a mount point away" >&2; status=1; }
  python3 "$here/census.py" --inside --default-root "$work" > "$work/after"
  # What an earlier cluster had left and `make down` cleared away as well is no fault.
  if LC_ALL=C comm -13 "$work/before" "$work/after" | grep .; then
    echo "make_up.sh: \`make down\` left this behind" >&2
    status=1
  fi
  [ -z "$made" ] || { umount $made && rmdir $made; }
  rm -rf "$work"
  exit $status
}
python3 "$here/census.py" --inside --default-root "$work" > "$work/before"
trap finish EXIT

make --no-print-directory up
kubectl=$(Tools/kubectl.sh)
export KUBECONFIG=/etc/kubernetes/admin.conf
# What a second run must not change: every object's identity and specification, and every container's start.
state() {
  "$kubectl" get deployments,services,pods,nodes,secrets,configmaps --all-namespaces --sort-by=.metadata.uid \
    -o jsonpath='{range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation} {.status.containerStatuses[*].containerID}{"\n"}{end}'
}
state > "$work/first"
begin=$SECONDS
make --no-print-directory up
took=$((SECONDS - begin))
state > "$work/second"
diff "$work/first" "$work/second" || { echo "make_up.sh: the second \`make up\` changed something" >&2; exit 1; }
[ "$took" -le 30 ] || { echo "make_up.sh: the second \`make up\` took $took s" >&2; exit 1; }
url=http://10.240.0.1:30001/guestbook.php
curl --silent --fail --get --data-urlencode cmd=get --data-urlencode key=messages "$url" | grep --quiet "hello from Apus" ||
  { echo "make_up.sh: the guestbook has lost its message" >&2; exit 1; }
echo "make_up.sh: up, up again ($took s) and down are fine"

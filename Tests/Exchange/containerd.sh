#!/usr/bin/env bash
# Debian's containerd as a container runtime with a folder of its own; the socket is FOLDER/containerd.sock.
#
# usage: Tests/Exchange/containerd.sh start FOLDER CNI-BIN-DIR CNI-CONF-DIR REGISTRY
#        Tests/Exchange/containerd.sh stop FOLDER
set -euo pipefail
folder=${2:-}
case ${1:-} in
  start)
    mkdir -p "$folder"
    cat > "$folder/config.toml" <<END
version = 2
root = "$folder/root"
state = "$folder/state"
[grpc]
  address = "$folder/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$5/pause:v1"
  # Containers with a lower score than containerd's own need a capability that a container of CI lacks.
  restrict_oom_score_adj = true
  # The handler "apus" is containerd's own shim with our runtime in the place of runc.
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.apus]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.apus.options]
      BinaryName = "$(dirname "${APUS:-}")/apus-oci"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$3"
    conf_dir = "$4"
  [plugins."io.containerd.grpc.v1.cri".registry.mirrors."$5"]
    endpoint = ["http://$5"]
END
    setsid containerd --config "$folder/config.toml" > "$folder/containerd.log" 2>&1 < /dev/null &
    echo $! > "$folder/pid"
    for _ in $(seq 200); do
      if [ -S "$folder/containerd.sock" ]; then exit 0; fi
      sleep 0.05
    done
    tail -n 20 "$folder/containerd.log" >&2
    exit 1
    ;;
  stop)
    [ -f "$folder/pid" ] || exit 0
    pid=$(cat "$folder/pid")
    if [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = containerd ]; then
      kill "$pid"
      tail --pid="$pid" -f /dev/null
    fi
    ;;
  *) sed -n '2,/^set/s/^# \?//p' "$0"; exit 2 ;;
esac

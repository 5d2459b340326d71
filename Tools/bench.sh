#!/usr/bin/env bash
# Measures Apus: pods, start, memory, the runtime, the network, the API, scheduling, Services, volumes. Every
# benchmark runs in namespaces of its own and leaves nothing behind.
#
# usage: Tools/bench.sh [-o json] [--smoke] [--list] [NAME...]
#
# A NAME measures that alone; --list tells the names. The results go to Benchmarks/results.json and results.md and are
# printed beside the figures of the reference parts; --smoke takes a few seconds each and keeps nothing.
# Environment: APUS (the executable, .build/release/apus), KEEP=1 leaves the folders with the logs behind, PEERS_BIN
# (a folder with kube-apiserver, kube-scheduler, cni/...) measures the reference parts in the same run; containerd and
# the CNI plugins are then taken from Debian where the folder has none.
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
cd "$(dirname "$(readlink -f "$0")")/.."
[ "$(id -u)" = 0 ] || { echo "bench.sh: needs root" >&2; exit 1; }
Tools/needs.sh
python=$(Tools/python.sh grpcio protobuf PyYAML)
for program in apus apus-shim apus-init apus-cni; do
  built=$(dirname "${APUS:-$PWD/.build/release/apus}")/$program
  [ -x "$built" ] || { echo "bench.sh: $built is not there; run \`make build\` first" >&2; exit 1; }
done
export PYTHONDONTWRITEBYTECODE=1
exec "$python" Benchmarks/bench.py "$@"

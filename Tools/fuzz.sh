#!/usr/bin/env bash
# Feeds everything that reads outside input with generated and damaged input, two subjects at a time.
#
# usage: FUZZ_SECONDS=60 FUZZ_SEED=1 Tools/fuzz.sh [SUBJECT...]
#
# Without subjects all are run, each for so many seconds (10). The seed is the time when none is given: what fails
# says which seed and case it was, and how to run that case again.
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
cd "$(dirname "$(readlink -f "$0")")/.."
export FUZZ_SECONDS=${FUZZ_SECONDS:-10} FUZZ_SEED=${FUZZ_SEED:-$(date +%s)}
program=.build/release/apus-fuzz
[ -x "$program" ] || { echo "fuzz.sh: $program is missing: make build" >&2; exit 2; }
[ $# -gt 0 ] || mapfile -t subjects < <("$program")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export FUZZ_PROGRAM=$program TMPDIR=$folder SWIFT_BACKTRACE=enable=no
# shellcheck disable=SC2016
printf '%s\n' "${@:-${subjects[@]}}" | xargs --max-procs=2 --replace={} sh -c \
  'timeout --kill-after=5 $((FUZZ_SECONDS + 120)) "$FUZZ_PROGRAM" {} --seconds="$FUZZ_SECONDS" --seed="$FUZZ_SEED" 2>&1 ||
   { echo "fuzz {}: ended with $?, seed $FUZZ_SEED"; exit 1; }'

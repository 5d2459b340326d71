#!/usr/bin/env bash
# Feeds everything that reads outside input with generated and damaged input, two subjects at a time.
#
# usage: SECONDS=60 SEED=1 Tools/fuzz.sh [SUBJECT...]
#
# Without subjects all are run, each for so many seconds (10). SEED is the time when it is not given: what fails says
# which seed and case it was, and how to run that case again.
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
cd "$(dirname "$(readlink -f "$0")")/.."
# bash counts SECONDS up; what was given is in the environment of the process.
seconds=$(tr '\0' '\n' < "/proc/$$/environ" | sed -n 's/^SECONDS=//p')
export FUZZ_SECONDS=${seconds:-10} FUZZ_SEED=${SEED:-$(date +%s)}
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

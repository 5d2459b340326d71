#!/usr/bin/env bash
# The rules of the house that need no build: format, shell scripts, unfinished marks, stray files.
#
# usage: Tools/check.sh
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
cd "$(dirname "$(readlink -f "$0")")/.."
failed=0
complain() { echo "check.sh: $1" >&2; failed=1; }

if command -v shellcheck > /dev/null; then
  git ls-files -z "*.sh" .ci/run | xargs -0 shellcheck --severity=warning || failed=1
fi
if git grep --line-number --word-regexp --extended-regexp 'TODO|FIXME|XXX' -- Sources Tests Tools deploy ':!*/Generated/*' ':!Tools/check.sh'; then
  complain "unfinished marks"
fi
if git ls-files | grep --quiet ' '; then complain "spaces in a path"; fi
if git ls-files | grep --extended-regexp '^(Package\.resolved|\.build)'; then complain "build products are committed"; fi
for file in $(git ls-files 'Sources/*.swift' 'Tests/*.swift' | grep -v /Generated/); do
  [ ! -f "$file" ] || head -n 1 "$file" | grep --quiet 'SPDX-License-Identifier: Apache-2.0' || complain "$file lacks the license line"
done
[ $failed = 0 ] && echo "check: fine"
exit $failed

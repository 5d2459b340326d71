#!/usr/bin/env bash
# Everything that CI runs: the rules of the house, one build, unit tests, the recorded conversations, and the
# whole system with real peers. Each step says how long it took.
#
# usage: Tools/test.sh [STEP...]
#
# Steps: check build unit fuzz golden system exchange up bench
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
cd "$(dirname "$(readlink -f "$0")")/.."
[ $# -gt 0 ] || set -- check build unit fuzz golden system exchange up bench

passed=0 failed=() log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
step() { # NAME COMMAND...
  local name=$1 begin=$SECONDS; shift
  printf '\n== %s\n' "$name"
  if "$@" 2>&1 | tee "$log/$name"; then
    passed=$((passed + 1))
    printf '== %s: passed in %d s\n' "$name" $((SECONDS - begin))
  else
    failed+=("$name")
    printf '== %s: FAILED after %d s\n' "$name" $((SECONDS - begin))
  fi
}
# The clients that some of the unit tests run.
unit_tests() {
  # The suites are told, and of their tests what does not pass. One test after another: many enter namespaces or use
  # all processors for a while, and would keep others, which know times, from their threads.
  KUBECTL=$(Tools/kubectl.sh) APUS_PYTHON=$(Tools/python.sh websocket-client) \
    swift test --configuration release --skip-build --no-parallel 2>&1 | { grep -vE '^(◇|✔ Test .*passed after)' || true; }
}
Tools/needs.sh
for name in "$@"; do
  case $name in
    check) step check Tools/check.sh ;;
    build) step build make --no-print-directory build ;;
    unit) step unit unit_tests ;;
    # The same cases every time; `make fuzz` takes new ones.
    fuzz) step fuzz env FUZZ_SECONDS=60 FUZZ_SEED=1 Tools/fuzz.sh ;;
    golden) step golden Tools/golden.sh ;;
    system)
      step system Tests/Integration/run.sh
      step "separate clusters" Tests/Integration/separate.sh
      ;;
    exchange)
      step exchange Tests/Exchange/run.sh
      step daemons Tests/Exchange/daemons.sh
      ;;
    up) step up env SKIP_BUILD=1 Tests/Integration/make_up.sh ;;
    bench) step bench Tools/bench.sh --smoke ;;
    *) echo "test.sh: unknown step \"$name\"" >&2; exit 2 ;;
  esac
  # Without a build nothing else can say anything.
  [ "$name" != build ] || [ ${#failed[@]} = 0 ] || break
done
echo
if [ ${#failed[@]} != 0 ]; then
  for name in "${failed[@]}"; do
    printf '== %s failed; its last lines:\n' "$name"
    tail -n 25 "$log/$name" | cut -c1-300
  done
  echo "$passed steps passed, ${#failed[@]} failed: ${failed[*]}"
  exit 1
fi
echo "$passed steps passed, none failed"

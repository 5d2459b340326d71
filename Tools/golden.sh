#!/usr/bin/env bash
# Replays the recorded API conversations against a fresh API server and prints the counts.
#
# usage: Tools/golden.sh [--record] [--only REGEX]
#
# Fails when a scenario of Tests/Golden/passing.txt does not pass. --record adds what passes to that list;
# nothing is ever taken from it. The recordings stand beside the repository, in ../shared/golden.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
record='' only=''
while [ $# -gt 0 ]; do
  case $1 in
    --record) record=1 ;;
    --only) only=$2; shift ;;
    *) sed -n '2,/^set/s/^# \?//p' "$0"; exit 2 ;;
  esac
  shift
done
golden=${GOLDEN:-$PWD/../shared/golden}
[ -d "$golden" ] || { echo "golden.sh: no recordings at $golden; name their folder in GOLDEN" >&2; exit 1; }
apus=${APUS:-$PWD/.build/release/apus}
[ -x "$apus" ] || { echo "golden.sh: $apus is not there; run \`make build\` first" >&2; exit 1; }

if [ -z "${APUS_ISOLATED:-}" ]; then
  Tools/kubectl.sh > /dev/null
  exec Tools/isolate.sh "$0" ${record:+--record} ${only:+--only "$only"}
fi

work=$(mktemp -d /tmp/apus-golden.XXXXXX)
token=golden-$RANDOM$RANDOM
# The recorded answers name the address and the port of the server that gave them.
address=192.0.2.10 port=16443
server=https://127.0.0.1:$port
trap 'kill $! 2> /dev/null || true; rm -rf "$work"' EXIT
echo "$token,admin,admin-uid,\"system:masters\"" > "$work/tokens.csv"
openssl genrsa -out "$work/sa.key" 2048 2> /dev/null
"$apus" apiserver --data-dir="$work/data" --cert-dir="$work" --secure-port=$port --bind-address=127.0.0.1 \
  --advertise-address=$address \
  --token-auth-file="$work/tokens.csv" --authorization-mode=Node,RBAC \
  --service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/108 \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-key-file="$work/sa.key" --service-account-signing-key-file="$work/sa.key" \
  > "$work/apiserver.log" 2>&1 &
for _ in $(seq 200); do
  curl --silent --insecure --output /dev/null --fail "$server/readyz" && break
  kill -0 $! 2> /dev/null || { cat "$work/apiserver.log" >&2; exit 1; }
  sleep 0.05
done

replay() { # KIND COMMAND...
  local kind=$1; shift
  "$@" --server "$server" --token "$token" --insecure --jobs 2 ${only:+--only "$only"} > "$work/$kind.txt" 2>&1 || true
  printf '%-8s %s\n' "$kind" "$(tail -n 1 "$work/$kind.txt")"
  sed -n 's/^PASS \([^ ]*\).*/\1/p' "$work/$kind.txt" | sed "s|^|$kind/|" >> "$work/passing"
}
replay api python3 "$golden/replay.py" "$golden/api"
replay kubectl python3 "$golden/kubectl_replay.py" --kubectl "$(Tools/kubectl.sh)" "$golden/kubectl"
[ -z "${GOLDEN_REPORT:-}" ] || cat "$work/api.txt" "$work/kubectl.txt" > "$GOLDEN_REPORT"
[ -z "$only" ] || grep --no-filename '^FAIL' "$work/api.txt" "$work/kubectl.txt" || true

list=Tests/Golden/passing.txt
mkdir -p Tests/Golden
touch "$list"
sort -u "$work/passing" -o "$work/passing"
if [ -n "$record" ]; then
  sort -u "$work/passing" "$list" -o "$list"
fi
[ -z "$only" ] || exit 0
lost=$(comm -13 "$work/passing" <(sort -u "$list"))
if [ -n "$lost" ]; then
  printf 'golden.sh: these passed before and do not pass now:\n%s\n' "$lost" >&2
  # Where each of them differs.
  for name in $lost; do
    sed -n "/^FAIL ${name#*/} /,/^\(PASS\|FAIL\) /p" "$work/${name%%/*}.txt" | head -n 20 | cut -c1-300 >&2
  done
  exit 1
fi
echo "golden: $(wc -l < "$work/passing") scenarios pass, $(wc -l < "$list") are held"

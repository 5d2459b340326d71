#!/usr/bin/env bash
# Builds Apus, boots a one-node cluster on this machine, and runs the guestbook on it. Doing it again is quick
# and changes nothing.
#
# usage: Tools/up.sh
#
# Environment: APUS_FLAGS, more flags for `apus up`; SKIP_BUILD=1 takes what is built already.
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
cd "$(dirname "$(readlink -f "$0")")/.."
say() { printf '%s\n' "$*"; }
read -ra flags <<< "${APUS_FLAGS:-}"

[ "$(id -u)" = 0 ] || { echo "up.sh: needs root" >&2; exit 1; }
Tools/needs.sh up
if [ -z "${SKIP_BUILD:-}" ]; then
  command -v swift > /dev/null || { echo "up.sh: needs a Swift 6.3 toolchain in PATH" >&2; exit 1; }
  say "building (the first time takes some minutes)"
  for product in apus-shim apus-init apus-oci apus-cni apus; do
    swift build --configuration release --product "$product" 2>&1 | grep --line-buffered -E '^(error|.*: error:)|Compiling|Build of' |
      awk '/error/ {print; next} {n++; if (n % 50 == 0) {print "  " n " steps"; fflush()}}' || true
    [ -x ".build/release/$product" ] || { echo "up.sh: $product was not built; run \`make build\` to see why" >&2; exit 1; }
  done
fi
apus=$PWD/.build/release/apus

Tools/registry.sh start
say "preparing the images of the sample application"
Tools/images/build.py --push 127.0.0.1:5000 redis guestbook

"$apus" up "${flags[@]}"
export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl=$(Tools/kubectl.sh)
say "deploying the guestbook"
"$kubectl" apply -f deploy/guestbook/guestbook.yaml
for deployment in redis-leader redis-follower frontend; do
  "$kubectl" rollout status "deployment/$deployment" --timeout=120s
done

node=$("$kubectl" get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
url=http://$node:30001
message="hello from Apus at $(date --utc +%H:%M:%S)"
curl --silent --show-error --fail --get --data-urlencode cmd=set --data-urlencode key=messages \
  --data-urlencode "value=$message" "$url/guestbook.php" > /dev/null
shown=0
for _ in $(seq 50); do
  # Several connections, so that every front end is asked.
  shown=0
  for _ in $(seq 9); do
    if curl --silent --fail "$url/guestbook.php?cmd=get&key=messages" | grep --quiet --fixed-strings "$message"; then shown=$((shown + 1)); fi
  done
  [ $shown -lt 9 ] || break
  sleep 0.1
done
[ $shown = 9 ] || { echo "up.sh: only $shown of 9 answers of $url show the message" >&2; exit 1; }
say
say "the guestbook answers at $url and every front end shows \"$message\""
say "use it:  export KUBECONFIG=/etc/kubernetes/admin.conf; $kubectl get pods -o wide"
say "end it:  make down"

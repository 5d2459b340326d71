#!/usr/bin/env bash
# Each daemon alone: starts etcd, our API server, controller manager, scheduler, container runtime, kubelet and proxy one
# by one, with no flags and files but those that their upstream counterparts take, certificates made by openssl and
# Debian's CNI plugins; asks each how it is at the address where upstream's probes ask, and runs an application.
#
# usage: Tests/Exchange/daemons.sh
#
# Environment: APUS (the executable, .build/release/apus), LOGS names the folder for the logs of a run that failed.
set -euo pipefail
[ $# -eq 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
here=$(dirname "$(readlink -f "$0")")
cd "$here/../.."
export APUS=${APUS:-$PWD/.build/release/apus}

if [ -z "${APUS_ISOLATED:-}" ]; then
  Tools/needs.sh
  tools=$(dirname "$(Tools/kubectl.sh)")
  folder=$(mktemp -d /tmp/apus-alone.XXXXXX)
  export APUS_TEST_ROOT=$folder PATH=$tools:$PATH
  status=0
  Tools/isolate.sh "$0" || status=$?
  if [ $status != 0 ]; then
    mkdir -p "${LOGS:-/tmp/apus-exchange-logs}"
    cp "$folder"/*.log "${LOGS:-/tmp/apus-exchange-logs}/"
    echo "daemons.sh: the logs are in ${LOGS:-/tmp/apus-exchange-logs}" >&2
  fi
  rm -rf "$folder"
  exit $status
fi

repository=$PWD
cd "$APUS_TEST_ROOT"
d=$PWD ip=10.240.0.1 name=alone
# shellcheck source=Tests/machine.sh
. "$repository/Tests/machine.sh"
node_address
echo 1 > /proc/sys/net/ipv4/ip_forward
# The places that cannot be chosen.
mount -t tmpfs tmpfs /var/log
mkdir -p "$d/kubelet" net.d /var/log/pods /var/log/containers
echo "nameserver 192.0.2.1" > resolv.conf

certificate() { # NAME SUBJECT [EXTENSION]
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$1.key" -out "$1.csr" 2> /dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -days 2 -out "$1.crt" 2> /dev/null \
    -extfile <(printf '%s' "${3:-extendedKeyUsage=clientAuth}")
}
user() { # NAME SUBJECT
  certificate "$1" "$2"
  cat > "$1.kubeconfig" <<END
{apiVersion: v1, kind: Config, current-context: it,
 clusters: [{name: it, cluster: {server: "https://$ip:6443", certificate-authority: "$d/ca.crt"}}],
 users: [{name: me, user: {client-certificate: "$d/$1.crt", client-key: "$d/$1.key"}}],
 contexts: [{name: it, context: {cluster: it, user: me}}]}
END
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=alone-ca -keyout ca.key -out ca.crt 2> /dev/null
certificate apiserver /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,IP:$ip,IP:10.96.0.1,DNS:kubernetes.default.svc"
certificate apiserver-kubelet /O=system:masters/CN=apiserver-kubelet
openssl genrsa -out sa.key 2048 2> /dev/null
user admin /O=system:masters/CN=admin
user kcm /CN=system:kube-controller-manager
user scheduler /CN=system:kube-scheduler
user kubelet "/O=system:nodes/CN=system:node:$name"
user proxy /CN=system:kube-proxy

cat > kubelet.yaml <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /apus-alone
containerRuntimeEndpoint: unix://$d/runtime.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$d/ca.crt"}}
authorization: {mode: Webhook}
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: $d/resolv.conf
volumePluginDir: $d/volume-plugins
oomScoreAdj: 0
END
cat > proxy.yaml <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: "$d/proxy.kubeconfig"}
hostnameOverride: $name
clusterCIDR: 10.251.0.0/16
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
cat > net.d/10-alone.conflist <<END
{"cniVersion": "1.0.0", "name": "alone", "plugins": [
  {"type": "bridge", "bridge": "alone0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$d/ipam", "ranges": [[{"subnet": "10.251.0.0/16"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "tuning"}]}
END

started=()
start() { # NAME COMMAND...
  local log=$1.log
  shift
  "$@" > "$log" 2>&1 &
  started+=($!)
}
finish() {
  status=$?
  # The control plane, the kubelet and the proxy first, then what they call.
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    kill "${started[i]}" 2> /dev/null || continue
    # etcd, the first, ends with its signal's status.
    wait "${started[i]}" || [ "$i" = 0 ] || { echo "daemons.sh: process $i ended with status $?" >&2; status=1; }
  done
  "$repository/Tools/registry.sh" stop "$d/registry" 127.0.0.1:5000
  find /sys/fs/cgroup -depth -type d -path '*/apus-alone*' -exec rmdir {} + 2> /dev/null || true
  exit $status
}
trap finish EXIT
await() { # WHAT COMMAND...: it comes true within 30 seconds
  local what=$1 deadline=$((SECONDS + 30))
  shift
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "daemons.sh: $what did not come true" >&2; exit 1; }
    sleep 0.05
  done
  echo "$what"
}
healthy() { [ "$(curl --silent --fail --insecure "$1")" = ok ]; }

"$repository/Tools/registry.sh" start "$d/registry" 127.0.0.1:5000
"$repository/Tools/images/build.py" --push 127.0.0.1:5000 busybox > images.log
start etcd etcd --data-dir=etcd --logger=zap --log-level=warn --listen-client-urls=http://127.0.0.1:2379 \
  --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380
start apiserver "$APUS" apiserver --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 --advertise-address=$ip \
  --tls-cert-file="$d/apiserver.crt" --tls-private-key-file="$d/apiserver.key" --client-ca-file="$d/ca.crt" \
  --kubelet-client-certificate="$d/apiserver-kubelet.crt" --kubelet-client-key="$d/apiserver-kubelet.key" \
  --service-account-key-file="$d/sa.key" --service-account-signing-key-file="$d/sa.key" \
  --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.96.0.0/16 \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true --cert-dir="$d"
await "the API server is ready" healthy https://$ip:6443/readyz
start controller-manager "$APUS" controller-manager --kubeconfig="$d/kcm.kubeconfig" \
  --authentication-kubeconfig="$d/kcm.kubeconfig" --authorization-kubeconfig="$d/kcm.kubeconfig" \
  --service-account-private-key-file="$d/sa.key" --root-ca-file="$d/ca.crt" --cluster-signing-cert-file="$d/ca.crt" \
  --cluster-signing-key-file="$d/ca.key" --use-service-account-credentials=true --bind-address=127.0.0.1 --cert-dir="$d"
start scheduler "$APUS" scheduler --kubeconfig="$d/scheduler.kubeconfig" \
  --authentication-kubeconfig="$d/scheduler.kubeconfig" --authorization-kubeconfig="$d/scheduler.kubeconfig" \
  --bind-address=127.0.0.1 --cert-dir="$d"
start runtime "$APUS" runtime --address="unix://$d/runtime.sock" --root="$d/runtime" --state="$d/state" \
  --cni-conf-dir="$d/net.d" --cni-bin-dir=/usr/lib/cni
start kubelet "$APUS" kubelet --kubeconfig="$d/kubelet.kubeconfig" --config="$d/kubelet.yaml" --root-dir="$d/kubelet" \
  --hostname-override=$name --node-ip=$ip --cert-dir="$d/kubelet-pki"
start proxy "$APUS" proxy --config="$d/proxy.yaml"
await "the controller manager is healthy" healthy https://127.0.0.1:10257/healthz
await "the scheduler is healthy" healthy https://127.0.0.1:10259/livez
await "the kubelet is healthy" healthy http://127.0.0.1:10248/healthz
await "the proxy is healthy" curl --silent --fail http://127.0.0.1:10256/healthz

export KUBECONFIG=$d/admin.kubeconfig
await "the node is registered" kubectl get node $name
kubectl wait --for=condition=Ready node/$name --timeout=30s
await "the default service account is there" kubectl get serviceaccount default
await "the first Service is in the kernel" sh -c 'nft list table ip kube-proxy | grep -q 10.96.0.1'
for lease in kube-node-lease/$name kube-system/kube-scheduler kube-system/kube-controller-manager; do
  await "the lease $lease is held" sh -c "kubectl get lease -n ${lease%/*} ${lease#*/} -o jsonpath={.spec.holderIdentity} | grep -q ."
done
kubectl create deployment web --image=127.0.0.1:5000/busybox:v1 --replicas=2 -- \
  sh -c 'hostname > /tmp/index.html; exec httpd -f -p 80 -h /tmp'
kubectl expose deployment web --port=80
kubectl rollout status deployment/web --timeout=40s
address=$(kubectl get service web --output=jsonpath='{.spec.clusterIP}')
await "the Service answers" curl --silent --fail --max-time 2 "http://$address/"
kubectl exec deployment/web -- hostname
kubectl delete service,deployment web
kubectl delete pod --selector=app=web --grace-period=1 --timeout=30s
echo "daemons.sh: fine"

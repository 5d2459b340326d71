#!/usr/bin/env bash
# Three members of Debian's etcd on loopback addresses, with TLS for clients and among themselves.
#
# usage: Tests/Exchange/etcd.sh start|stop FOLDER    all members; start makes the certificates
#        Tests/Exchange/etcd.sh member FOLDER N      starts member N (1 to 3) again
#        Tests/Exchange/etcd.sh kill FOLDER N        kills member N
#        Tests/Exchange/etcd.sh endpoints            prints the clients' URLs
#
# Each member shows a certificate for its own name alone: 1 and 2 for an address, 3 for localhost.
set -euo pipefail
hosts=(127.0.0.1 127.0.0.2 localhost) ports=(2379 2379 22379)
names=(IP:127.0.0.1 IP:127.0.0.2 DNS:localhost)
url() { echo "https://${hosts[$1]}:${ports[$1]}"; }

certificate() { # NAME SUBJECT-ALTERNATIVE-NAMES
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2> /dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -days 2 -out "$1.crt" 2> /dev/null \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth' "$2")
}

member() { # FOLDER N
  local i=$(($2 - 1)) listen=${hosts[$(($2 - 1))]/localhost/127.0.0.1}
  setsid etcd --name="m$2" --data-dir="$1/m$2" --logger=zap --log-level=warn \
    --listen-client-urls="https://$listen:${ports[$i]}" --advertise-client-urls="$(url $i)" \
    --listen-peer-urls="https://127.0.0.1:2380$2" --initial-advertise-peer-urls="https://127.0.0.1:2380$2" \
    --initial-cluster=m1=https://127.0.0.1:23801,m2=https://127.0.0.1:23802,m3=https://127.0.0.1:23803 \
    --trusted-ca-file="$1/ca.crt" --client-cert-auth --cert-file="$1/m$2.crt" --key-file="$1/m$2.key" \
    --peer-trusted-ca-file="$1/ca.crt" --peer-client-cert-auth --peer-cert-file="$1/peer.crt" --peer-key-file="$1/peer.key" \
    >> "$1/m$2.log" 2>&1 < /dev/null &
  echo $! > "$1/m$2.pid"
}

end() { # SIGNAL PIDFILE
  local pid
  [ -f "$2" ] || return 0
  pid=$(cat "$2")
  rm "$2"
  if [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = etcd ]; then
    kill "-$1" "$pid"
    tail --pid="$pid" -f /dev/null
  fi
}

case ${1:-} in
  endpoints) echo "$(url 0),$(url 1),$(url 2)" ;;
  start)
    mkdir -p "$2"
    cd "$2"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=etcd-ca \
      -keyout ca.key -out ca.crt 2> /dev/null
    for i in 0 1 2; do certificate "m$((i + 1))" "${names[$i]}"; done
    certificate peer IP:127.0.0.1
    certificate client DNS:client
    for n in 1 2 3; do member "$2" $n; done
    ;;
  member) member "$2" "$3" ;;
  kill) end KILL "$2/m$3.pid" ;;
  stop) for n in 1 2 3; do end TERM "$2/m$n.pid"; done ;;
  *) sed -n '2,/^set/s/^# \?//p' "$0"; exit 2 ;;
esac

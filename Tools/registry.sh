#!/usr/bin/env bash
# Starts and stops the local image registry of the sample application and of the tests.
#
# usage: Tools/registry.sh start|stop [FOLDER] [ADDRESS]
#
# FOLDER (/var/lib/apus-registry) holds the images, the process id and the log; ADDRESS is 127.0.0.1:5000.
# Starting it twice is fine. stop also removes FOLDER.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
folder=${2:-/var/lib/apus-registry} address=${3:-127.0.0.1:5000}
answers() { curl --silent --fail --output /dev/null --max-time 2 "http://$address/v2/"; }
case $1 in
  start)
    if answers; then exit 0; fi
    mkdir -p "$folder/data"
    cat > "$folder/config.yml" <<END
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: "$folder/data"}, delete: {enabled: true}}
http: {addr: "$address"}
END
    setsid docker-registry serve "$folder/config.yml" > "$folder/log" 2>&1 < /dev/null &
    echo $! > "$folder/pid"
    for _ in $(seq 100); do
      if answers; then exit 0; fi
      sleep 0.05
    done
    echo "registry.sh: no registry at $address; see $folder/log" >&2
    exit 1
    ;;
  stop)
    if [ -f "$folder/pid" ]; then
      pid=$(cat "$folder/pid")
      if [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = docker-registry ]; then
        kill "$pid"
        tail --pid="$pid" -f /dev/null
      fi
    fi
    rm -rf "$folder"
    ;;
  *) echo "registry.sh: start or stop" >&2; exit 2 ;;
esac

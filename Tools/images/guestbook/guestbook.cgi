#!/bin/sh
# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
#
# The guestbook's front end: writes to the Redis leader, reads from a follower.
#
#   ?cmd=set&key=K&value=V   {"message": "Updated"}
#   ?cmd=get&key=K           {"data": "V"}
#
# The servers are found by DNS (redis-leader, redis-follower), or with GET_HOSTS_FROM=env by the variables
# that Kubernetes sets for Services.

if [ "$GET_HOSTS_FROM" = env ]; then
  leader=${REDIS_LEADER_SERVICE_HOST:-$REDIS_MASTER_SERVICE_HOST}
  follower=${REDIS_FOLLOWER_SERVICE_HOST:-$REDIS_SLAVE_SERVICE_HOST}
else
  leader=${REDIS_LEADER_HOST:-redis-leader}
  follower=${REDIS_FOLLOWER_HOST:-redis-follower}
fi
port=${REDIS_PORT:-6379}

answer() { # STATUS JSON
  printf 'Status: %s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n\r\n%s\n' "$1" "$2"
  exit 0
}

query() { # NAME: the decoded value of a query parameter
  for pair in $(printf '%s' "$QUERY_STRING" | tr '&' ' '); do
    [ "${pair%%=*}" = "$1" ] && httpd -d "${pair#*=}" && return
  done
}

escaped() { # TEXT: as the inside of a JSON string
  printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' | tr -d '\000-\037'
}

bulk() { # TEXT: as a RESP bulk string; its length is counted in bytes
  printf '$%d\r\n%s\r\n' "$(printf '%s' "$1" | wc -c)" "$1"
}

redis() { # HOST WORD...: sends one command and QUIT, so that the server closes the connection
  host=$1
  shift
  { printf '*%d\r\n' $#; for word; do bulk "$word"; done; printf '*1\r\n$4\r\nQUIT\r\n'; } |
    nc -w "${REDIS_TIMEOUT:-5}" "$host" "$port" 2>/dev/null
}

key=$(query key)
key=${key:-messages}
case $(query cmd) in
set)
  reply=$(redis "$leader" SET "$key" "$(query value)" | head -n 1 | tr -d '\r')
  [ "$reply" = +OK ] && answer '200 OK' '{"message": "Updated"}'
  answer '502 Bad Gateway' "{\"error\": \"leader $leader: $(escaped "${reply:-no answer}")\"}"
  ;;
get)
  reply=$(redis "$follower" GET "$key" | tr -d '\r')
  case $reply in
  '$-1'*) answer '200 OK' '{"data": ""}' ;;
  '$'*) answer '200 OK' "{\"data\": \"$(escaped "$(printf '%s\n' "$reply" | sed -e 1d -e '$d')")\"}" ;;
  esac
  answer '502 Bad Gateway' "{\"error\": \"follower $follower: $(escaped "${reply:-no answer}")\"}"
  ;;
*)
  answer '200 OK' "{\"host\": \"$(hostname)\", \"leader\": \"$leader\", \"follower\": \"$follower\"}"
  ;;
esac

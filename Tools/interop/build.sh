#!/usr/bin/env bash
# Compiles the C client of CRI against Debian's libgrpc and libprotobuf-c, with messages generated from Protos/.
#
# usage: Tools/interop/build.sh FOLDER    the program becomes FOLDER/cri-client
set -euo pipefail
[ $# -eq 1 ] && [ "$1" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
protoc-c --proto_path="$here/../../Protos/cri" --c_out="$1" runtime.proto
# GNU C has a macro of the name of a field: linux.
gcc -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -o "$1/cri-client" -I "$1" "$here/cri_client.c" "$1/runtime.pb-c.c" -lprotobuf-c -lgrpc -lgpr

#!/usr/bin/env bash
# Renews the generated Swift in Sources/Interfaces/*/Generated and the schema of the API server.
#
# usage: Tools/protos.sh
#
# Needs protoc (Debian's protobuf-compiler) and the two plugins, which it builds once into .build-protoc.
set -euo pipefail
[ "${1:-}" != --help ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 0; }
cd "$(dirname "$(readlink -f "$0")")/.."

plugins=${PROTOC_PLUGINS:-}
if [ -z "$plugins" ]; then
  for plugin in protoc-gen-swift protoc-gen-grpc-swift-2; do
    swift build --configuration release --scratch-path .build-protoc --product "$plugin"
  done
  plugins=.build-protoc/release
fi
map=$(mktemp)
trap 'rm -f "$map"' EXIT
cat > "$map" <<'MAP'
mapping { module_name: "KubeMeta" proto_file_path: "k8s/meta/v1.proto" proto_file_path: "k8s/resource.proto" proto_file_path: "k8s/intstr.proto" proto_file_path: "k8s/runtime.proto" }
mapping { module_name: "KubeCore" proto_file_path: "k8s/core/v1.proto" }
MAP

swift_types() { # MODULE PROTO...
  local out=Sources/Interfaces/$1/Generated; shift
  mkdir -p "$out"
  protoc --proto_path=Protos --plugin="$plugins/protoc-gen-swift" --swift_out="$out" \
    --swift_opt="Visibility=Public,FileNaming=PathToUnderscores,ProtoPathModuleMappings=$map" "$@" 2> >(grep -v 'warning: Import apus/schema.proto' >&2)
}
grpc_types() { # MODULE PROTO...
  swift_types "$@"
  local out=Sources/Interfaces/$1/Generated; shift
  protoc --proto_path=Protos --plugin="$plugins/protoc-gen-grpc-swift-2" --grpc-swift-2_out="$out" \
    --grpc-swift-2_opt=Visibility=Public,FileNaming=PathToUnderscores "$@"
}

swift_types KubeMeta k8s/meta/v1.proto k8s/resource.proto k8s/intstr.proto k8s/runtime.proto
swift_types KubeCore k8s/core/v1.proto
swift_types KubeGroups k8s/{apps,authentication,authorization,batch,certificates,coordination,discovery,networking,node,policy,rbac,scheduling,storage}/v1.proto k8s/autoscaling/v2.proto
grpc_types CRI cri/runtime.proto
grpc_types CSI csi/csi.proto
grpc_types Etcd etcd/rpc.proto etcd/kv.proto etcd/auth.proto
grpc_types KubeletPlugins deviceplugin/api.proto pluginregistration/api.proto podresources/api.proto

# What the API server's schema engine reads: the descriptors of the Kubernetes API with our options and comments.
descriptors=$(mktemp)
trap 'rm -f "$map" "$descriptors"' EXIT
( cd Protos && find k8s -name '*.proto' | sort ) | xargs protoc --proto_path=Protos --include_source_info \
  --descriptor_set_out="$descriptors"
mkdir -p Sources/API/APISchema/Generated
python3 Tools/embed-descriptors.py "$descriptors" Sources/API/APISchema/Generated/KubernetesDescriptorSet.swift

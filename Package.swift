// swift-tools-version:6.2
// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import PackageDescription

// Every room of the house is a target. The sentence above a target says what it is and what it must
// not know. Imports point down only: Command -> components -> Client -> Interfaces -> Formats -> Kernel;
// components (API, Control, Node, Runtime, Network, Storage) never import one another.
// Tests/TidyTests compares every file's imports with the dependencies declared here.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
  // Programs and tests are compiled once, in release; tests see what is internal.
  .unsafeFlags(["-enable-testing"], .when(configuration: .release)),
]

// Generated code is not ours to mend: Swift 6 mode, without the house's rules.
let generated: [SwiftSetting] = [.swiftLanguageMode(.v6)]

// A program's symbols are nobody else's, so that what is not used is left out. Code at a fixed address needs no
// relocation: every process shares all its pages with the file, where each daemon had 2.4 MB of its own before. The
// stack, the heap and the libraries still lie at random addresses.
let lean: [String] = [
  "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xclang-linker", "-no-pie",
]

// Programs that run once per pod or per call start in a few milliseconds: no shared libraries of Swift.
let staticStandardLibrary: [LinkerSetting] = [
  .unsafeFlags(["-static-stdlib"]), .unsafeFlags(lean, .when(configuration: .release)),
]
// What runs inside a container's namespaces has no shared libraries at all.
let staticExecutable: [LinkerSetting] = [.unsafeFlags(["-static-executable"])]

// The daemons need Foundation (SQLite, YAML and TLS bring it); its parts are named, as only a compile with the
// static library would record them.
let staticFoundation: [LinkerSetting] = [
  .unsafeFlags([
    "-static-stdlib", "-lCoreFoundation", "-lFoundationInternationalization", "-lFoundationEssentials",
    "-l_FoundationCollections", "-l_FoundationCShims", "-l_FoundationICU",
  ] + lean, .when(configuration: .release))
]

let grpcCore: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcHTTP2: Target.Dependency = .product(
  name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let grpcProtobuf: Target.Dependency = .product(
  name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "_CryptoExtras", package: "swift-crypto")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let toml: Target.Dependency = .product(name: "TOMLKit", package: "TOMLKit")
let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")

func room(
  _ name: String, _ path: String, _ dependencies: [Target.Dependency],
  settings: [SwiftSetting] = strict, linker: [LinkerSetting] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(path)",
    swiftSettings: settings, linkerSettings: linker)
}

func program(
  _ name: String, _ path: String, _ dependencies: [Target.Dependency],
  linker: [LinkerSetting] = staticStandardLibrary
) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: "Sources/Command/\(path)",
    swiftSettings: strict, linkerSettings: linker)
}

func tests(
  _ name: String, _ path: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(path)",
    exclude: exclude, swiftSettings: strict)
}

func fuzzer(_ name: String, _ path: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, path: "Tests/\(path)", swiftSettings: strict)
}

let kernel: [Target] = [
  // C only where Swift cannot go: clone, and what runs between fork and exec. Knows nothing of pods.
  .target(name: "CKernel", path: "Sources/Kernel/CKernel"),
  // System libraries of Debian, as modules.
  .systemLibrary(name: "CArchive", path: "Sources/Kernel/CArchive", pkgConfig: "libarchive",
    providers: [.apt(["libarchive-dev"])]),
  .systemLibrary(name: "CSeccomp", path: "Sources/Kernel/CSeccomp", pkgConfig: "libseccomp",
    providers: [.apt(["libseccomp-dev"])]),
  .systemLibrary(name: "CZlib", path: "Sources/Kernel/CZlib", pkgConfig: "zlib",
    providers: [.apt(["zlib1g-dev"])]),
  // System calls as typed Swift: files, mounts, namespaces, processes, signals, sockets, terminals.
  // Mechanism only; no Foundation, no NIO: the static programs link it.
  room("Kernel", "Kernel/Kernel", ["CKernel"]),
  // cgroup v1, v2 and hybrid hierarchies. Knows no pod, only groups, limits and figures.
  room("Cgroups", "Kernel/Cgroups", ["Kernel"]),
  // rtnetlink: links, addresses, routes, neighbours, FDB. Knows no CNI.
  room("Netlink", "Kernel/Netlink", ["Kernel", "CKernel", "Addresses"]),
  // nf_tables over netlink: tables, chains, rules, sets, maps, batches. Knows no Service.
  room("Nftables", "Kernel/Nftables", ["Kernel", "CKernel", "Netlink", "Addresses"]),
]

let formats: [Target] = [
  // JSON values, a bounded parser and an exact writer. No Foundation: it is in the hot path and in the plugins.
  room("JSON", "Formats/JSON", []),
  // IPv4, IPv6, prefixes and MAC addresses. No Foundation.
  room("Addresses", "Formats/Addresses", []),
  // Kubernetes' value types: quantities, times, names, label and field selectors. No I/O.
  room("KubeValues", "Formats/KubeValues", ["JSON", "Addresses"]),
  // Regular expressions as Go reads them, matched in a time that is linear in the text. No Foundation.
  room("Patterns", "Formats/Patterns", []),
  // The Common Expression Language with Kubernetes' function libraries: parser, checker, costs, evaluator.
  // No Foundation; knows no kind, no schema and no server.
  room("CEL", "Formats/CEL", ["Addresses", "KubeValues", "Patterns"]),
  // OCI image-spec and runtime-spec documents, references and digests. No I/O.
  room("OCISpec", "Formats/OCISpec", ["JSON"]),
  // CNI configurations, results and errors of every version. No I/O.
  room("CNISpec", "Formats/CNISpec", ["JSON", "Addresses"]),
  // YAML documents to and from JSON values.
  room("YAML", "Formats/YAML", ["JSON", yams]),
  // DNS messages (RFC 1035 and friends). No sockets.
  room("DNSMessage", "Formats/DNSMessage", ["Addresses"]),
  // WebSocket and SPDY/3.1 frames and the Kubernetes subprotocols on them. No sockets.
  room("StreamFraming", "Formats/StreamFraming", ["CZlib"]),
  // Keys, certificates, PEM and signing requests. Knows no cluster layout.
  room("PKI", "Formats/PKI", [crypto, cryptoExtras, x509, asn1]),
]

let interfaces: [Target] = [
  // Generated: meta/v1, runtime, resource and intstr of the Kubernetes API.
  room("KubeMeta", "Interfaces/KubeMeta", [protobuf], settings: generated),
  // Generated: core/v1 of the Kubernetes API.
  room("KubeCore", "Interfaces/KubeCore", [protobuf, "KubeMeta"], settings: generated),
  // Generated: the other groups that our own components speak.
  room("KubeGroups", "Interfaces/KubeGroups", [protobuf, "KubeMeta", "KubeCore"], settings: generated),
  // Generated: the container runtime interface.
  room("CRI", "Interfaces/CRI", [protobuf, grpcCore, grpcProtobuf], settings: generated),
  // Generated: the container storage interface.
  room("CSI", "Interfaces/CSI", [protobuf, grpcCore, grpcProtobuf], settings: generated),
  // Generated: etcd v3.
  room("Etcd", "Interfaces/Etcd", [protobuf, grpcCore, grpcProtobuf], settings: generated),
  // Generated: the kubelet's plugin interfaces (devices, registration, pod resources).
  room("KubeletPlugins", "Interfaces/KubeletPlugins", [protobuf, grpcCore, grpcProtobuf], settings: generated),
  // gRPC servers and clients on Unix sockets.
  room("GRPCSockets", "Interfaces/GRPCSockets", [grpcCore, grpcHTTP2, logging, nioCore, nioPosix, nioHTTP2]),
  // An HTTP/1.1 and HTTP/2 server with TLS, streaming bodies and connection upgrades; and the client
  // side of an upgrade. Knows no route.
  room("HTTPServing", "Interfaces/HTTPServing",
    [nioCore, nioPosix, nioHTTP1, nioHTTP2, nioTLS, nioSSL, logging, "StreamFraming"]),
]

let client: [Target] = [
  // The API client: REST, watch, informers, work queues, leader election, kubeconfig.
  room("KubeClient", "Client/KubeClient",
    ["JSON", "YAML", "KubeValues", "KubeMeta", "KubeCore", "KubeGroups", protobuf, httpClient,
     nioCore, nioPosix, nioHTTP1, nioSSL, logging, collections]),
]

let api: [Target] = [
  // Schemas as data: decode, default, validate structure, prune, patch, apply, transcode. Knows no kind by name.
  room("APISchema", "API/APISchema", ["JSON", "KubeValues", "Patterns", protobuf]),
  // Revisions, compare-and-swap, ranges, watches: SQLite or etcd beneath, the watch cache above. Knows bytes, not kinds.
  room("APIStore", "API/APIStore",
    ["JSON", "Kernel", "Etcd", "GRPCSockets", grpcCore, grpcHTTP2, grpcProtobuf, sqlite, logging, deque, nioCore, nioSSL]),
  // What a kind does beyond its schema: one strategy a kind, its validation, defaults and table.
  room("APIResources", "API/APIResources",
    ["JSON", "CEL", "Patterns", "APISchema", "KubeValues", "Addresses", "YAML", crypto]),
  // The API server: authenticate, authorize, admit, serve.
  room("APIServer", "API/APIServer",
    ["JSON", "CEL", "APISchema", "APIStore", "APIResources", "KubeValues", "Addresses", "YAML", "PKI", "HTTPServing", "StreamFraming",
     nioCore, nioPosix, nioHTTP1, nioSSL, crypto, cryptoExtras, x509, asn1, jwt, logging, collections, lifecycle, httpClient]),
]

let control: [Target] = [
  // The scheduler: filter, score, assume, bind. Knows the API through the client alone.
  room("Scheduling", "Control/Scheduling",
    ["KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "JSON", protobuf, logging, collections, lifecycle]),
  // The controllers, one folder each. Know the API through the client alone.
  room("Controllers", "Control/Controllers",
    ["KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "JSON", "Addresses", "PKI", "CSI", "GRPCSockets",
     grpcCore, protobuf, logging, collections, lifecycle, crypto, x509, asn1, jwt]),
]

let node: [Target] = [
  // The kubelet: pods from the API and from files become sandboxes and containers through CRI, volumes through CSI.
  room("Kubelet", "Node/Kubelet",
    ["KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "JSON", "YAML", "Addresses", "OCISpec", "Kernel", "Cgroups",
     "CRI", "CSI", "KubeletPlugins", "GRPCSockets", "HTTPServing", "PKI",
     grpcCore, grpcHTTP2, protobuf, nioCore, nioPosix, nioHTTP1, nioSSL, logging, collections, lifecycle, crypto, x509, asn1]),
  // The service proxy: Services and EndpointSlices become nftables rules.
  room("ServiceProxy", "Node/ServiceProxy",
    ["KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "Addresses", "JSON", "Kernel", "Netlink", "Nftables",
     "HTTPServing", protobuf, nioCore, nioPosix, nioHTTP1, logging, collections, lifecycle]),
  // Cluster DNS: Services and pods become names.
  room("ClusterDNS", "Node/ClusterDNS",
    ["KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "Addresses", "DNSMessage",
     protobuf, nioCore, nioPosix, logging, collections, lifecycle]),
]

let runtime: [Target] = [
  // Pull, store, unpack and mount OCI images. Knows no pod.
  room("Images", "Runtime/Images",
    ["JSON", "OCISpec", "Kernel", "CArchive", "YAML", toml, httpClient, nioCore, nioPosix, nioHTTP1, nioSSL, crypto, logging]),
  // Messages between the runtime, the shim and init, and the sandbox and container records on disk. No NIO.
  room("ShimProtocol", "Runtime/ShimProtocol", ["JSON", "OCISpec", "Kernel"]),
  // What apus-init does: namespaces, mounts, root, capabilities, seccomp, exec. Single-threaded, no NIO.
  room("ContainerInit", "Runtime/ContainerInit", ["JSON", "OCISpec", "Kernel", "CKernel", "CSeccomp", "ShimProtocol", "Cgroups"]),
  // What apus-oci does: the command line of OCI runtimes over ContainerInit. Keeps its own records; knows no pod, no NIO.
  room("OCICommand", "Runtime/OCICommand",
    ["JSON", "OCISpec", "Kernel", "CKernel", "Cgroups", "ShimProtocol", "ContainerInit"]),
  // What apus-shim does: owns a pod's processes, their output and exit codes. No NIO.
  room("PodShim", "Runtime/PodShim", ["JSON", "OCISpec", "Kernel", "CKernel", "ShimProtocol", "Cgroups"]),
  // Exec, attach and port-forward sessions over WebSocket and SPDY.
  room("StreamServing", "Runtime/StreamServing",
    ["HTTPServing", "StreamFraming", "JSON", nioCore, nioPosix, nioHTTP1, logging]),
  // The CRI server: sandboxes, containers, images. Knows CNI, not our plugins.
  room("ContainerRuntime", "Runtime/ContainerRuntime",
    ["JSON", "OCISpec", "CNISpec", "Addresses", "Kernel", "Cgroups", "CRI", "GRPCSockets", "Images", "ShimProtocol",
     "StreamServing", "HTTPServing", grpcCore, grpcHTTP2, protobuf, nioCore, nioPosix, logging, collections, lifecycle, crypto]),
]

let network: [Target] = [
  // The CNI plugins: bridge, ptp, host-local, portmap and their kin. No Foundation, no NIO.
  room("CNIPlugins", "Network/CNIPlugins",
    ["JSON", "CNISpec", "Addresses", "Patterns", "Kernel", "CKernel", "Netlink", "Nftables"]),
]

let storage: [Target] = [
  // The host-path CSI driver. Knows CSI, not Kubernetes.
  room("CSIHostPath", "Storage/CSIHostPath",
    ["CSI", "KubeletPlugins", "GRPCSockets", "JSON", "Kernel", "CArchive", grpcCore, protobuf, logging, lifecycle]),
]

let command: [Target] = [
  // Flags and configuration files of the daemons, with upstream's names; logging to standard error.
  room("DaemonFlags", "Command/DaemonFlags", ["JSON", "YAML", logging, lifecycle, unixSignals]),
  // What `apus up`, `down` and `status` do: certificates, kubeconfigs, manifests, processes.
  room("Cluster", "Command/Cluster",
    ["JSON", "YAML", "PKI", "Kernel", "Addresses", "KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues",
     "Netlink", "Nftables", "CRI", "GRPCSockets", grpcCore, protobuf, logging, crypto, x509, asn1]),
  program("apus", "apus",
    ["DaemonFlags", "Cluster", "APIServer", "APIStore", "Scheduling", "Controllers", "Kubelet", "ServiceProxy", "ClusterDNS",
     "ContainerRuntime", "CSIHostPath", "HTTPServing", "Addresses", "JSON", "YAML", "PKI", "KubeClient", "Kernel", "GRPCSockets", nioHTTP1, logging, lifecycle],
    linker: staticFoundation),
  program("apus-shim", "apus-shim", ["PodShim"], linker: staticExecutable),
  program("apus-init", "apus-init", ["ContainerInit"], linker: staticExecutable),
  program("apus-oci", "apus-oci", ["OCICommand"], linker: staticExecutable),
  program("apus-cni", "apus-cni", ["CNIPlugins"]),
]

// Feeds everything that reads what comes from outside with generated and damaged input. A program and not a test
// bundle, as what it looks for ends the process.
let fuzz: Target = fuzzer(
  "apus-fuzz", "Fuzz",
  ["JSON", "YAML", "KubeValues", "Addresses", "OCISpec", "CNISpec", "DNSMessage", "StreamFraming", "APISchema", "Images", "CNIPlugins", "CZlib", "CEL", "Patterns"])

// `APUS_TESTS=NetlinkTests,JSONTests` narrows the test bundle to what is being worked on.
let chosenTests: Set<String>? = Context.environment["APUS_TESTS"].map {
  Set($0.split(separator: ",").map(String.init))
}

let allTests: [Target] = [
  tests("NftablesTests", "Kernel/NftablesTests",
    ["Nftables", "Kernel", "CKernel", "Netlink", "Addresses"]),
  tests("JSONTests", "Formats/JSONTests",
    ["JSON"]),
  tests("AddressesTests", "Formats/AddressesTests",
    ["Addresses"]),
  tests("KubeValuesTests", "Formats/KubeValuesTests",
    ["KubeValues", "JSON", "Addresses"]),
  tests("PatternsTests", "Formats/PatternsTests",
    ["Patterns"]),
  tests("CELTests", "Formats/CELTests",
    ["CEL"]),
  tests("OCISpecTests", "Formats/OCISpecTests",
    ["OCISpec", "JSON"]),
  tests("CNISpecTests", "Formats/CNISpecTests",
    ["CNISpec", "JSON", "Addresses"]),
  tests("YAMLTests", "Formats/YAMLTests",
    ["YAML", "JSON", yams]),
  tests("DNSMessageTests", "Formats/DNSMessageTests",
    ["DNSMessage", "Addresses"]),
  tests("StreamFramingTests", "Formats/StreamFramingTests",
    ["StreamFraming", "CZlib"]),
  tests("PKITests", "Formats/PKITests",
    ["PKI", crypto, cryptoExtras, x509, asn1]),
  tests("GRPCSocketsTests", "Interfaces/GRPCSocketsTests",
    ["GRPCSockets", grpcCore, grpcHTTP2, logging, nioCore, nioPosix]),
  tests("KubeClientTests", "Client/KubeClientTests",
    ["KubeClient", "JSON", "YAML", "KubeValues", "KubeMeta", "KubeCore", "KubeGroups", protobuf, httpClient, nioCore, nioPosix, nioHTTP1, nioSSL, logging, collections]),
  tests("APIResourcesTests", "API/APIResourcesTests", ["APIResources", "APISchema", "JSON"]),
  tests("APISchemaTests", "API/APISchemaTests",
    ["APISchema", "JSON", "KubeValues", protobuf]),
  tests("APIStoreTests", "API/APIStoreTests",
    ["APIStore", "JSON", "Etcd", "GRPCSockets", grpcCore, grpcHTTP2, sqlite, logging, deque, nioCore, nioSSL]),
  tests("APIServerTests", "API/APIServerTests",
    ["APIServer", "APISchema", "APIStore", "JSON", nioCore, nioHTTP1, logging]),
  tests("SchedulingTests", "Control/SchedulingTests",
    ["Scheduling", "KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "JSON", protobuf, logging, collections, lifecycle]),
  tests("ControllersTests", "Control/ControllersTests",
    ["Controllers", "KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "JSON", "PKI", "CSI", "GRPCSockets", grpcCore, protobuf, logging, collections, lifecycle, crypto, jwt]),
  tests("KubeletTests", "Node/KubeletTests",
    ["Kubelet", "KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "JSON", "YAML", "Addresses", "Kernel", "Cgroups", "CRI", "CSI", "KubeletPlugins", "GRPCSockets", "HTTPServing", "PKI", grpcCore, protobuf, nioCore, nioPosix, nioHTTP1, nioSSL, logging, collections, lifecycle, crypto, x509]),
  tests("ServiceProxyTests", "Node/ServiceProxyTests",
    ["ServiceProxy", "KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "Addresses", "JSON", "Kernel", "Netlink", "Nftables", "HTTPServing", protobuf, nioCore, nioPosix, nioHTTP1, logging, collections, lifecycle]),
  tests("ClusterDNSTests", "Node/ClusterDNSTests",
    ["ClusterDNS", "KubeClient", "KubeMeta", "KubeCore", "KubeGroups", "KubeValues", "JSON", "Addresses", "DNSMessage", protobuf, nioCore, nioPosix, logging, collections, lifecycle]),
  tests("CNIPluginsTests", "Network/CNIPluginsTests",
    ["CNIPlugins", "CNISpec", "JSON", "Addresses", "Kernel", "Netlink", "Nftables"]),
  tests("ImagesTests", "Runtime/ImagesTests",
    ["Images", "JSON", "OCISpec", "Kernel", "CArchive", "YAML", toml, httpClient, nioCore, nioHTTP1, nioSSL, crypto, logging]),
  tests("OCICommandTests", "Runtime/OCICommandTests",
    ["OCICommand", "OCISpec", "JSON", "Kernel"]),
  tests("StreamServingTests", "Runtime/StreamServingTests",
    ["StreamServing", "HTTPServing", "StreamFraming", "JSON", nioCore, nioPosix, nioHTTP1, logging]),
  tests("CSIHostPathTests", "Storage/CSIHostPathTests",
    ["CSIHostPath", "CSI", "GRPCSockets", "JSON", "Kernel", "CArchive", grpcCore, protobuf, logging, lifecycle]),
  tests("DaemonFlagsTests", "Command/DaemonFlagsTests",
    ["DaemonFlags", "JSON", "YAML", logging]),
  // Every interface of Protos/ against the facts of the reference.
  tests("InterfaceTests", "InterfaceTests", [protobuf, "JSON"]),
  // The rules of the house that a program can check.
  tests("TidyTests", "TidyTests", [], exclude: ["Exceptions"]),
].filter { chosenTests?.contains($0.name) ?? true }

let package = Package(
  name: "apus",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "apus", targets: ["apus"]),
    .executable(name: "apus-shim", targets: ["apus-shim"]),
    .executable(name: "apus-init", targets: ["apus-init"]),
    .executable(name: "apus-oci", targets: ["apus-oci"]),
    .executable(name: "apus-cni", targets: ["apus-cni"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
  ],
  targets: kernel + formats + interfaces + client + api + control + node + runtime + network + storage
    + command + [fuzz] + allTests
)

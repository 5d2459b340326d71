// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import ContainerRuntime
import DaemonFlags
import Glibc

/// `apus runtime`: the container runtime behind CRI.
enum RuntimeCommand: DaemonCommand {
  static let name: String = "runtime"
  static let summary: String = "run containers for a kubelet (CRI)"

  static var flags: FlagSet {
    var flags: FlagSet = FlagSet(command: "apus runtime", summary: summary)
    flags.string("address", default: "unix:///run/apus/runtime.sock", "the socket of CRI")
    flags.string("root", default: "/var/lib/apus/runtime", "lasting data: images and the changes of containers")
    flags.string("state", default: "/run/apus/runtime", "what is gone with a boot")
    flags.string("cni-conf-dir", default: "/etc/cni/net.d", "the CNI configurations")
    flags.list("cni-bin-dir", default: "/opt/cni/bin", "the CNI plugins, searched in this order")
    flags.string("registry-config-dir", "mirrors of registries, as <host>/hosts.toml")
    flags.string("libexec-dir", "the directory of apus-shim and apus-init; by default beside apus or in ../libexec/apus")
    flags.string("sandbox-image", default: "registry.k8s.io/pause:3.10", "the sandbox image to report; none is used")
    flags.string("cgroup-parent", default: "/apus", "the control group of pods for which the caller names none")
    flags.string("stream-address", default: "127.0.0.1", "where exec, attach and port-forward are served")
    flags.int("stream-port", default: 0, "the port of it; 0 lets the kernel choose")
    return flags
  }

  static func run(_ values: FlagValues) async throws {
    let logger = logger(values)
    var configuration: ContainerRuntimeConfiguration = ContainerRuntimeConfiguration(
      address: try values.required("address"), root: try values.required("root"), state: try values.required("state"),
      cniConfigurationDirectory: try values.required("cni-conf-dir"),
      cniBinaryDirectories: values.list("cni-bin-dir"),
      registryConfigurationDirectory: values.string("registry-config-dir"),
      libexecDirectory: values.string("libexec-dir") ?? defaultLibexecDirectory(),
      sandboxImage: values.string("sandbox-image") ?? "")
    configuration.cgroupParent = try values.required("cgroup-parent")
    configuration.streamAddress = values.string("stream-address") ?? "127.0.0.1"
    configuration.streamPort = values.int("stream-port") ?? 0
    try await serve([ContainerRuntime(configuration: configuration, logger: logger)], logger: logger)
  }

  /// Beside this program, as a build leaves them, or where an installation has them.
  private static func defaultLibexecDirectory() -> String {
    var buffer: [CChar] = [CChar](repeating: 0, count: 4096)
    let count: Int = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let path: String = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let directory: String = path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
    return access(directory + "/apus-shim", X_OK) == 0 ? directory : directory + "/../libexec/apus"
  }
}

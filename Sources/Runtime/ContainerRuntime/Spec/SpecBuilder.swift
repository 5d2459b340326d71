// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import Images
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// Turns what CRI says of a container into a document of the runtime-spec.
struct SpecBuilder {
  let core: RuntimeCore
  let sandbox: SandboxRecord
  let container: ContainerRecord
  let image: StoredImage
  let root: OverlayMount

  private var config: CRIContainerConfig { container.config }
  private var security: CRILinuxContainerSecurityContext { config.linux.securityContext }

  /// The whole document, without image volumes' mounts, which `imageVolumes` gives by their position.
  func build(imageVolumes: [Int: OverlayMount]) async throws -> RuntimeSpec {
    var spec: RuntimeSpec = RuntimeSpec()
    spec.process = try process()
    spec.rootPath = root.target
    spec.overlay = RuntimeSpec.Overlay(
      lower: root.lower, upper: root.upper, work: root.work, options: root.options)
    spec.isRootReadOnly = security.readonlyRootfs
    spec.namespaces = namespaces()
    if let mapping: UserMapping = sandbox.userMapping {
      spec.uidMappings = [mapping.users]
      spec.gidMappings = [mapping.groups]
    }
    spec.mounts = standardMounts() + podMounts()
    spec.mounts += try containerMounts(imageVolumes)
    // A mount must come before those below it.
    spec.mounts = Self.sorted(spec.mounts)
    if config.mounts.contains(where: { $0.propagation == .propagationBidirectional }) {
      spec.rootPropagation = "rshared"
    } else if config.mounts.contains(where: { $0.propagation == .propagationHostToContainer }) {
      spec.rootPropagation = "rslave"
    }
    spec.cgroupsPath = container.cgroupPath
    spec.devices = try devices()
    if !security.privileged {
      spec.maskedPaths = security.maskedPaths
      spec.readOnlyPaths = security.readonlyPaths
    }
    spec.annotations = [
      "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": sandbox.id,
      "io.kubernetes.cri.container-name": config.metadata.name,
    ]
    if let profile: JSONValue = try seccompProfile(spec.process?.capabilities?.bounding ?? []) {
      spec.seccompProgram = try await core.seccomp.path(for: profile)
    }
    return spec
  }

  // MARK: Process

  private func process() throws -> RuntimeSpec.Process {
    var process: RuntimeSpec.Process = RuntimeSpec.Process()
    process.hasTerminal = config.tty
    process.user.uid = container.uid
    process.user.gid = container.gid
    process.user.additionalGroups = container.groups
    process.arguments = try arguments()
    process.environment = environment()
    process.workingDirectory = config.workingDir.isEmpty ? image.configuration.workingDirectory : config.workingDir
    if process.workingDirectory.isEmpty { process.workingDirectory = "/" }
    process.capabilities = try ContainerCapabilities.sets(security)
    process.hasNoNewPrivileges = security.noNewPrivs
    process.oomScoreAdjustment = Int(config.linux.resources.oomScoreAdj)
    process.appArmorProfile = try appArmorProfile()
    return process
  }

  /// The image's entrypoint and command, unless the container brings its own: a command replaces both.
  private func arguments() throws -> [String] {
    var words: [String] = config.command
    var rest: [String] = config.args
    if words.isEmpty {
      if rest.isEmpty { rest = image.configuration.command }
      words = image.configuration.entrypoint
    }
    let arguments: [String] = words + rest
    guard !arguments.isEmpty else { throw RuntimeError(.invalid, "no command specified") }
    return arguments
  }

  private func environment() -> [String] {
    var names: [String] = []
    var values: [String: String] = [:]
    func set(_ name: String, _ value: String) {
      if values.updateValue(value, forKey: name) == nil { names.append(name) }
    }
    set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    set("HOSTNAME", hostname)
    if config.tty { set("TERM", "xterm") }
    for pair: String in image.configuration.environment {
      let parts: [Substring] = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      set(String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
    }
    for variable: CRIKeyValue in config.envs { set(variable.key, String(decoding: variable.value, as: UTF8.self)) }
    return names.map { "\($0)=\(values[$0] ?? "")" }
  }

  private var hostname: String {
    if !sandbox.config.hostname.isEmpty { return sandbox.config.hostname }
    return (try? Files.readText("/proc/sys/kernel/hostname")) ?? "localhost"
  }

  private func appArmorProfile() throws -> String {
    guard !security.privileged, security.hasApparmor, Files.exists("/sys/kernel/security/apparmor") else { return "" }
    switch security.apparmor.profileType {
    case .localhost: return security.apparmor.localhostRef
    default: return ""
    }
  }

  private func seccompProfile(_ capabilities: [String]) throws -> JSONValue? {
    guard !security.privileged, security.hasSeccomp else { return nil }
    switch security.seccomp.profileType {
    case .runtimeDefault: return DefaultSeccompProfile.make(capabilities: capabilities)
    case .localhost:
      let path: String = security.seccomp.localhostRef
      do { return try JSONValue(parsing: try Files.read(path)) } catch {
        throw RuntimeError(.invalid, "seccomp profile \"\(path)\": \(error)")
      }
    default: return nil
    }
  }

  // MARK: Namespaces

  private func namespaces() -> [RuntimeSpec.Namespace] {
    let state: String = core.podState(sandbox.id)
    var list: [RuntimeSpec.Namespace] = [RuntimeSpec.Namespace("mount")]
    if sandbox.userMapping != nil { list.append(RuntimeSpec.Namespace("user", path: state + "/user")) }
    if !sandbox.usesHostNetwork { list.append(RuntimeSpec.Namespace("network", path: state + "/net")) }
    if !sandbox.usesHostIPC { list.append(RuntimeSpec.Namespace("ipc", path: state + "/ipc")) }
    // With the host's network goes the host's name.
    if !sandbox.usesHostNetwork {
      list.append(RuntimeSpec.Namespace("uts", path: state + "/uts"))
    }
    // On v1 the container's view of its groups is made of bind mounts.
    if core.hierarchy.isUnified, !security.privileged { list.append(RuntimeSpec.Namespace("cgroup")) }
    if security.namespaceOptions.pid == .container { list.append(RuntimeSpec.Namespace("pid")) }
    return list
  }
}

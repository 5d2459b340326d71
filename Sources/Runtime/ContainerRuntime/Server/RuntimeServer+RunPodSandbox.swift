// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import JSON
import Kernel
import Logging
import OCISpec
import ShimProtocol

extension RuntimeServer {
  func runPodSandbox(request: CRIRunPodSandboxRequest, context: ServerContext) async throws -> CRIRunPodSandboxResponse {
    let config: CRIPodSandboxConfig = request.config
    guard config.hasMetadata, !config.metadata.name.isEmpty else {
      throw RuntimeError(.invalid, "the sandbox has no name")
    }
    guard request.runtimeHandler.isEmpty || RuntimeCore.handlers.contains(request.runtimeHandler) else {
      throw RuntimeError(.invalid, "no runtime for \"\(request.runtimeHandler)\" is configured")
    }
    let mapping: UserMapping? = try UserMapping(config.linux.securityContext.namespaceOptions)
    guard mapping == nil || UserMapping.isSupported else {
      throw RuntimeError(.unsupported, "user namespaces need Linux 5.19")
    }
    let id: String = RuntimeCore.makeID()
    let parent: String = config.linux.cgroupParent.isEmpty ? core.configuration.cgroupParent : config.linux.cgroupParent
    var record: SandboxRecord = SandboxRecord(
      id: id, config: config, runtimeHandler: request.runtimeHandler, createdAt: SystemClock.now, isReady: false,
      cgroupPath: core.hierarchy.group(parent + "/" + id).path)
    try core.records.add(record)
    Failpoints.reach("RunPodSandbox.recorded")
    do {
      try await core.locks.with(id) { try await core.build(&record) }
    } catch {
      await core.dismantle(record)
      throw error
    }
    core.tellEvent(.containerCreatedEvent, container: id, sandbox: id)
    core.tellEvent(.containerStartedEvent, container: id, sandbox: id)
    var response: CRIRunPodSandboxResponse = CRIRunPodSandboxResponse()
    response.podSandboxID = id
    return response
  }
}

extension RuntimeCore {
  /// The names that a RuntimeClass may give.
  static let handlers: [String] = ["apus", "runc"]

  /// Makes everything a pod is made of. What it made when it fails, `dismantle` takes away.
  func build(_ record: inout SandboxRecord) async throws {
    let directory: String = podState(record.id)
    try Files.makeDirectories(directory, mode: 0o711)
    try writePodFiles(record)
    if record.userMapping == nil { try pinNamespaces(record, directory) }
    if !record.usesHostNetwork { record.networkNamespace = directory + "/net" }
    let group: Cgroup = hierarchy.group(record.cgroupPath)
    try group.create()
    Failpoints.reach("RunPodSandbox.namespaces")
    let shimConfiguration: ShimConfiguration = shimConfiguration(record, directory, group)
    if !record.usesHostNetwork {
      // Before the first plugin runs: a runtime that is killed meanwhile must know what to undo.
      record.network = try self.network.intention(networkRequest(record))
      let intended: SandboxRecord = record
      try records.updateSandbox(record.id) { $0 = intended }
    }
    // The network and the shim need only the namespaces: they come to be at the same time.
    async let starting: ShimState = startShim(shimConfiguration)
    // Those of a pod with a user namespace belong to it: the pause process makes them.
    if record.userMapping != nil { try pinNamespaces(of: try await starting.pausePID, directory) }
    var network: JSONValue = record.network
    var failure: (any Error)?
    if !record.usesHostNetwork {
      do { network = try await self.network.add(networkRequest(record)) } catch { failure = error }
    }
    record.network = network
    record.addresses = CNINetwork.addresses(network)
    Failpoints.reach("RunPodSandbox.network")
    let state: ShimState
    do { state = try await starting } catch {
      let (network, addresses) = (record.network, record.addresses)
      try records.updateSandbox(record.id) {
        $0.network = network
        $0.addresses = addresses
      }
      throw failure ?? error
    }
    record.pausePID = state.pausePID
    record.shimPID = state.pid
    try connect(record.id)
    if let failure { throw failure }
    Failpoints.reach("RunPodSandbox.shim")
    record.isReady = true
    let finished: SandboxRecord = record
    try records.updateSandbox(record.id) { $0 = finished }
  }

  private func pinNamespaces(_ record: SandboxRecord, _ directory: String) throws {
    var pins: [(kind: NamespaceKinds, path: String)] = []
    if !record.usesHostNetwork {
      pins.append((.network, directory + "/net"))
      pins.append((.uts, directory + "/uts"))
    }
    if !record.usesHostIPC { pins.append((.ipc, directory + "/ipc")) }
    if !pins.isEmpty { try Namespaces.pin(pins) }
  }

  private func pinNamespaces(of pid: Int32, _ directory: String) throws {
    try Namespaces.pin(["user", "net", "uts", "ipc"].map { (name: $0, path: directory + "/" + $0) }, of: pid)
  }

  private func shimConfiguration(
    _ record: SandboxRecord, _ directory: String, _ group: Cgroup
  ) -> ShimConfiguration {
    var namespaces: [(type: String, path: String)] = []
    let mapping: UserMapping? = record.userMapping
    if mapping != nil {
      namespaces = [("network", ""), ("uts", ""), ("ipc", "")]
    } else if !record.usesHostNetwork {
      namespaces.append(("network", directory + "/net"))
      namespaces.append(("uts", directory + "/uts"))
    }
    if mapping == nil, !record.usesHostIPC { namespaces.append(("ipc", directory + "/ipc")) }
    let hostname: String = record.usesHostNetwork ? "" : record.config.hostname
    return ShimConfiguration(
      sandboxID: record.id, socketPath: shimSocket(record.id),
      initPath: configuration.libexecDirectory + "/apus-init", namespaces: namespaces,
      pidNamespace: record.usesHostPID ? .host : .new, processFiles: group.processFiles, hostname: hostname,
      sysctls: record.config.linux.sysctls, oomScoreAdjustment: -998, uidMappings: UserMapping.json(mapping?.users),
      gidMappings: UserMapping.json(mapping?.groups))
  }

  /// The files that containers of the pod get unless they bring their own, and the memory they share.
  private func writePodFiles(_ record: SandboxRecord) throws {
    let directory: String = records.sandboxDirectory(record.id)
    let config: CRIPodSandboxConfig = record.config
    let hostname: String =
      config.hostname.isEmpty ? (try? Files.readText("/proc/sys/kernel/hostname")) ?? "localhost" : config.hostname
    try Files.write(directory + "/hostname", Array((hostname + "\n").utf8), mode: 0o644)
    let hosts: [UInt8] = (try? Files.read("/etc/hosts")) ?? Array("127.0.0.1 localhost\n::1 localhost\n".utf8)
    try Files.write(directory + "/hosts", hosts, mode: 0o644)
    let dns: CRIDNSConfig = config.dnsConfig
    var resolver: [UInt8] = []
    if config.hasDnsConfig, !(dns.servers.isEmpty && dns.searches.isEmpty && dns.options.isEmpty) {
      var text: String = ""
      if !dns.searches.isEmpty { text += "search \(dns.searches.joined(separator: " "))\n" }
      for server: String in dns.servers { text += "nameserver \(server)\n" }
      if !dns.options.isEmpty { text += "options \(dns.options.joined(separator: " "))\n" }
      resolver = Array(text.utf8)
    } else {
      resolver = (try? Files.read("/etc/resolv.conf")) ?? []
    }
    try Files.write(directory + "/resolv.conf", resolver, mode: 0o644)
    if let mapping: UserMapping = record.userMapping {
      // Root of the pod may write to them, as anywhere.
      for name: String in ["hostname", "hosts", "resolv.conf"] {
        try Files.setOwner(directory + "/" + name, uid: mapping.users.hostID, gid: mapping.groups.hostID)
      }
    }
    if !record.usesHostIPC {
      let memory: String = podState(record.id) + "/shm"
      try Files.makeDirectory(memory, mode: 0o1777)
      try Mounts.mount(
        "shm", on: memory, type: "tmpfs", flags: [.noExecute, .noSetUID, .noDevices],
        options: "mode=1777,size=67108864")
    }
  }

  /// What the CNI plugins are told of a pod.
  func networkRequest(_ record: SandboxRecord) -> NetworkRequest {
    var capabilities: JSONObject = JSONObject()
    let ports: [JSONValue] = record.config.portMappings.filter { $0.hostPort > 0 }.map { mapping in
      var port: JSONValue = [
        "hostPort": JSONValue(mapping.hostPort), "containerPort": JSONValue(mapping.containerPort),
        "protocol": .string(mapping.protocol == .udp ? "udp" : mapping.protocol == .sctp ? "sctp" : "tcp"),
      ]
      if !mapping.hostIp.isEmpty { port["hostIP"] = .string(mapping.hostIp) }
      return port
    }
    if !ports.isEmpty { capabilities["portMappings"] = .array(ports) }
    let dns: CRIDNSConfig = record.config.dnsConfig
    capabilities["dns"] = [
      "servers": JSONValue(dns.servers), "searches": JSONValue(dns.searches), "options": JSONValue(dns.options),
    ]
    if let bandwidth: JSONValue = Bandwidth.arguments(record.config.annotations) { capabilities["bandwidth"] = bandwidth }
    let metadata: CRIPodSandboxMetadata = record.config.metadata
    return NetworkRequest(
      sandboxID: record.id, namespacePath: record.networkNamespace, podName: metadata.name,
      podNamespace: metadata.namespace, podUID: metadata.uid, capabilityArguments: capabilities,
      lockPath: podState(record.id) + "/network.lock")
  }

  /// Takes away all that `build` made, however far it came; the sandbox is then forgotten. Where that fails, it
  /// stays as one that is not ready, so that RemovePodSandbox can try again.
  func dismantle(_ record: SandboxRecord) async {
    var isClean: Bool = true
    do {
      try await stopNetwork(records.sandbox(record.id) ?? record)
    } catch {
      isClean = false
      logger.warning("the network of a failed sandbox is left", metadata: ["id": "\(record.id)", "error": "\(error)"])
    }
    do { try await stopShim(record.id) } catch {
      isClean = false
      logger.warning("the shim of a failed sandbox is left", metadata: ["id": "\(record.id)", "error": "\(error)"])
    }
    removeCgroup(record.cgroupPath)
    guard isClean else { return }
    removePodState(record.id)
    do { try records.removeSandbox(record.id) } catch {
      logger.warning("the record of a failed sandbox is left", metadata: ["id": "\(record.id)", "error": "\(error)"])
    }
  }
}

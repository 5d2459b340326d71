// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import GRPCCore
import Images
import JSON
import Kernel
import Logging
import OCISpec

extension RuntimeServer {
  func createContainer(
    request: CRICreateContainerRequest, context: ServerContext
  ) async throws -> CRICreateContainerResponse {
    let sandbox: SandboxRecord = try core.sandbox(request.podSandboxID)
    guard sandbox.isReady else { throw RuntimeError(.wrongState, "sandbox \"\(sandbox.id)\" is not ready") }
    let config: CRIContainerConfig = request.config
    let options: CRINamespaceOption = config.linux.securityContext.namespaceOptions
    guard try !options.hasUsernsOptions || UserMapping(options) == sandbox.userMapping else {
      throw RuntimeError(.invalid, "the user namespace of a container must be that of its pod")
    }
    guard config.hasMetadata, !config.metadata.name.isEmpty else {
      throw RuntimeError(.invalid, "the container has no name")
    }
    guard let image: StoredImage = await core.images.image(named: config.image.image) else {
      throw RuntimeError(.notFound, "image \"\(config.image.image)\": not found")
    }
    let record: ContainerRecord = try await core.create(config, in: sandbox, image: image)
    core.tellEvent(.containerCreatedEvent, container: record.id, sandbox: sandbox.id)
    var response: CRICreateContainerResponse = CRICreateContainerResponse()
    response.containerID = record.id
    return response
  }
}

extension RuntimeCore {
  /// Makes a container's root and its bundle; nothing runs yet.
  func create(
    _ config: CRIContainerConfig, in sandbox: SandboxRecord, image: StoredImage
  ) async throws -> ContainerRecord {
    let id: String = Self.makeID()
    let podGroup: String = Files.parent(of: sandbox.cgroupPath) ?? "/"
    var record: ContainerRecord = ContainerRecord(
      id: id, sandboxID: sandbox.id, config: config, imageID: image.id,
      imageReference: image.digests.first ?? image.id, createdAt: SystemClock.now,
      cgroupPath: hierarchy.group(podGroup + "/" + id).path, logPath: logPath(config, sandbox))
    record.stopSignal = stopSignal(config, image)
    try records.add(record)
    Failpoints.reach("CreateContainer.recorded")
    do {
      let root: OverlayMount = try await images.prepareRootFileSystem(container: id, image: image.id)
      let user: ContainerUser = try ContainerUser(
        config.linux.securityContext, imageUser: image.configuration.user, layers: root.lower)
      record.uid = user.uid
      record.gid = user.gid
      record.groups = user.groups
      let volumes: [Int: OverlayMount] = try await mountImageVolumes(record)
      for number: Int in volumes.keys {
        let name: String = record.config.mounts[number].image.image
        record.config.mounts[number].image.imageRef = await images.image(named: name)?.id ?? ""
      }
      let builder: SpecBuilder = SpecBuilder(
        core: self, sandbox: sandbox, container: record, image: image, root: root)
      let spec: RuntimeSpec = try await builder.build(imageVolumes: volumes)
      Failpoints.reach("CreateContainer.root")
      record.process = spec.process?.json ?? .null
      record.seccompProgram = spec.seccompProgram
      try Files.makeDirectory(bundle(id), mode: 0o700)
      try Files.write(bundle(id) + "/config.json", spec.json.bytes, mode: 0o600)
      if !record.logPath.isEmpty, let directory: String = Files.parent(of: record.logPath) {
        try Files.makeDirectories(directory)
      }
      let finished: ContainerRecord = record
      try records.updateContainer(id) { $0 = finished }
      Failpoints.reach("CreateContainer.finished")
      return record
    } catch {
      do { try await removeRemains(of: record) } catch let second {
        logger.warning("remains of a failed container are left", metadata: ["id": "\(id)", "error": "\(second)"])
      }
      throw error
    }
  }

  private func logPath(_ config: CRIContainerConfig, _ sandbox: SandboxRecord) -> String {
    guard !config.logPath.isEmpty, !sandbox.config.logDirectory.isEmpty else { return "" }
    return sandbox.config.logDirectory + "/" + config.logPath
  }

  private func stopSignal(_ config: CRIContainerConfig, _ image: StoredImage) -> String {
    if let name: String = config.stopSignal.signalName { return name }
    let wanted: String = image.configuration.stopSignal
    return wanted.isEmpty ? "SIGTERM" : wanted
  }

  private func mountImageVolumes(_ record: ContainerRecord) async throws -> [Int: OverlayMount] {
    var volumes: [Int: OverlayMount] = [:]
    for (number, mount) in record.config.mounts.enumerated() where mount.hasImage && !mount.image.image.isEmpty {
      let name: String = "volume-\(record.id)-\(number)"
      let volume: OverlayMount = try await images.prepareImageVolume(name, image: mount.image.image)
      try ImageStore.mount(volume)
      volumes[number] = volume
    }
    return volumes
  }
}

extension CRISignal {
  /// `SIGTERM` and such; nil for the runtime's default.
  var signalName: String? {
    if self == .runtimeDefault { return nil }
    let name: String = "\(self)".uppercased()
    // SIGRTMINPLUS3 and SIGRTMAXMINUS2 are SIGRTMIN+3 and SIGRTMAX-2 everywhere else.
    return name.replacing("PLUS", with: "+").replacing("MINUS", with: "-")
  }

  /// The signal with this name or number.
  init(named name: String) {
    guard let number: Int32 = Signals.number(name) else {
      self = .runtimeDefault
      return
    }
    self = Self.allCases.first { $0.signalName.flatMap(Signals.number) == number } ?? .runtimeDefault
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Logging

/// A volume of a pod that is ready on this node.
struct PreparedVolume: Sendable, Equatable {
  /// Where it is on the node; a device for block volumes; empty for images.
  var path: String
  var isReadOnly: Bool = false
  /// The image, where the volume is one: the runtime mounts it.
  var imageReference: String = ""
  var imagePullPolicy: String = ""
}

/// Makes the volumes of pods available, keeps their contents current, and takes them down.
///
/// Everything is re-derivable: making a volume that is there already changes nothing, and what is to be taken down is
/// found in the pod's directory and the mount table, so that a kubelet that was killed goes on where it was.
struct PodVolumes: Sendable {
  let paths: PodPaths
  let objects: any PodObjects
  let csi: CSIVolumes
  let logger: Logger

  /// Makes all volumes of a pod available.
  func setUp(_ pod: Pod, fields: DownwardFields) async throws -> [String: PreparedVolume] {
    var prepared: [String: PreparedVolume] = [:]
    for volume: Volume in pod.spec.volumes {
      do {
        prepared[volume.name] = try await setUp(volume, pod, fields)
      } catch let error as KubeletError {
        throw KubeletError(error.code, "MountVolume.SetUp failed for volume \"\(volume.name)\" : \(error.message)")
      } catch let error as SystemError {
        throw KubeletError(.mount, "MountVolume.SetUp failed for volume \"\(volume.name)\" : \(error)")
      }
    }
    return prepared
  }

  private func setUp(_ volume: Volume, _ pod: Pod, _ fields: DownwardFields) async throws -> PreparedVolume {
    let source: VolumeSource = volume.volumeSource
    let contents: VolumeContents = VolumeContents(pod: pod, objects: objects, fields: fields)
    if source.hasConfigMap {
      return try writeContents(volume, "configmap", try await contents.configMap(source.configMap), pod)
    }
    if source.hasSecret {
      return try writeContents(volume, "secret", try await contents.secret(source.secret), pod)
    }
    if source.hasDownwardApi {
      let mode: UInt32 = source.downwardApi.hasDefaultMode ? UInt32(source.downwardApi.defaultMode) : 0o644
      return try writeContents(volume, "downward-api", try contents.downward(source.downwardApi.items, mode: mode), pod)
    }
    if source.hasProjected {
      return try writeContents(volume, "projected", try await contents.projected(source.projected), pod)
    }
    if source.hasHostPath { return try HostPathVolume.prepare(source.hostPath) }
    if source.hasImage {
      return PreparedVolume(
        path: "", isReadOnly: true, imageReference: source.image.reference, imagePullPolicy: source.image.pullPolicy)
    }
    if source.hasPersistentVolumeClaim {
      return try await claim(
        source.persistentVolumeClaim.claimName, readOnly: source.persistentVolumeClaim.readOnly, volume, pod)
    }
    if source.hasEphemeral {
      return try await claim("\(pod.metadata.name)-\(volume.name)", readOnly: false, volume, pod)
    }
    if source.hasCsi { return try await csi.setUpInline(source.csi, named: volume.name, pod) }
    if source.hasNfs {
      return try mountNFS(source.nfs, at: paths.volume(pod.uid, plugin: "nfs", name: volume.name))
    }
    if source.hasEmptyDir || source == VolumeSource() { return try emptyDirectory(volume, pod) }
    throw KubeletError(.mount, "no volume plugin matched")
  }

  private func writeContents(
    _ volume: Volume, _ plugin: String, _ files: VolumeContents.FileSet, _ pod: Pod
  ) throws -> PreparedVolume {
    let path: String = paths.volume(pod.uid, plugin: plugin, name: volume.name)
    try Files.makeDirectories(path)
    try Files.setMode(path, 0o777)
    // Secrets and tokens never reach a disk.
    if plugin == "secret" || plugin == "projected" { try mountMemory(path, sizeBytes: nil) }
    let group: UInt32? = pod.spec.securityContext.hasFsGroup ? UInt32(clamping: pod.spec.securityContext.fsGroup) : nil
    try AtomicDirectory(path: path, group: group).write(files)
    return PreparedVolume(path: path)
  }

  private func emptyDirectory(_ volume: Volume, _ pod: Pod) throws -> PreparedVolume {
    let source: EmptyDirVolumeSource = volume.volumeSource.emptyDir
    let path: String = paths.volume(pod.uid, plugin: "empty-dir", name: volume.name)
    let isNew: Bool = !Files.exists(path)
    if isNew {
      // It gets its name when everybody may write to it: a kubelet that is killed before begins anew.
      let fresh: String = path + ".new"
      try Files.makeDirectories(fresh)
      Failpoints.reach("emptyDir.made")
      try Files.setMode(fresh, 0o777)
      if pod.spec.securityContext.hasFsGroup, source.medium != "Memory" {
        try VolumeOwnership.set(fresh, group: UInt32(clamping: pod.spec.securityContext.fsGroup), policy: "Always")
      }
      try Files.rename(fresh, path)
    }
    if source.medium == "Memory" {
      let limit: Int64? = source.hasSizeLimit && !source.sizeLimit.amount.isZero ? source.sizeLimit.amount.value : nil
      let podLimit: Int64? = pod.totalLimits["memory"].map(\.value)
      try mountMemory(path, sizeBytes: [limit, podLimit].compactMap(\.self).min())
    }
    if isNew, source.medium == "Memory" {
      try Files.setMode(path, 0o777)
      if pod.spec.securityContext.hasFsGroup {
        try VolumeOwnership.set(path, group: UInt32(clamping: pod.spec.securityContext.fsGroup), policy: "Always")
      }
    }
    return PreparedVolume(path: path)
  }

  private func mountMemory(_ path: String, sizeBytes: Int64?) throws {
    // Asked again and again for every volume: comparing file systems costs less than reading the mount table.
    if try Files.status(path).device != Files.status("\(path)/..").device { return }
    try Mounts.mount("tmpfs", on: path, type: "tmpfs", options: sizeBytes.map { "size=\($0),mode=0777" } ?? "mode=0777")
  }

  private func mountNFS(_ source: NFSVolumeSource, at path: String) throws -> PreparedVolume {
    try Files.makeDirectories(path)
    if try !Mounts.all().contains(where: { $0.target == path }) {
      try Mounts.mount(
        "\(source.server):\(source.path)", on: path, type: "nfs", flags: source.readOnly ? .readOnly : [],
        options: "addr=\(source.server)")
    }
    return PreparedVolume(path: path, isReadOnly: source.readOnly)
  }

  // MARK: Claims

  private func claim(_ name: String, readOnly: Bool, _ volume: Volume, _ pod: Pod) async throws -> PreparedVolume {
    let claim: PersistentVolumeClaim = try await objects.claim(namespace: pod.metadata.namespace, name: name)
    guard claim.status.phase == "Bound", !claim.spec.volumeName.isEmpty else {
      throw KubeletError(.mount, "PVC \(name) is not bound")
    }
    let persistent: PersistentVolume = try await objects.volume(name: claim.spec.volumeName)
    guard persistent.spec.claimRef.uid.isEmpty || persistent.spec.claimRef.uid == claim.metadata.uid else {
      throw KubeletError(.mount, "PVC \(name) and volume \(persistent.metadata.name) are not bound to each other")
    }
    let source: PersistentVolumeSource = persistent.spec.persistentVolumeSource
    let isReadOnly: Bool = readOnly
    if source.hasCsi { return try await csi.setUp(persistent, readOnly: isReadOnly, pod) }
    if source.hasHostPath {
      var prepared: PreparedVolume = try HostPathVolume.prepare(source.hostPath)
      prepared.isReadOnly = isReadOnly
      return prepared
    }
    if source.hasLocal {
      let path: String = paths.volume(pod.uid, plugin: "local-volume", name: persistent.metadata.name)
      return try local(source.local, persistent, at: path, readOnly: isReadOnly, pod)
    }
    if source.hasNfs {
      return try mountNFS(source.nfs, at: paths.volume(pod.uid, plugin: "nfs", name: persistent.metadata.name))
    }
    throw KubeletError(.mount, "no volume plugin matched")
  }

  private func local(
    _ source: LocalVolumeSource, _ volume: PersistentVolume, at path: String, readOnly: Bool, _ pod: Pod
  ) throws -> PreparedVolume {
    guard Files.exists(source.path) else {
      throw KubeletError(.mount, "path \"\(source.path)\" does not exist")
    }
    if volume.spec.volumeMode == "Block" { return PreparedVolume(path: source.path, isReadOnly: readOnly) }
    try Files.makeDirectories(path)
    if try !Mounts.all().contains(where: { $0.target == path }) {
      if try Files.status(source.path).isBlockDevice {
        try Mounts.mount(source.path, on: path, type: source.fsType.isEmpty ? "ext4" : source.fsType)
      } else {
        try Mounts.mount(source.path, on: path, flags: [.bind, .recursive])
      }
      if pod.spec.securityContext.hasFsGroup, !readOnly {
        try VolumeOwnership.set(
          path, group: UInt32(clamping: pod.spec.securityContext.fsGroup),
          policy: pod.spec.securityContext.fsGroupChangePolicy)
      }
    }
    return PreparedVolume(path: path, isReadOnly: readOnly)
  }

  // MARK: Taking down

  /// Takes down everything that a pod had; also for a pod of which only the directory is left.
  func tearDown(_ uid: PodUID) async throws {
    let directory: String = paths.pod(uid)
    guard Files.exists(directory) else { return }
    try await csi.tearDown(uid)
    Failpoints.reach("PodVolumes.unpublished")
    // The last mounted first, for one may lie on another.
    for mount: Mounts.Entry in try Mounts.all().reversed() where mount.target.hasPrefix(directory + "/") {
      try Mounts.unmount(mount.target, lazily: true)
    }
    Failpoints.reach("PodVolumes.unmounted")
    try Files.removeTree(directory)
  }

  /// The pods that have directories.
  func podsWithDirectories() -> Set<PodUID> {
    // No directory yet: no pods.
    Set(((try? Files.list(paths.pods)) ?? []).map(PodUID.init))
  }
}

/// Directories and files of the node.
enum HostPathVolume {
  static func prepare(_ source: HostPathVolumeSource) throws -> PreparedVolume {
    let path: String = source.path
    func check(_ what: String, _ test: (Files.Status) -> Bool) throws {
      guard let status: Files.Status = try? Files.status(path), test(status) else {
        throw KubeletError(.mount, "hostPath type check failed: \(path) is not a \(what)")
      }
    }
    switch source.type {
    case "DirectoryOrCreate":
      if !Files.exists(path) { try Files.makeDirectories(path) }
      try check("directory", \.isDirectory)
    case "Directory": try check("directory", \.isDirectory)
    case "FileOrCreate":
      if !Files.exists(path) { try Files.write(path, []) }
      try check("file", \.isRegular)
    case "File": try check("file", \.isRegular)
    case "Socket": try check("socket file", \.isSocket)
    case "CharDevice": try check("character device", \.isCharacterDevice)
    case "BlockDevice": try check("block device", \.isBlockDevice)
    default:
      // The runtime's habit with paths that do not exist: a directory.
      if !Files.exists(path) { try Files.makeDirectories(path) }
    }
    return PreparedVolume(path: path)
  }
}

/// Gives a volume's files to the pod's group.
enum VolumeOwnership {
  /// - Parameter policy: `OnRootMismatch` leaves a volume alone whose root is right already.
  static func set(_ path: String, group: UInt32, policy: String) throws {
    if policy == "OnRootMismatch" {
      let root: Files.Status = try Files.status(path)
      if root.gid == group, root.mode & 0o2070 == 0o2070 { return }
    }
    try apply(path, group)
  }

  private static func apply(_ path: String, _ group: UInt32) throws {
    let status: Files.Status = try Files.status(path, followLinks: false)
    if status.isSymbolicLink { return }
    if status.isDirectory {
      for name: String in try Files.list(path) { try apply("\(path)/\(name)", group) }
    }
    try Files.setOwner(path, uid: status.uid, gid: group)
    let bits: UInt32 = status.isDirectory ? 0o2770 : 0o660
    try Files.setMode(path, (status.mode & 0o7777) | bits)
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeCore
import SwiftProtobuf

/// What of the node a container sees, and where.
struct ContainerMounts: Sendable {
  let pod: Pod
  let container: Container
  let volumes: [String: PreparedVolume]
  let paths: PodPaths
  /// The container's variables, for `subPathExpr`.
  let variables: [String: String]
  /// The numbers of the host that are the pod's users; files keep the numbers on the disk that they have inside.
  let users: CRIIDMapping?

  /// Makes the files that are mounted, and the list of mounts and devices.
  func make(attempt: UInt32) throws -> (mounts: [CRIMount], devices: [CRIDevice]) {
    var mounts: [CRIMount] = []
    for mount: VolumeMount in container.volumeMounts { mounts.append(try make(mount)) }
    var devices: [CRIDevice] = []
    for device: VolumeDevice in container.volumeDevices {
      guard let volume: PreparedVolume = volumes[device.name] else {
        throw KubeletError(.configuration, "cannot find volume \"\(device.name)\" to map into container \"\(container.name)\"")
      }
      devices.append(
        .with {
          $0.containerPath = device.devicePath
          $0.hostPath = volume.path
          $0.permissions = volume.isReadOnly ? "r" : "mrw"
        })
    }
    let hosts: String = paths.hostsFile(pod.uid)
    if !container.volumeMounts.contains(where: { $0.mountPath == "/etc/hosts" }), Files.exists(hosts) {
      mounts.append(
        .with {
          $0.containerPath = "/etc/hosts"
          $0.hostPath = hosts
        })
    }
    mounts.append(try terminationLog(attempt))
    if let users {
      for number: Int in mounts.indices where !mounts[number].hasImage {
        mounts[number].uidMappings = [users]
        mounts[number].gidMappings = [users]
      }
    }
    return (mounts, devices)
  }

  private func make(_ mount: VolumeMount) throws -> CRIMount {
    guard let volume: PreparedVolume = volumes[mount.name] else {
      throw KubeletError(.configuration, "cannot find volume \"\(mount.name)\" to mount into container \"\(container.name)\"")
    }
    var subPath: String = mount.subPath
    if !mount.subPathExpr.isEmpty {
      subPath = Expansion.expand(mount.subPathExpr) { variables[$0] }
      if subPath.contains("$(") {
        throw KubeletError(.configuration, "missing value for a variable in subPathExpr \"\(mount.subPathExpr)\"")
      }
    }
    let hostPath: String = volume.imageReference.isEmpty ? try Self.resolve(subPath, in: volume.path) : ""
    return .with {
      $0.containerPath = mount.mountPath.hasPrefix("/") ? mount.mountPath : "/" + mount.mountPath
      $0.hostPath = hostPath
      $0.readonly = mount.readOnly || volume.isReadOnly
      $0.recursiveReadOnly = mount.readOnly && ["Enabled", "IfPossible"].contains(mount.recursiveReadOnly)
      $0.propagation =
        switch mount.mountPropagation {
        case "Bidirectional": .propagationBidirectional
        case "HostToContainer": .propagationHostToContainer
        default: .propagationPrivate
        }
      if !volume.imageReference.isEmpty {
        $0.image.image = ImagePuller.withTag(volume.imageReference)
        $0.image.userSpecifiedImage = volume.imageReference
        $0.imageSubPath = subPath
        $0.readonly = true
      }
    }
  }

  /// The path below a volume, made as a directory where there is nothing; links must not lead out of the volume.
  static func resolve(_ subPath: String, in volume: String) throws -> String {
    if subPath.isEmpty { return volume }
    let components: [Substring] = subPath.split(separator: "/")
    guard !subPath.hasPrefix("/"), !components.contains("..") else {
      throw KubeletError(.configuration, "subPath \"\(subPath)\" must be relative and must not contain ..")
    }
    let volume: String = normal(volume)
    var path: String = volume
    for component: Substring in components {
      path += "/\(component)"
      if let status: Files.Status = try? Files.status(path, followLinks: false) {
        // What the kubelet itself makes are links inside the volume; others could lead anywhere.
        if status.isSymbolicLink { path = try follow(path, in: volume) }
      } else {
        try Files.makeDirectory(path, mode: 0o750)
        let parent: Files.Status = try Files.status(volume)
        try Files.setMode(path, parent.mode & 0o7777)
        if parent.gid != 0 { try Files.setOwner(path, uid: parent.uid, gid: parent.gid) }
      }
    }
    return path
  }

  private static func follow(_ link: String, in volume: String) throws -> String {
    var path: String = link
    // As many as the kernel follows.
    for _ in 0..<40 {
      guard let status: Files.Status = try? Files.status(path, followLinks: false) else { break }
      guard status.isSymbolicLink else {
        // `..data/key` leads through another link.
        return path
      }
      let target: String = try Files.readLink(path)
      let base: String = target.hasPrefix("/") ? target : (Files.parent(of: path) ?? "/") + "/" + target
      path = normal(base)
      guard path == volume || path.hasPrefix(volume + "/") else {
        throw KubeletError(.configuration, "subPath of a volume leads out of it: \(link)")
      }
      path = try throughLinks(path, in: volume)
    }
    throw KubeletError(.configuration, "subPath of a volume cannot be followed: \(link)")
  }

  /// The path with links of its folders followed.
  private static func throughLinks(_ path: String, in volume: String) throws -> String {
    guard let parent: String = Files.parent(of: path), parent != volume, parent.hasPrefix(volume + "/"),
      let status: Files.Status = try? Files.status(parent, followLinks: false), status.isSymbolicLink
    else { return path }
    let name: Substring = path.split(separator: "/").last ?? ""
    return try follow(parent, in: volume) + "/\(name)"
  }

  private static func normal(_ path: String) -> String {
    var result: [Substring] = []
    for component: Substring in path.split(separator: "/") {
      if component == "." { continue }
      if component == ".." { _ = result.popLast() } else { result.append(component) }
    }
    return "/" + result.joined(separator: "/")
  }

  /// The file in which a container leaves its last words.
  private func terminationLog(_ attempt: UInt32) throws -> CRIMount {
    let folder: String = paths.container(pod.uid, container.name)
    try Files.makeDirectories(folder)
    let file: String = "\(folder)/\(attempt)-\(String(UInt32.random(in: 0...UInt32.max), radix: 16))"
    try Files.write(file, [])
    // Whoever the container runs as may write it.
    try Files.setMode(file, 0o666)
    let path: String = container.terminationMessagePath.isEmpty ? TerminationMessage.defaultPath : container.terminationMessagePath
    return .with {
      $0.containerPath = path
      $0.hostPath = file
    }
  }
}

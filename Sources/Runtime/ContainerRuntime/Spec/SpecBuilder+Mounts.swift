// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Images
import Kernel
import OCISpec
import SwiftProtobuf

extension SpecBuilder {
  private var wanted: [CRIMount] { container.config.mounts }
  private var isPrivileged: Bool { container.config.linux.securityContext.privileged }

  /// The file systems that every Linux program expects (runtime-spec, config-linux.md "Default Filesystems").
  func standardMounts() -> [RuntimeSpec.Mount] {
    let taken: Set<String> = Set(wanted.map { Self.clean($0.containerPath) })
    let access: String = isPrivileged ? "rw" : "ro"
    let mounts: [RuntimeSpec.Mount] = [
      RuntimeSpec.Mount(
        destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
      RuntimeSpec.Mount(
        destination: "/dev", type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
      RuntimeSpec.Mount(
        destination: "/dev/pts", type: "devpts", source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
      RuntimeSpec.Mount(
        destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
      RuntimeSpec.Mount(
        destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", access]),
      RuntimeSpec.Mount(
        destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
        options: ["nosuid", "noexec", "nodev", "relatime", access]),
    ]
    return mounts.filter { !taken.contains($0.destination) }
  }

  /// What the pod's containers share: names, resolver and memory.
  func podMounts() -> [RuntimeSpec.Mount] {
    let taken: Set<String> = Set(wanted.map { Self.clean($0.containerPath) })
    let directory: String = core.records.sandboxDirectory(sandbox.id)
    let access: String = container.config.linux.securityContext.readonlyRootfs ? "ro" : "rw"
    var mounts: [RuntimeSpec.Mount] = ["hostname", "hosts", "resolv.conf"].map {
      RuntimeSpec.Mount(
        destination: "/etc/" + $0, type: "bind", source: directory + "/" + $0, options: ["rbind", "rprivate", access])
    }
    let memory: String = sandbox.usesHostIPC ? "/dev/shm" : core.podState(sandbox.id) + "/shm"
    mounts.append(
      RuntimeSpec.Mount(destination: "/dev/shm", type: "bind", source: memory, options: ["rbind", "rprivate", "rw"]))
    return mounts.filter { !taken.contains($0.destination) && Files.exists($0.source) }
  }

  /// What the container asks for. A path on the host that is missing becomes a directory.
  func containerMounts(_ imageVolumes: [Int: OverlayMount]) throws -> [RuntimeSpec.Mount] {
    var mounts: [RuntimeSpec.Mount] = []
    for (number, mount) in wanted.enumerated() {
      let destination: String = Self.clean(mount.containerPath)
      guard destination.hasPrefix("/") else {
        throw RuntimeError(.invalid, "the mount's container path \"\(mount.containerPath)\" is not absolute")
      }
      if let volume: OverlayMount = imageVolumes[number] {
        // Mounted by whoever prepared it.
        let source: String = try imageVolumeSource(volume, mount)
        mounts.append(
          RuntimeSpec.Mount(destination: destination, type: "bind", source: source, options: ["rbind", "rprivate", "ro"]))
        continue
      }
      if mount.recursiveReadOnly, !mount.readonly || mount.propagation != .propagationPrivate {
        throw RuntimeError(
          .invalid, "the recursive read-only mount \"\(destination)\" must be read-only, with private propagation")
      }
      if !Files.exists(mount.hostPath) { try Files.makeDirectories(mount.hostPath) }
      var options: [String] = ["rbind"]
      switch mount.propagation {
      case .propagationBidirectional: options.append("rshared")
      case .propagationHostToContainer: options.append("rslave")
      default: options.append("rprivate")
      }
      if try isMapped(mount) { options.append("idmap") }
      options.append(mount.readonly ? (mount.recursiveReadOnly ? "rro" : "ro") : "rw")
      mounts.append(
        RuntimeSpec.Mount(destination: destination, type: "bind", source: mount.hostPath, options: options))
    }
    return mounts
  }

  /// The part of an image that is mounted; links in it must not lead out of it.
  private func imageVolumeSource(_ volume: OverlayMount, _ mount: CRIMount) throws -> String {
    guard mount.readonly else {
      throw RuntimeError(.invalid, "the image volume \"\(mount.containerPath)\" must be read-only")
    }
    guard !mount.imageSubPath.isEmpty else { return volume.target }
    let image: String = mount.image.image
    do throws(SystemError) { return try Files.path(mount.imageSubPath, inside: volume.target) } catch {
      throw RuntimeError(
        .invalid, "the sub path \"\(mount.imageSubPath)\" of image \"\(image)\" cannot be mounted: \(error)")
    }
  }

  /// Whether the owners of a mount's files are to be mapped, which can only be as the pod's users are.
  private func isMapped(_ mount: CRIMount) throws -> Bool {
    guard !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty else { return false }
    let options: CRINamespaceOption = .with {
      $0.usernsOptions.mode = .pod
      $0.usernsOptions.uids = mount.uidMappings
      $0.usernsOptions.gids = mount.gidMappings
    }
    guard try UserMapping(options) == sandbox.userMapping else {
      throw RuntimeError(.invalid, "the mappings of mount \"\(mount.containerPath)\" are not those of the pod")
    }
    return true
  }

  static func sorted(_ mounts: [RuntimeSpec.Mount]) -> [RuntimeSpec.Mount] {
    let keyed = mounts.enumerated().map { (depth: depth($0.element.destination), place: $0.offset, mount: $0.element) }
    return keyed.sorted { ($0.depth, $0.place) < ($1.depth, $1.place) }.map(\.mount)
  }

  private static func depth(_ path: String) -> Int { path.utf8.count { $0 == UInt8(ascii: "/") } }

  static func clean(_ path: String) -> String {
    var parts: [Substring] = []
    for part: Substring in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }

  /// Device nodes of the host; with privileges, all of them.
  func devices() throws -> [RuntimeSpec.Device] {
    var found: [RuntimeSpec.Device] = []
    if isPrivileged {
      for name: String in (try? Files.list("/dev")) ?? [] {
        let path: String = "/dev/" + name
        // Terminals and directories of the host are not the container's.
        if ["console", "ptmx", "tty", "null", "zero", "full", "random", "urandom"].contains(name) { continue }
        if let device = try? device(path, at: path) { found.append(device) }
      }
    }
    for wanted: CRIDevice in container.config.devices {
      if try Files.status(wanted.hostPath).isDirectory {
        for name: String in try Files.list(wanted.hostPath) {
          if let device = try? device("\(wanted.hostPath)/\(name)", at: "\(wanted.containerPath)/\(name)") {
            found.append(device)
          }
        }
      } else if let device = try device(wanted.hostPath, at: wanted.containerPath) {
        found.removeAll { $0.path == device.path }
        found.append(device)
      } else {
        throw RuntimeError(.invalid, "\"\(wanted.hostPath)\" is no device")
      }
    }
    return found
  }

  private func device(_ path: String, at containerPath: String) throws -> RuntimeSpec.Device? {
    let status: Files.Status = try Files.status(path)
    guard status.isCharacterDevice || status.isBlockDevice else { return nil }
    return RuntimeSpec.Device(
      path: Self.clean(containerPath), type: status.isBlockDevice ? "b" : "c", major: status.major, minor: status.minor,
      fileMode: status.mode & 0o777, uid: status.uid, gid: status.gid)
  }
}

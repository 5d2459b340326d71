// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Cgroups
import Glibc
import Kernel
import OCISpec

extension ContainerSetup {
  /// Mounts everything below the new root, in the order of the configuration.
  func mountAll(_ root: borrowing RootDirectory) throws(ContainerInitError) {
    for mount: RuntimeSpec.Mount in spec.mounts {
      do throws(SystemError) {
        switch mount.type {
        case "cgroup", "cgroup2": try mountCgroups(mount, root)
        case "bind": try bind(mount, root)
        default:
          if MountOptions(mount.options).flags.contains(.bind) {
            try bind(mount, root)
          } else {
            try mountFileSystem(mount, root)
          }
        }
      } catch {
        throw ContainerInitError("mount \"\(mount.source)\" to \"\(mount.destination)\"", error)
      }
    }
  }

  /// Copies the sources of mounts, chosen by their options, before they cannot be reached any more or this mount
  /// namespace is cut off from the host's. In a user namespace they are mapped, where that is asked for.
  mutating func keepSources(_ isWanted: ([String]) -> Bool) throws(ContainerInitError) {
    for mount: RuntimeSpec.Mount in spec.mounts where mount.type == "bind" {
      let mapping: String? = options.mountNamespaces[mount.destination]
      guard sources[mount.destination] == nil, mapping != nil || isWanted(mount.options) else { continue }
      sources[mount.destination] = try step("open \(mount.source)") { () throws(SystemError) in
        let copy: FileDescriptor = try Mounts.detachedCopy(mount.source, recursive: mount.options.contains("rbind"))
        if let mapping {
          let own: FileDescriptor = try FileDescriptor.open(mapping)
          try Mounts.setAttributes(
            ofDetached: copy, set: Mounts.Attribute.idMapped, userNamespace: own.raw,
            recursive: MountOptions(mount.options).isIDMappedBelow)
        } else if let userNamespace, MountOptions(mount.options).isIDMapped {
          try Mounts.setAttributes(
            ofDetached: copy, set: Mounts.Attribute.idMapped, userNamespace: userNamespace.raw)
        }
        return SharedDescriptor(copy)
      }
    }
  }

  private func mountFileSystem(_ mount: RuntimeSpec.Mount, _ root: borrowing RootDirectory) throws(SystemError) {
    let options: MountOptions = MountOptions(mount.options)
    let target: FileDescriptor = try root.make(mount.destination, isDirectory: true)
    // The mode of a directory that a tmpfs hides shows through unless an option says otherwise.
    var data: [String] = options.data
    if mount.type == "tmpfs", !data.contains(where: { $0.hasPrefix("mode=") }) {
      let hidden: Files.Status = try Files.status(descriptorPath(target))
      data.append("mode=" + String(hidden.mode & 0o7777, radix: 8))
    }
    try Mounts.mount(
      mount.source.isEmpty ? mount.type : mount.source, on: descriptorPath(target), type: mount.type,
      flags: options.flags, options: data.joined(separator: ","))
    try propagate(options, mount.destination, root)
  }

  private func bind(_ mount: RuntimeSpec.Mount, _ root: borrowing RootDirectory) throws(SystemError) {
    let options: MountOptions = MountOptions(mount.options)
    let kept: SharedDescriptor? = sources[mount.destination]
    let source: Files.Status = try Files.status(kept.map { "/proc/self/fd/\($0.raw)" } ?? mount.source)
    let target: FileDescriptor = try root.make(mount.destination, isDirectory: source.isDirectory)
    let isRecursive: Bool = options.flags.contains(.recursive) || !mount.options.contains("bind")
    // A detached copy takes its attributes before anyone can see it.
    let copy: FileDescriptor
    if let kept {
      copy = FileDescriptor(owning: try Kernel.duplicate(kept.raw))
    } else {
      copy = try Mounts.detachedCopy(mount.source, recursive: isRecursive)
    }
    try change(copy, options)
    try Mounts.attach(copy, on: descriptorPath(target))
    try propagate(options, mount.destination, root)
  }

  private func change(_ copy: borrowing FileDescriptor, _ options: MountOptions) throws(SystemError) {
    // "rw" and its like are the absence of a wish: what the mount does not allow on the host stays forbidden.
    let cleared: UInt64 = options.attributesCleared & Mounts.Attribute.accessTimes
    if options.attributesSet | cleared != 0 {
      try Mounts.setAttributes(ofDetached: copy, set: options.attributesSet, clear: cleared)
    }
    if options.recursiveSet | options.recursiveCleared != 0 {
      try Mounts.setAttributes(
        ofDetached: copy, set: options.recursiveSet, clear: options.recursiveCleared, recursive: true)
    }
  }

  private func propagate(
    _ options: MountOptions, _ destination: String, _ root: borrowing RootDirectory
  ) throws(SystemError) {
    guard !options.propagation.isEmpty else { return }
    // Found again: the old descriptor is of the directory beneath the mount.
    let mounted: FileDescriptor = try root.find(destination)
    for kind: MountFlags in options.propagation {
      try Mounts.mount("", on: descriptorPath(mounted), flags: kind)
    }
  }

  /// On a unified machine the container's group is the root of a cgroup2 mount (in a cgroup namespace of its own).
  /// On v1, each of the group's directories is bound below a tmpfs: the container sees its own group and no other.
  private func mountCgroups(_ mount: RuntimeSpec.Mount, _ root: borrowing RootDirectory) throws(SystemError) {
    let options: MountOptions = MountOptions(mount.options)
    guard !hierarchy.isUnified else {
      let target: FileDescriptor = try root.make(mount.destination, isDirectory: true)
      return try Mounts.mount("cgroup", on: descriptorPath(target), type: "cgroup2", flags: options.flags)
    }
    let target: FileDescriptor = try root.make(mount.destination, isDirectory: true)
    try Mounts.mount(
      "tmpfs", on: descriptorPath(target), type: "tmpfs", flags: [.noSetUID, .noDevices, .noExecute],
      options: "mode=755,size=65536")
    var seen: Set<String> = []
    for (controller, directory) in hierarchy.controllers.sorted(by: { $0.key < $1.key }) {
      guard let name: Substring = directory.split(separator: "/").last else { continue }
      let inside: String = mount.destination + "/" + name
      if seen.insert(directory).inserted {
        let group: String = directory + (spec.cgroupsPath == "/" ? "" : spec.cgroupsPath)
        // A controller that the runtime made no group for has nothing to show.
        guard Files.exists(group) else { continue }
        let place: FileDescriptor = try root.make(inside, isDirectory: true)
        let copy: FileDescriptor = try Mounts.detachedCopy(group)
        try Mounts.setAttributes(
          ofDetached: copy,
          set: options.attributesSet & ~Mounts.Attribute.accessTimes | Mounts.Attribute.noSetUID | Mounts.Attribute.noDevices)
        try Mounts.attach(copy, on: descriptorPath(place))
      }
      if controller != name {
        let parent: FileDescriptor = try root.find(mount.destination)
        // The link is a convenience for programs that look for the controller's own name.
        _ = symlinkat(String(name), parent.raw, controller)
      }
    }
    if options.flags.contains(.readOnly) {
      let mounted: FileDescriptor = try root.find(mount.destination)
      try Mounts.setAttributes(descriptorPath(mounted), set: Mounts.Attribute.readOnly)
    }
  }

  /// The devices that every container has, those of the configuration, and the links beside them.
  func makeDevices(_ root: borrowing RootDirectory) throws(ContainerInitError) {
    let bound: Set<String> = Set(spec.mounts.filter { $0.destination == "/dev" && $0.type == "bind" }.map(\.destination))
    guard bound.isEmpty else { return }
    let defaults: [RuntimeSpec.Device] = [
      RuntimeSpec.Device(path: "/dev/null", type: "c", major: 1, minor: 3),
      RuntimeSpec.Device(path: "/dev/zero", type: "c", major: 1, minor: 5),
      RuntimeSpec.Device(path: "/dev/full", type: "c", major: 1, minor: 7),
      RuntimeSpec.Device(path: "/dev/random", type: "c", major: 1, minor: 8),
      RuntimeSpec.Device(path: "/dev/urandom", type: "c", major: 1, minor: 9),
      RuntimeSpec.Device(path: "/dev/tty", type: "c", major: 5, minor: 0),
    ]
    let mounted: Set<String> = Set(spec.mounts.map(\.destination))
    for device: RuntimeSpec.Device in defaults + spec.devices where !mounted.contains(device.path) {
      do throws(SystemError) { try make(device, root) } catch {
        throw ContainerInitError("create device \"\(device.path)\"", error)
      }
    }
    let links: [(String, String)] = [
      ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"),
      ("/dev/stderr", "/proc/self/fd/2"), ("/dev/ptmx", "pts/ptmx"), ("/dev/core", "/proc/kcore"),
    ]
    for (path, target) in links {
      guard let parent: FileDescriptor = try? root.find("/dev") else { return }
      if path == "/dev/core", !Files.exists("/proc/kcore") { continue }
      // One that the image brought stays.
      _ = symlinkat(target, parent.raw, String(path.dropFirst(5)))
    }
  }

  private func make(_ device: RuntimeSpec.Device, _ root: borrowing RootDirectory) throws(SystemError) {
    let directory: String = Files.parent(of: device.path) ?? "/"
    let parent: FileDescriptor = try root.make(directory, isDirectory: true)
    let name: String = String(device.path.split(separator: "/").last ?? "")
    let kind: UInt32 =
      switch device.type {
      case "b": UInt32(S_IFBLK)
      case "p": UInt32(S_IFIFO)
      default: UInt32(S_IFCHR)
      }
    let path: String = descriptorPath(parent) + "/" + name
    if makesDeviceNodes {
      do throws(SystemError) {
        try Files.makeNode(path, mode: kind | device.fileMode, major: device.major, minor: device.minor)
        try Files.setMode(path, device.fileMode)
        return try Files.setOwner(path, uid: device.uid, gid: device.gid)
      } catch {
        if error.errno == .exists { return }
        if error.errno != .notPermitted { throw error }
      }
    }
    // In a user namespace nobody may make device nodes: the host's is bound in its place.
    let target: FileDescriptor = try root.make(device.path, isDirectory: false)
    try Mounts.mount(device.path, on: descriptorPath(target), flags: .bind)
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CArchive
internal import Glibc
internal import JSON
internal import enum Kernel.Failpoints
internal import OCISpec

extension ImageStore {
  /// Makes a container's upper directory over an image's layers. Calling it again gives the same mount.
  public func prepareRootFileSystem(container id: String, image name: String) async throws -> OverlayMount {
    try await prepare(id, image: name, isWritable: true)
  }

  /// Makes a read-only view of an image, for image volumes.
  public func prepareImageVolume(_ id: String, image name: String) async throws -> OverlayMount {
    try await prepare(id, image: name, isWritable: false)
  }

  private func prepare(_ id: String, image name: String, isWritable: Bool) async throws -> OverlayMount {
    guard !id.isEmpty, !id.hasPrefix("."), !id.contains("/") else {
      throw ImagesError(code: .invalidReference, message: "\"\(id)\" cannot be the id of a root file system")
    }
    guard let image: ResolvedImage = find(name) else {
      throw ImagesError(code: .notFound, message: "no such image: \"\(name)\"")
    }
    // An unpacked layer may have been removed by hand, or lost with the disk it was on.
    if !isUnpacked(image) { try await unpackAll(image) }
    let directory: String = "\(configuration.root)/containers/\(id)"
    if !Files.exists(directory) { try make(directory, id: id, image: image) }
    return OverlayMount(
      lower: layersOfRootFileSystem(id).map(layers.path),
      upper: isWritable ? "\(directory)/upper" : nil, work: isWritable ? "\(directory)/work" : nil,
      target: "\(directory)/rootfs", options: [])
  }

  private func make(_ directory: String, id: String, image: ResolvedImage) throws {
    let temporary: String = "\(configuration.root)/containers/.\(id)"
    try Files.removeTree(temporary)
    for name: String in ["upper", "work", "rootfs"] { try Files.makeDirectory("\(temporary)/\(name)") }
    // The root directory of an overlay mount is the upper one.
    var status: stat = stat()
    let top: String = layers.path(image.layerNames[0])
    guard stat(top, &status) == 0 else { throw ImagesError.system("stat", top) }
    guard chown("\(temporary)/upper", status.st_uid, status.st_gid) == 0,
      chmod("\(temporary)/upper", status.st_mode & 0o7777) == 0
    else { throw ImagesError.system("chown", "\(temporary)/upper") }
    let facts: JSONValue = ["image": .string(image.id), "layers": JSONValue(image.layerNames)]
    try Files.replace("\(temporary)/rootfs.json", with: facts.bytes)
    guard rename(temporary, directory) == 0 else { throw ImagesError.system("rename", directory) }
  }

  /// Unmounts and removes what `prepareRootFileSystem` or `prepareImageVolume` made; of nothing is fine.
  public func removeRootFileSystem(_ id: String) async throws {
    let directory: String = "\(configuration.root)/containers/\(id)"
    guard !id.isEmpty, !id.contains("/"), Files.exists(directory) else { return }
    // Mounts may be stacked; EINVAL says that there are none left.
    while umount2("\(directory)/rootfs", CInt(MNT_DETACH)) == 0 {}
    let used: [String] = layersOfRootFileSystem(id)
    let doomed: String = "\(configuration.root)/containers/.\(id).removed"
    guard rename(directory, doomed) == 0 || errno == ENOENT else { throw ImagesError.system("rename", directory) }
    Failpoints.reach("RootFileSystem.removing")
    try await onBlockingThread { try Files.removeTree(doomed) }
    let inUse: Set<String> = Set(resolved.values.flatMap(\.layerNames))
    if used.contains(where: { !inUse.contains($0) && $0 != LayerStore.emptyName }) { collectGarbage() }
  }

  /// The ids that have a root file system on disk: what the runtime does not know can be removed.
  public func rootFileSystems() -> [String] {
    Files.list("\(configuration.root)/containers").filter { !$0.hasPrefix(".") }
  }

  func layersOfRootFileSystem(_ id: String) -> [String] {
    // The directory appears together with its facts; one without them holds no layer.
    guard let bytes: [UInt8] = try? Files.read("\(configuration.root)/containers/\(id)/rootfs.json"),
      let facts: JSONValue = try? JSONValue(parsing: bytes)
    else { return [] }
    return facts["layers"].items.compactMap(\.string)
  }

  /// What the containers' own changes occupy.
  public func containersUsage() async -> FileSystemUsage {
    await usage(of: "\(configuration.root)/containers")
  }

  /// What one container's own changes occupy; nil where there is no such container.
  public func containerUsage(_ id: String) async -> FileSystemUsage? {
    let directory: String = "\(configuration.root)/containers/\(id)/upper"
    return Files.exists(directory) ? await usage(of: directory) : nil
  }

  private func usage(of path: String) async -> FileSystemUsage {
    // A tree that changes while it is read gives a figure that was true at some moment.
    let usage: (bytes: UInt64, inodes: UInt64) = (try? await onBlockingThread { Files.usage(path) }) ?? (0, 0)
    return FileSystemUsage(mountPoint: configuration.root, usedBytes: usage.bytes, inodesUsed: usage.inodes)
  }

  /// Mounts at `mount.target` in the calling process's mount namespace.
  public static func mount(_ mount: OverlayMount) throws(ImagesError) {
    let isReadOnly: Bool = mount.upper == nil
    if isReadOnly, mount.lower.count == 1 {
      // Overlayfs wants two layers where nothing can be written.
      let flags: UInt = UInt(MS_BIND) | UInt(MS_REC)
      guard Glibc.mount(mount.lower[0], mount.target, nil, flags, nil) == 0 else {
        throw .system("mount", mount.target)
      }
      let remount: UInt = UInt(MS_BIND) | UInt(MS_REMOUNT) | UInt(MS_RDONLY)
      guard Glibc.mount(nil, mount.target, nil, remount, nil) == 0 else { throw .system("mount", mount.target) }
      return
    }
    let data: String = mount.mountData
    // mount(2) takes one page of data, of which the last byte is its end.
    guard data.utf8.count < 4096 else {
      throw ImagesError(
        code: .unsupported, message: "\(mount.lower.count) layers are more than one mount can take: squash the image")
    }
    let flags: UInt = isReadOnly ? UInt(MS_RDONLY) : 0
    guard Glibc.mount("overlay", mount.target, "overlay", flags, data) == 0 else {
      throw .system("mount overlay", mount.target)
    }
  }
}

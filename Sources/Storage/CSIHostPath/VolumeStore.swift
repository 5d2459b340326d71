// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import GRPCCore
internal import Glibc
internal import JSON
internal import Kernel

/// Volumes and snapshots on disk: `volumes/<id>/{record.json,data or disk.img}` and `snapshots/<id>/…`.
///
/// A folder appears under its name only when it is whole and goes by being renamed, so that a killed driver
/// finds all that it has promised and nothing half done.
actor VolumeStore {
  nonisolated let root: String
  /// What all volumes together may promise.
  let capacityBytes: Int64
  private(set) var volumes: [String: VolumeRecord] = [:]
  private(set) var snapshots: [String: SnapshotRecord] = [:]
  /// Names and ids that a call is working on: a second call is told to come back (CSI, Concurrency).
  private var busy: Set<String> = []

  init(root: String, capacityBytes: Int64) throws {
    self.root = root
    self.capacityBytes = capacityBytes
    for folder: String in ["volumes", "snapshots"] {
      try Files.makeDirectories("\(root)/\(folder)", mode: 0o700)
      for name: String in try Files.list("\(root)/\(folder)") {
        let path: String = "\(root)/\(folder)/\(name)"
        if name.hasPrefix(".") {
          try Files.removeTree(path)
          continue
        }
        let json: JSONValue = try JSONValue(parsing: try Files.read("\(path)/record.json"))
        if let volume: VolumeRecord = VolumeRecord(json), folder == "volumes" { volumes[name] = volume }
        if let snapshot: SnapshotRecord = SnapshotRecord(json), folder == "snapshots" { snapshots[name] = snapshot }
      }
    }
  }

  nonisolated func folder(_ volumeID: String) -> String { "\(root)/volumes/\(volumeID)" }
  nonisolated func snapshotFolder(_ id: String) -> String { "\(root)/snapshots/\(id)" }

  /// The directory or disk image of a volume or snapshot folder.
  nonisolated static func data(_ folder: String, _ access: VolumeRecord.Access) -> String {
    access == .block ? "\(folder)/disk.img" : "\(folder)/data"
  }
  nonisolated func data(_ volume: VolumeRecord) -> String { Self.data(folder(volume.id), volume.access) }

  var usedBytes: Int64 { volumes.values.reduce(0) { $0 + $1.capacityBytes } }

  /// Runs one call at a time per key.
  func exclusively<Value: Sendable>(_ key: String, _ work: () async throws -> Value) async throws -> Value {
    guard busy.insert(key).inserted else { throw CSIHostPathError(.aborted, "an operation on \(key) is in progress") }
    defer { busy.remove(key) }
    return try await work()
  }

  /// Makes a volume, empty or from what `source` names.
  func create(_ volume: VolumeRecord, from source: String?) async throws {
    guard usedBytes + volume.capacityBytes <= capacityBytes else {
      throw CSIHostPathError(
        .resourceExhausted,
        "requested capacity \(volume.capacityBytes) exceeds the \(capacityBytes - usedBytes) bytes that are left")
    }
    // Counted before it is made, so that two at once cannot take the same room.
    volumes[volume.id] = volume
    let root: String = root
    do {
      try await Self.onBlockingThread {
        let new: String = "\(root)/volumes/.new-\(volume.id)"
        try Files.removeTree(new)
        try Files.makeDirectories(new, mode: 0o755)
        try Self.fill(Self.data(new, volume.access), volume, from: source)
        try Files.replace("\(new)/record.json", volume.json.bytes)
        Failpoints.reach("CreateVolume.filled")
        try Files.rename(new, "\(root)/volumes/\(volume.id)")
        Failpoints.reach("CreateVolume.renamed")
      }
    } catch {
      volumes[volume.id] = nil
      throw error
    }
  }

  private static func fill(_ data: String, _ volume: VolumeRecord, from source: String?) throws {
    switch volume.access {
    case .mount:
      try Files.makeDirectory(data, mode: 0o777)
      // Beyond the umask: any pod may write, as in an empty directory.
      try Files.setMode(data, 0o777)
      if let source { try TreeCopy.copyTree(source, data) }
    case .block:
      if let source { try TreeCopy.copyFile(source, data) } else { try Files.write(data, []) }
      guard truncate(data, off_t(volume.capacityBytes)) == 0 else { throw SystemError(.current, "truncate", data) }
    }
  }

  /// Removes a volume; of none is fine.
  func delete(_ id: String) async throws {
    guard let volume: VolumeRecord = volumes[id] else { return }
    let path: String = folder(id)
    guard try !isInUse(volume) else { throw CSIHostPathError(.failedPrecondition, "volume \(id) is in use") }
    if volume.access == .block { try LoopDevices.detach(data(volume)) }
    try await remove(path, as: "\(root)/volumes/.removed-\(id)")
    volumes[id] = nil
  }

  private func remove(_ path: String, as doomed: String) async throws {
    try await Self.onBlockingThread {
      try Files.removeTree(doomed)
      try Files.rename(path, doomed)
      Failpoints.reach("DeleteVolume.renamed")
      try Files.removeTree(doomed)
    }
  }

  /// Whether the volume is mounted anywhere in this mount namespace.
  nonisolated func isInUse(_ volume: VolumeRecord) throws -> Bool {
    let suffix: String = "/volumes/\(volume.id)/data"
    let device: String? = volume.access == .block ? try LoopDevices.device(of: data(volume)) : nil
    return try Mounts.all().contains { entry in
      entry.root.hasSuffix(suffix)
        || device.map { entry.root == String($0.dropFirst(4)) || entry.source == $0 } ?? false
    }
  }

  /// Gives a volume a new size.
  func resize(_ id: String, to capacity: Int64) throws {
    guard var volume: VolumeRecord = volumes[id] else { throw CSIHostPathError.noVolume(id) }
    guard usedBytes - volume.capacityBytes + capacity <= capacityBytes else {
      throw CSIHostPathError(.outOfRange, "requested capacity \(capacity) exceeds what is left")
    }
    if volume.access == .block, truncate(data(volume), off_t(capacity)) != 0 {
      throw SystemError(.current, "truncate", data(volume))
    }
    volume.capacityBytes = capacity
    try Files.replace("\(folder(id))/record.json", volume.json.bytes)
    volumes[id] = volume
  }

  /// Takes a snapshot of a volume's data as they are now.
  func snapshot(_ snapshot: SnapshotRecord, of volume: VolumeRecord) async throws {
    let (root, source): (String, String) = (root, data(volume))
    try await Self.onBlockingThread {
      let new: String = "\(root)/snapshots/.new-\(snapshot.id)"
      try Files.removeTree(new)
      try Files.makeDirectories(new, mode: 0o700)
      let target: String = Self.data(new, snapshot.access)
      if snapshot.access == .block {
        try TreeCopy.copyFile(source, target)
      } else {
        try Files.makeDirectory(target)
        try TreeCopy.copyTree(source, target)
      }
      try Files.replace("\(new)/record.json", snapshot.json.bytes)
      try Files.rename(new, "\(root)/snapshots/\(snapshot.id)")
    }
    snapshots[snapshot.id] = snapshot
  }

  /// Removes a snapshot; of none is fine.
  func deleteSnapshot(_ id: String) async throws {
    guard snapshots[id] != nil else { return }
    try await remove(snapshotFolder(id), as: "\(root)/snapshots/.removed-\(id)")
    snapshots[id] = nil
  }

  /// What the data of a volume occupy.
  nonisolated func occupied(_ volume: VolumeRecord) async throws -> (bytes: Int64, inodes: Int64) {
    let path: String = data(volume)
    return try await Self.onBlockingThread { try Self.measure(path) }
  }

  private static func measure(_ path: String) throws -> (bytes: Int64, inodes: Int64) {
    let status: Files.Status = try Files.status(path, followLinks: false)
    var total: (bytes: Int64, inodes: Int64) = (status.allocatedBytes, 1)
    guard status.isDirectory else { return total }
    for name: String in try Files.list(path) {
      // A file may go while we look; then it occupies nothing.
      guard let part: (bytes: Int64, inodes: Int64) = try? measure("\(path)/\(name)") else { continue }
      total = (total.bytes + part.bytes, total.inodes + part.inodes)
    }
    return total
  }

  private nonisolated static func onBlockingThread<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global(qos: .userInitiated).async { continuation.resume(with: Result { try work() }) }
    }
  }
}

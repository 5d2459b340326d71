// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDBSQLite
import Synchronization

/// What SQLite asks of the file system, in order, so that the disk after a loss of power can be made from it.
///
/// It is the default VFS of the test process from `install()` on and hands everything to the former one; files whose
/// name contains `marker` are written down as well.
enum RecordingDisk {
  /// Files with this in their path are recorded.
  static let marker: String = "apus-recorded-disk"

  enum Operation: Sendable {
    case create(file: Int, path: String, isJournal: Bool)
    case write(file: Int, offset: Int, bytes: [UInt8])
    case truncate(file: Int, size: Int)
    case sync(file: Int)
    case delete(path: String, isDurable: Bool)
    /// A test's own remark.
    case note(Int)
  }

  private struct State {
    var operations: [Operation] = []
    /// Which file has which name now.
    var names: [String: Int] = [:]
    var count: Int = 0
  }

  private static let state: Mutex<State> = Mutex(State())

  static var operations: [Operation] { state.withLock { $0.operations } }

  static func note(_ number: Int) { state.withLock { $0.operations.append(.note(number)) } }

  fileprivate static func record(_ operation: Operation) { state.withLock { $0.operations.append(operation) } }

  /// The number of a file that is opened: a new one where the name is new.
  fileprivate static func open(_ path: String, isJournal: Bool) -> Int {
    guard path.contains(marker) else { return -1 }
    return state.withLock { state in
      if let known: Int = state.names[path] { return known }
      state.names[path] = state.count
      state.operations.append(.create(file: state.count, path: path, isJournal: isJournal))
      state.count += 1
      return state.count - 1
    }
  }

  fileprivate static func delete(_ path: String, isDurable: Bool) {
    guard path.contains(marker) else { return }
    state.withLock { state in
      state.names[path] = nil
      state.operations.append(.delete(path: path, isDurable: isDurable))
    }
  }

  /// Makes this the VFS of everything that opens a database from now on.
  static let isInstalled: Bool = {
    guard let vfs: UnsafeMutablePointer<sqlite3_vfs> = Passthrough.vfs else { return false }
    return sqlite3_vfs_register(vfs, 1) == SQLITE_OK
  }()
}

/// The VFS itself: C functions over the former default.
private enum Passthrough {
  /// Where the former VFS's file begins in ours: after the methods and the number.
  static let fileOffset: Int = 32

  // Proof for the unsafe globals: written once by their initialisers and only read after that; SQLite keeps the pointers.
  nonisolated(unsafe) static let base: UnsafeMutablePointer<sqlite3_vfs>? = sqlite3_vfs_find(nil)
  nonisolated(unsafe) static let methods: UnsafeMutablePointer<sqlite3_io_methods> = makeMethods()
  nonisolated(unsafe) static let vfs: UnsafeMutablePointer<sqlite3_vfs>? = makeVFS()

  typealias File = UnsafeMutablePointer<sqlite3_file>

  static func real(_ file: File?) -> File? {
    file.map { (UnsafeMutableRawPointer($0) + fileOffset).assumingMemoryBound(to: sqlite3_file.self) }
  }

  static func calls(_ file: File?) -> sqlite3_io_methods? { real(file)?.pointee.pMethods?.pointee }

  static func number(_ file: File?) -> Int {
    file.map { (UnsafeMutableRawPointer($0) + 8).load(as: Int.self) } ?? -1
  }

  private static func makeVFS() -> UnsafeMutablePointer<sqlite3_vfs>? {
    guard let base else { return nil }
    let vfs: UnsafeMutablePointer<sqlite3_vfs> = .allocate(capacity: 1)
    vfs.initialize(to: base.pointee)
    vfs.pointee.pNext = nil
    vfs.pointee.zName = UnsafePointer(strdup("apus-recording"))
    vfs.pointee.szOsFile = base.pointee.szOsFile + Int32(fileOffset)
    vfs.pointee.xOpen = { _, name, file, flags, outFlags in
      guard let base = Passthrough.base, let file else { return SQLITE_CANTOPEN }
      file.pointee.pMethods = nil
      guard let code: Int32 = base.pointee.xOpen?(base, name, Passthrough.real(file), flags, outFlags), code == SQLITE_OK else {
        return SQLITE_CANTOPEN
      }
      let isJournal: Bool = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0
      let number: Int = name.map { RecordingDisk.open(String(cString: $0), isJournal: isJournal) } ?? -1
      (UnsafeMutableRawPointer(file) + 8).storeBytes(of: number, as: Int.self)
      file.pointee.pMethods = UnsafePointer(Passthrough.methods)
      return SQLITE_OK
    }
    vfs.pointee.xDelete = { _, name, syncsDirectory in
      guard let base = Passthrough.base, let name else { return SQLITE_IOERR }
      let code: Int32 = base.pointee.xDelete?(base, name, syncsDirectory) ?? SQLITE_IOERR
      if code == SQLITE_OK { RecordingDisk.delete(String(cString: name), isDurable: syncsDirectory != 0) }
      return code
    }
    return vfs
  }

  private static func makeMethods() -> UnsafeMutablePointer<sqlite3_io_methods> {
    let methods: UnsafeMutablePointer<sqlite3_io_methods> = .allocate(capacity: 1)
    var table: sqlite3_io_methods = sqlite3_io_methods()
    table.iVersion = 2
    table.xClose = { file in Passthrough.calls(file)?.xClose?(Passthrough.real(file)) ?? SQLITE_IOERR }
    table.xRead = { file, to, count, offset in Passthrough.calls(file)?.xRead?(Passthrough.real(file), to, count, offset) ?? SQLITE_IOERR }
    table.xWrite = { file, from, count, offset in
      let code: Int32 = Passthrough.calls(file)?.xWrite?(Passthrough.real(file), from, count, offset) ?? SQLITE_IOERR
      if code == SQLITE_OK, Passthrough.number(file) >= 0, let from {
        let bytes: [UInt8] = Array(UnsafeRawBufferPointer(start: from, count: Int(count)))
        RecordingDisk.record(.write(file: Passthrough.number(file), offset: Int(offset), bytes: bytes))
      }
      return code
    }
    table.xTruncate = { file, size in
      let code: Int32 = Passthrough.calls(file)?.xTruncate?(Passthrough.real(file), size) ?? SQLITE_IOERR
      if code == SQLITE_OK, Passthrough.number(file) >= 0 { RecordingDisk.record(.truncate(file: Passthrough.number(file), size: Int(size))) }
      return code
    }
    table.xSync = { file, flags in
      let code: Int32 = Passthrough.calls(file)?.xSync?(Passthrough.real(file), flags) ?? SQLITE_IOERR
      if code == SQLITE_OK, Passthrough.number(file) >= 0 { RecordingDisk.record(.sync(file: Passthrough.number(file))) }
      return code
    }
    table.xFileSize = { file, size in Passthrough.calls(file)?.xFileSize?(Passthrough.real(file), size) ?? SQLITE_IOERR }
    table.xLock = { file, level in Passthrough.calls(file)?.xLock?(Passthrough.real(file), level) ?? SQLITE_IOERR }
    table.xUnlock = { file, level in Passthrough.calls(file)?.xUnlock?(Passthrough.real(file), level) ?? SQLITE_IOERR }
    table.xCheckReservedLock = { file, out in Passthrough.calls(file)?.xCheckReservedLock?(Passthrough.real(file), out) ?? SQLITE_IOERR }
    table.xFileControl = { file, operation, argument in
      Passthrough.calls(file)?.xFileControl?(Passthrough.real(file), operation, argument) ?? SQLITE_NOTFOUND
    }
    table.xSectorSize = { file in Passthrough.calls(file)?.xSectorSize?(Passthrough.real(file)) ?? 4096 }
    table.xDeviceCharacteristics = { file in Passthrough.calls(file)?.xDeviceCharacteristics?(Passthrough.real(file)) ?? 0 }
    table.xShmMap = { file, region, size, extends, out in
      Passthrough.calls(file)?.xShmMap?(Passthrough.real(file), region, size, extends, out) ?? SQLITE_IOERR
    }
    table.xShmLock = { file, offset, count, flags in
      Passthrough.calls(file)?.xShmLock?(Passthrough.real(file), offset, count, flags) ?? SQLITE_IOERR
    }
    table.xShmBarrier = { file in Passthrough.calls(file)?.xShmBarrier?(Passthrough.real(file)) }
    table.xShmUnmap = { file, deletes in Passthrough.calls(file)?.xShmUnmap?(Passthrough.real(file), deletes) ?? SQLITE_IOERR }
    methods.initialize(to: table)
    return methods
  }
}

/// What is surely on the disk, and what may be: grown operation by operation, cut off at any of them.
struct Disk {
  /// The unit that a disk writes whole or not at all.
  private static let sectorBytes: Int = 512

  private struct File {
    var durable: [UInt8] = []
    var pending: [RecordingDisk.Operation] = []
    var isJournal: Bool
    var isNameDurable: Bool = false
  }

  private var files: [Int: File] = [:]
  /// The names as a process sees them now.
  private var names: [String: Int] = [:]
  /// The names as the directory on the disk has them.
  private var durableNames: [String: Int] = [:]

  mutating func apply(_ operation: RecordingDisk.Operation) {
    switch operation {
    case .create(let file, let path, let isJournal):
      files[file] = File(isJournal: isJournal)
      names[path] = file
    case .write(let file, _, _), .truncate(let file, _): files[file]?.pending.append(operation)
    case .sync(let file):
      guard var synced: File = files[file] else { return }
      for pending: RecordingDisk.Operation in synced.pending { Self.put(pending, into: &synced.durable) }
      synced.pending = []
      // SQLite syncs the directory of a new journal with the journal's first sync.
      if synced.isJournal, !synced.isNameDurable {
        synced.isNameDurable = true
        durableNames = names
      }
      files[file] = synced
    case .delete(let path, let isDurable):
      names[path] = nil
      if isDurable { durableNames = names }
    case .note: break
    }
  }

  private static func put(_ operation: RecordingDisk.Operation, into bytes: inout [UInt8]) {
    switch operation {
    case .write(_, let offset, let written): put(written[...], at: offset, into: &bytes)
    case .truncate(_, let size):
      if size < bytes.count { bytes.removeLast(bytes.count - size) } else { grow(&bytes, size) }
    default: break
    }
  }

  private static func put(_ written: ArraySlice<UInt8>, at offset: Int, into bytes: inout [UInt8]) {
    grow(&bytes, offset + written.count)
    bytes.replaceSubrange(offset..<offset + written.count, with: written)
  }

  private static func grow(_ bytes: inout [UInt8], _ count: Int) {
    if bytes.count < count { bytes += [UInt8](repeating: 0, count: count - bytes.count) }
  }

  /// Writes into a folder what a loss of power now leaves: what was synced, and some sectors of what was not.
  ///
  /// - Parameter chance: how likely each unsynced sector is there; nil for a random one.
  func leave(
    in folder: String, chance: Double? = nil, using generator: inout some RandomNumberGenerator
  ) throws {
    let chance: Double = chance ?? [0, 0.2, 0.5, 0.8, 1].randomElement(using: &generator) ?? 0
    // Each name is as it was at the last sync of the directory, or as it is now.
    for path: String in Set(names.keys).union(durableNames.keys) {
      let isNew: Bool = Double.random(in: 0..<1, using: &generator) < chance
      guard let file: File = (isNew ? names[path] : durableNames[path]).flatMap({ files[$0] }) else { continue }
      var bytes: [UInt8] = file.durable
      for pending: RecordingDisk.Operation in file.pending {
        guard case .write(_, let offset, let written) = pending else {
          if Double.random(in: 0..<1, using: &generator) < chance { Self.put(pending, into: &bytes) }
          continue
        }
        var start: Int = 0
        while start < written.count {
          let end: Int = min(written.count, start + Self.sectorBytes - (offset + start) % Self.sectorBytes)
          if Double.random(in: 0..<1, using: &generator) < chance {
            Self.put(written[start..<end], at: offset + start, into: &bytes)
          }
          start = end
        }
      }
      let name: String = path.split(separator: "/").last.map(String.init) ?? path
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
  }
}

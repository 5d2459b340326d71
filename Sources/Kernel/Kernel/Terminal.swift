// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// Pseudo terminals.
public enum Terminal {
  /// Opens a master of the devpts file system at `directory` (such as /dev/pts) and unlocks it: the master and the
  /// path of the slave.
  public static func openMaster(devpts directory: String = "/dev/pts") throws(SystemError) -> Master {
    let master: FileDescriptor = try FileDescriptor.open(directory + "/ptmx", [.readWrite, .noControllingTerminal])
    var lock: Int32 = 0
    var number: UInt32 = 0
    let raw: Int32 = master.raw
    let unlockTerminal: UInt = 0x4004_5431
    let getTerminalNumber: UInt = 0x8004_5430
    try systemCall("ioctl", "TIOCSPTLCK") { apus_ioctl(raw, unlockTerminal, &lock) }
    try systemCall("ioctl", "TIOCGPTN") { apus_ioctl(raw, getTerminalNumber, &number) }
    return Master(descriptor: master, slavePath: "\(directory)/\(number)")
  }

  /// The master of a pseudo terminal and where its slave is.
  public struct Master: ~Copyable {
    /// The master side.
    public var descriptor: FileDescriptor
    /// The path of the slave side, in the mount namespace of the caller.
    public var slavePath: String
  }

  /// Tells a terminal its size in characters.
  public static func resize(_ descriptor: Int32, columns: UInt16, rows: UInt16) throws(SystemError) {
    var size: winsize = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    let setWindowSize: UInt = 0x5414
    try systemCall("ioctl", "TIOCSWINSZ") { apus_ioctl(descriptor, setWindowSize, &size) }
  }

  /// Makes the terminal the controlling one of the caller's session.
  public static func makeControlling(_ descriptor: Int32) throws(SystemError) {
    let setControllingTerminal: UInt = 0x540E
    try systemCall("ioctl", "TIOCSCTTY") { apus_ioctl(descriptor, setControllingTerminal, nil) }
  }
}

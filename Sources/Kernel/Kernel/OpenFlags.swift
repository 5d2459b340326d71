// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// Flags of open(2).
public struct OpenFlags: OptionSet, Hashable, Sendable {
  /// The kernel's O_* bits.
  public let rawValue: Int32
  /// Wraps the kernel's bits.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// O_RDONLY
  public static let readOnly: OpenFlags = []
  /// O_WRONLY
  public static let writeOnly = OpenFlags(rawValue: O_WRONLY)
  /// O_RDWR
  public static let readWrite = OpenFlags(rawValue: O_RDWR)
  /// O_CREAT
  public static let create = OpenFlags(rawValue: O_CREAT)
  /// O_EXCL
  public static let exclusive = OpenFlags(rawValue: O_EXCL)
  /// O_TRUNC
  public static let truncate = OpenFlags(rawValue: O_TRUNC)
  /// O_APPEND
  public static let append = OpenFlags(rawValue: O_APPEND)
  /// O_DIRECTORY
  public static let directory = OpenFlags(rawValue: O_DIRECTORY)
  /// O_NOFOLLOW
  public static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
  /// O_NONBLOCK
  public static let nonblocking = OpenFlags(rawValue: O_NONBLOCK)
  /// O_NOCTTY
  public static let noControllingTerminal = OpenFlags(rawValue: O_NOCTTY)
  /// O_PATH
  public static let pathOnly = OpenFlags(rawValue: 0x20_0000)
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc

/// The number by which the kernel says why a system call failed (errno(3)).
public struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number as in `<errno.h>`.
  public var rawValue: Int32
  /// Wraps a number of `<errno.h>`.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Reads the calling thread's `errno`.
  public static var current: Errno { Errno(rawValue: errno) }

  /// The kernel's words for it, as `strerror` gives them.
  public var description: String {
    String(cString: apus_error_text(rawValue))
  }

  /// EPERM
  public static let notPermitted = Errno(rawValue: EPERM)
  /// ENOENT
  public static let noSuchFile = Errno(rawValue: ENOENT)
  /// ESRCH
  public static let noSuchProcess = Errno(rawValue: ESRCH)
  /// EINTR
  public static let interrupted = Errno(rawValue: EINTR)
  /// EIO
  public static let inputOutput = Errno(rawValue: EIO)
  /// EBADF
  public static let badDescriptor = Errno(rawValue: EBADF)
  /// ECHILD
  public static let noChild = Errno(rawValue: ECHILD)
  /// EAGAIN
  public static let wouldBlock = Errno(rawValue: EAGAIN)
  /// EACCES
  public static let accessDenied = Errno(rawValue: EACCES)
  /// EBUSY
  public static let busy = Errno(rawValue: EBUSY)
  /// EEXIST
  public static let exists = Errno(rawValue: EEXIST)
  /// ENODEV
  public static let noDevice = Errno(rawValue: ENODEV)
  /// ENXIO
  public static let noSuchAddress = Errno(rawValue: ENXIO)
  /// ENOTDIR
  public static let notDirectory = Errno(rawValue: ENOTDIR)
  /// EISDIR
  public static let isDirectory = Errno(rawValue: EISDIR)
  /// EINVAL
  public static let invalidArgument = Errno(rawValue: EINVAL)
  /// ENOSPC
  public static let noSpace = Errno(rawValue: ENOSPC)
  /// EROFS
  public static let readOnlyFileSystem = Errno(rawValue: EROFS)
  /// EPIPE
  public static let brokenPipe = Errno(rawValue: EPIPE)
  /// ENOTEMPTY
  public static let notEmpty = Errno(rawValue: ENOTEMPTY)
  /// ELOOP
  public static let tooManyLinks = Errno(rawValue: ELOOP)
  /// ENOTSUP
  public static let notSupported = Errno(rawValue: ENOTSUP)
  /// ENOSYS
  public static let noSuchCall = Errno(rawValue: ENOSYS)
  /// EADDRINUSE
  public static let addressInUse = Errno(rawValue: EADDRINUSE)
  /// EADDRNOTAVAIL
  public static let addressNotAvailable = Errno(rawValue: EADDRNOTAVAIL)
  /// ECONNREFUSED
  public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
  /// ECONNRESET
  public static let connectionReset = Errno(rawValue: ECONNRESET)
  /// ETIMEDOUT
  public static let timedOut = Errno(rawValue: ETIMEDOUT)
  /// EINPROGRESS
  public static let inProgress = Errno(rawValue: EINPROGRESS)
  /// EXDEV
  public static let crossDevice = Errno(rawValue: EXDEV)
  /// ENAMETOOLONG
  public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
  /// EFBIG
  public static let tooBig = Errno(rawValue: EFBIG)
  /// ENOMEM
  public static let noMemory = Errno(rawValue: ENOMEM)
  /// ENOEXEC
  public static let notExecutable = Errno(rawValue: ENOEXEC)
}

/// A system call that failed: which one, on what, and why.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kernel's reason.
  public var errno: Errno
  /// The name of the call, such as `mount`.
  public var call: String
  /// What it was called on, such as a path; may be empty.
  public var operand: String

  /// Describes a failure.
  public init(_ errno: Errno, _ call: String, _ operand: String = "") {
    self.errno = errno
    self.call = call
    self.operand = operand
  }

  /// `call operand: reason`
  public var description: String {
    operand.isEmpty ? "\(call): \(errno)" : "\(call) \(operand): \(errno)"
  }
}

/// Runs a system call that returns -1 on failure: again on EINTR, and reads `errno` before anything else can run.
@discardableResult
public func systemCall<Result: SignedInteger>(
  _ call: StaticString, _ operand: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemError) -> Result {
  while true {
    let result: Result = body()
    if result != -1 { return result }
    let reason: Errno = .current
    if reason == .interrupted { continue }
    throw SystemError(reason, call.description, operand())
  }
}

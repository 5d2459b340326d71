// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Kernel

/// The program `apus-init`, held so that no container can change it.
public struct InitProgram: Sendable {
  /// Where it is.
  public let path: String
  /// A read-only mount of the program that no namespace contains: who gets hold of /proc/…/exe cannot write to it
  /// (CVE-2019-5736). Nil on kernels without detached mounts.
  public let descriptor: SharedDescriptor?

  /// Holds the program at a path.
  public init(_ path: String) {
    self.path = path
    do throws(SystemError) {
      let copy: FileDescriptor = try Mounts.detachedCopy(path)
      try Mounts.setAttributes(ofDetached: copy, set: Mounts.Attribute.readOnly)
      descriptor = SharedDescriptor(copy)
    } catch { descriptor = nil }
  }
}

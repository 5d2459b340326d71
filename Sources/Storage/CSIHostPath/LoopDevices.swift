// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import GRPCCore
internal import Glibc
internal import Kernel

/// Loop devices: block devices over disk images (loop(4)).
enum LoopDevices {
  private static let getFree: UInt = 0x4c82
  private static let configure: UInt = 0x4c0a
  private static let clear: UInt = 0x4c01
  private static let setCapacity: UInt = 0x4c07
  /// struct loop_config has 304 bytes: descriptor, block size, loop_info64, reserve.
  private static let configurationBytes: Int = 304
  /// Another process may take the free device before we do; more losses than this are no accident.
  private static let attemptsMax: Int = 64

  /// The device over an image; nil where there is none.
  static func device(of image: String) throws -> String? {
    for name: String in try Files.list("/sys/block") where name.hasPrefix("loop") {
      // A device that nothing is attached to has no backing file.
      guard let backing: String = try? Files.readText("/sys/block/\(name)/loop/backing_file") else { continue }
      if backing.split(separator: "\n").first.map(String.init) == image { return "/dev/\(name)" }
    }
    return nil
  }

  /// Attaches an image, unless it is attached.
  static func attach(_ image: String) throws -> String {
    if let device: String = try device(of: image) { return device }
    let file: CInt = open(image, O_RDWR | O_CLOEXEC)
    guard file >= 0 else { throw SystemError(.current, "open", image) }
    defer { close(file) }
    let control: CInt = open("/dev/loop-control", O_RDWR | O_CLOEXEC)
    guard control >= 0 else { throw SystemError(.current, "open", "/dev/loop-control") }
    defer { close(control) }
    for _ in 0..<attemptsMax {
      let number: CInt = ioctl(control, getFree, 0)
      guard number >= 0 else { throw SystemError(.current, "LOOP_CTL_GET_FREE", "/dev/loop-control") }
      let path: String = "/dev/loop\(number)"
      let device: CInt = open(path, O_RDWR | O_CLOEXEC)
      guard device >= 0 else { throw SystemError(.current, "open", path) }
      defer { close(device) }
      var settings: [UInt8] = Array(repeating: 0, count: configurationBytes)
      withUnsafeBytes(of: UInt32(file)) { bytes in settings.replaceSubrange(0..<4, with: bytes) }
      // The array is not empty, so it has an address.
      let status: CInt = settings.withUnsafeMutableBytes { bytes in ioctl(device, configure, bytes.baseAddress!) }
      if status == 0 { return path }
      guard errno == EBUSY else { throw SystemError(.current, "LOOP_CONFIGURE", path) }
    }
    throw CSIHostPathError(.resourceExhausted, "no free loop device")
  }

  /// Detaches the device over an image; without one nothing is to do.
  static func detach(_ image: String) throws {
    guard let path: String = try device(of: image) else { return }
    let device: CInt = open(path, O_RDWR | O_CLOEXEC)
    guard device >= 0 else { throw SystemError(.current, "open", path) }
    defer { close(device) }
    guard ioctl(device, clear, 0) == 0 || errno == ENXIO else { throw SystemError(.current, "LOOP_CLR_FD", path) }
  }

  /// Tells the device that its image has grown.
  static func grow(_ image: String) throws {
    guard let path: String = try device(of: image) else { return }
    let device: CInt = open(path, O_RDWR | O_CLOEXEC)
    guard device >= 0 else { throw SystemError(.current, "open", path) }
    defer { close(device) }
    guard ioctl(device, setCapacity, 0) == 0 else { throw SystemError(.current, "LOOP_SET_CAPACITY", path) }
  }
}

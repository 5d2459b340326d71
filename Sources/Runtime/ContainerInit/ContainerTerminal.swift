// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import Kernel
import OCISpec
import ShimProtocol

extension ContainerSetup {
  /// Opens a terminal of the container's own devpts, hands the master to the shim and binds the slave to /dev/console.
  /// Returns the slave's path in the container.
  func openTerminal(_ root: borrowing RootDirectory, _ channel: InitChannel) throws(ContainerInitError) -> String {
    try step("open a terminal") { () throws(SystemError) in
      let devpts: FileDescriptor = try root.find("/dev/pts")
      let directory: String = descriptorPath(devpts)
      let master: Terminal.Master = try Terminal.openMaster(devpts: directory)
      let slave: String = "/dev/pts" + master.slavePath.dropFirst(directory.count)
      let console: FileDescriptor = try root.make("/dev/console", isDirectory: false)
      try Mounts.mount(master.slavePath, on: descriptorPath(console), flags: .bind)
      try TerminalUse.size(master, process)
      channel.send(.terminal, descriptors: [master.descriptor.raw])
      return slave
    }
  }

  func useTerminal(_ slave: String) throws(ContainerInitError) { try TerminalUse.begin(slave) }
}

/// Makes a terminal the standard streams and the controlling terminal of the calling process.
enum TerminalUse {
  static func begin(_ slave: String) throws(ContainerInitError) {
    try step("use the terminal \(slave)") { () throws(SystemError) in
      let descriptor: FileDescriptor = try FileDescriptor.open(slave, .readWrite)
      for number: Int32 in 0...2 { try systemCall("dup2") { dup2(descriptor.raw, number) } }
      try Terminal.makeControlling(0)
    }
  }

  /// Opens a terminal in the container that the caller has joined and hands the master to the shim.
  static func open(_ process: RuntimeSpec.Process, _ channel: InitChannel) throws(ContainerInitError) -> String {
    try step("open a terminal") { () throws(SystemError) in
      let master: Terminal.Master = try Terminal.openMaster()
      try size(master, process)
      channel.send(.terminal, descriptors: [master.descriptor.raw])
      return master.slavePath
    }
  }

  static func size(_ master: borrowing Terminal.Master, _ process: RuntimeSpec.Process) throws(SystemError) {
    guard let size = process.consoleSize else { return }
    try Terminal.resize(master.descriptor.raw, columns: size.columns, rows: size.rows)
  }
}

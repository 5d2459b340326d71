// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
public import Kernel

/// One group of processes, by its path from the root of every hierarchy.
public struct Cgroup: Sendable, Hashable {
  /// The path, with a leading `/` and without one at its end.
  public let path: String
  /// Where the controllers are.
  public let hierarchy: CgroupHierarchy

  /// Names a group; makes nothing.
  public init(_ path: String, in hierarchy: CgroupHierarchy) {
    let parts: [Substring] = path.split(separator: "/").filter { $0 != "." && $0 != ".." }
    self.path = "/" + parts.joined(separator: "/")
    self.hierarchy = hierarchy
  }

  /// The group below this one.
  public func child(_ name: String) -> Cgroup { Cgroup(path + "/" + name, in: hierarchy) }

  /// Its directories, one a hierarchy.
  public var directories: [String] {
    hierarchy.mountPoints.map { path == "/" ? $0 : $0 + path }
  }

  /// The directory of a v1 controller, or of the unified hierarchy; nil where the machine lacks the controller.
  public func directory(_ controller: String) -> String? {
    if let unified: String = hierarchy.unified { return unified + path }
    return hierarchy.controllers[controller].map { $0 + path }
  }

  /// The files into which a process writes `0` to move itself here.
  public var processFiles: [String] { directories.map { $0 + "/cgroup.procs" } }

  /// Whether it exists in every hierarchy.
  public var exists: Bool { directories.allSatisfy { Files.exists($0) } }

  /// Makes it, and those above it, in every hierarchy; one that exists is fine.
  public func create() throws(SystemError) {
    for directory: String in directories {
      // The common case is one level below a group that exists.
      do throws(SystemError) { try Files.makeDirectory(directory) } catch {
        guard error.errno == .noSuchFile else { throw error }
        try makeParents(of: directory)
        try Files.makeDirectory(directory)
      }
    }
    if hierarchy.isUnified { try enableControllers() } else { try inheritCPUSet() }
  }

  private func makeParents(of directory: String) throws(SystemError) {
    guard let parent: String = Files.parent(of: directory) else { return }
    try Files.makeDirectories(parent)
  }

  /// A v1 cpuset starts empty and takes no process until it has CPUs and memory nodes: copies its parent's.
  private func inheritCPUSet() throws(SystemError) {
    guard let mount: String = hierarchy.controllers["cpuset"] else { return }
    var directory: String = mount
    for part: Substring in path.split(separator: "/") {
      let parent: String = directory
      directory += "/" + part
      for file: String in ["cpuset.cpus", "cpuset.mems"] {
        guard try Files.readText(directory + "/" + file).isEmpty else { continue }
        try Files.writeControl(directory + "/" + file, try Files.readText(parent + "/" + file))
      }
    }
  }

  /// On the unified hierarchy a group has a controller's files only where its parents pass it down.
  private func enableControllers() throws(SystemError) {
    guard let mount: String = hierarchy.unified else { return }
    var directory: String = mount
    for part: Substring in path.split(separator: "/") {
      let available: Set<Substring> = Set(
        try Files.readText(directory + "/cgroup.controllers").split(separator: " "))
      let enabled: Set<Substring> = Set(
        try Files.readText(directory + "/cgroup.subtree_control").split(separator: " "))
      for controller: Substring in available.subtracting(enabled) {
        do throws(SystemError) {
          try Files.writeControl(directory + "/cgroup.subtree_control", "+\(controller)")
        } catch {
          // Some controllers (cpu with real-time processes, threaded groups) cannot be passed down everywhere;
          // a limit that then lacks its file fails where it is set.
        }
      }
      directory += "/" + part
    }
  }

  /// The processes in it, as seen from the caller's PID namespace; those of groups below it not.
  public func processes() throws(SystemError) -> [Int32] {
    guard let directory: String = hierarchy.isUnified ? directories.first : directory("memory") ?? directories.first
    else { return [] }
    do throws(SystemError) {
      return try Files.readText(directory + "/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
        .filter { $0 > 0 }
    } catch {
      if error.errno == .noSuchFile || error.errno == .noDevice { return [] }
      throw error
    }
  }

  /// Moves a process here.
  public func add(_ pid: Int32) throws(SystemError) {
    for file: String in processFiles { try Files.writeControl(file, String(pid)) }
  }

  /// Sends a signal to every process in it and in groups below it.
  public func signal(_ signal: Int32) throws(SystemError) {
    if signal == SIGKILL, hierarchy.isUnified, let directory: String = directories.first,
      Files.exists(directory + "/cgroup.kill")
    {
      return try Files.writeControl(directory + "/cgroup.kill", "1")
    }
    for pid: Int32 in try processes() { try Processes.signal(pid, signal) }
    for child: Cgroup in try children() { try child.signal(signal) }
  }

  /// The groups directly below it.
  public func children() throws(SystemError) -> [Cgroup] {
    var names: Set<String> = []
    for directory: String in directories where Files.exists(directory) {
      for name: String in try Files.list(directory) {
        if let status: Files.Status = try? Files.status(directory + "/" + name), status.isDirectory {
          names.insert(name)
        }
      }
    }
    return names.sorted().map(child)
  }

  /// Stops or lets go on every process in it.
  public func setFrozen(_ isFrozen: Bool) throws(SystemError) {
    if hierarchy.isUnified, let directory: String = directories.first {
      return try Files.writeControl(directory + "/cgroup.freeze", isFrozen ? "1" : "0")
    }
    guard let directory: String = directory("freezer") else { return }
    try Files.writeControl(directory + "/freezer.state", isFrozen ? "FROZEN" : "THAWED")
  }

  /// Whether its processes are stopped, or about to be.
  public var isFrozen: Bool {
    if hierarchy.isUnified, let directory: String = directories.first {
      return (try? Files.readText(directory + "/cgroup.freeze")) == "1"
    }
    guard let directory: String = directory("freezer") else { return false }
    return ((try? Files.readText(directory + "/freezer.state")) ?? "THAWED") != "THAWED"
  }

  /// Removes it and the groups below it. Fails with EBUSY while a process is in one; nothing there is fine.
  public func remove() throws(SystemError) {
    for directory: String in directories {
      do throws(SystemError) { try Files.removeDirectory(directory) } catch {
        guard error.errno == .busy || error.errno == .notEmpty, Files.exists(directory) else { throw error }
        for name: String in try Files.list(directory) {
          let below: String = directory + "/" + name
          guard let status: Files.Status = try? Files.status(below), status.isDirectory else { continue }
          try Self.removeTree(below)
        }
        try Files.removeDirectory(directory)
      }
    }
  }

  private static func removeTree(_ directory: String) throws(SystemError) {
    for name: String in try Files.list(directory) {
      let below: String = directory + "/" + name
      guard let status: Files.Status = try? Files.status(below), status.isDirectory else { continue }
      try removeTree(below)
    }
    try Files.removeDirectory(directory)
  }

  /// How often the kernel has killed a process in it for want of memory.
  public func outOfMemoryKills() -> UInt64 {
    let file: String
    if let unified: String = hierarchy.unified {
      file = unified + path + "/memory.events"
    } else if let memory: String = directory("memory") {
      file = memory + "/memory.oom_control"
    } else {
      return 0
    }
    // A group that is gone has killed nothing that anyone can still ask about.
    guard let text: String = try? Files.readText(file) else { return 0 }
    return CgroupFigures.keyed(text)["oom_kill"] ?? 0
  }
}

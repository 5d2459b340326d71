// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import Kernel

/// Where this machine's cgroup controllers are: on v1 hierarchies, on the unified one, or both (hybrid).
///
/// Read once at start from what is mounted; nothing is assumed of systemd.
public struct CgroupHierarchy: Sendable, Hashable {
  /// The mount point of each v1 controller (`cpu`, `memory`, …); several can share one.
  public let controllers: [String: String]
  /// The mount point of the unified hierarchy where it carries the controllers; nil on v1 and hybrid machines.
  public let unified: String?

  /// Uses the given mount points.
  public init(controllers: [String: String], unified: String?) {
    self.controllers = controllers
    self.unified = unified
  }

  private static let knownControllers: Set<String> = [
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio",
    "perf_event", "rdma", "misc",
  ]

  /// Looks at what is mounted.
  public static func detect() throws(SystemError) -> CgroupHierarchy {
    var controllers: [String: String] = [:]
    var unified: String?
    for mount: Mounts.Entry in try Mounts.all() {
      if mount.type == "cgroup" {
        for option: String in mount.superOptions where knownControllers.contains(option) {
          controllers[option] = controllers[option] ?? mount.target
        }
      } else if mount.type == "cgroup2", unified == nil {
        unified = mount.target
      }
    }
    // A unified hierarchy beside v1 controllers carries none of its own worth using.
    return CgroupHierarchy(controllers: controllers, unified: controllers.isEmpty ? unified : nil)
  }

  /// Whether the controllers are on the unified hierarchy.
  public var isUnified: Bool { unified != nil }

  /// Every mount point, once.
  public var mountPoints: [String] {
    if let unified { return [unified] }
    return Set(controllers.values).sorted()
  }

  /// The group at a path from the root, such as `/kubepods/burstable/pod1/c1`.
  public func group(_ path: String) -> Cgroup { Cgroup(path, in: self) }
}

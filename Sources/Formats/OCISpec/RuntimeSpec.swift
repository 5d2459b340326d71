// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// How a container is run: the document `config.json` of a bundle (runtime-spec 1.3, config.md and config-linux.md).
///
/// What this does not name is kept in `document` and written back.
public struct RuntimeSpec: Sendable, Hashable {
  /// Who the container's process is.
  public struct User: Sendable, Hashable {
    /// The user's number.
    public var uid: UInt32 = 0
    /// The main group's number.
    public var gid: UInt32 = 0
    /// Further groups.
    public var additionalGroups: [UInt32] = []
    /// The file mode creation mask; nil means 0022.
    public var umask: UInt32?

    /// Root.
    public init() {}
  }

  /// The five capability sets, by the names `CAP_…`.
  public struct Capabilities: Sendable, Hashable {
    /// What can ever be had.
    public var bounding: [String] = []
    /// What is in force.
    public var effective: [String] = []
    /// What survives execve with the file's consent.
    public var inheritable: [String] = []
    /// What may be put in force.
    public var permitted: [String] = []
    /// What survives execve of any file.
    public var ambient: [String] = []

    /// None at all.
    public init() {}
  }

  /// A resource limit of the process.
  public struct ResourceLimit: Sendable, Hashable {
    /// Such as `RLIMIT_NOFILE`.
    public var type: String
    /// The ceiling.
    public var hard: UInt64
    /// What is in force.
    public var soft: UInt64

    /// Makes a limit.
    public init(type: String, hard: UInt64, soft: UInt64) {
      self.type = type
      self.hard = hard
      self.soft = soft
    }
  }

  /// A process to run in a container.
  public struct Process: Sendable, Hashable {
    /// Whether it gets a terminal.
    public var hasTerminal: Bool = false
    /// Who it is.
    public var user: User = User()
    /// The program and its arguments.
    public var arguments: [String] = []
    /// `NAME=value`, in order.
    public var environment: [String] = []
    /// The working directory.
    public var workingDirectory: String = "/"
    /// Its capabilities; nil means none.
    public var capabilities: Capabilities?
    /// Its resource limits.
    public var resourceLimits: [ResourceLimit] = []
    /// Whether execve may give more privileges.
    public var hasNoNewPrivileges: Bool = false
    /// How readily the kernel kills it when memory is short; nil keeps what it is.
    public var oomScoreAdjustment: Int?
    /// The AppArmor profile to change to at exec; empty means none.
    public var appArmorProfile: String = ""
    /// The SELinux label to change to at exec; empty means none.
    public var seLinuxLabel: String = ""
    /// The terminal's size in characters; nil leaves it to whoever holds the master.
    public var consoleSize: (rows: UInt16, columns: UInt16)? {
      get { consoleCells.map { ($0.rows, $0.columns) } }
      set { consoleCells = newValue.map { Cells(rows: $0.rows, columns: $0.columns) } }
    }
    /// `ioPriority` as the specification writes it; null keeps what it is.
    public var ioPriority: JSONValue = .null
    /// `scheduler` as the specification writes it; null keeps what it is.
    public var scheduler: JSONValue = .null

    struct Cells: Sendable, Hashable {
      var rows: UInt16
      var columns: UInt16
    }
    var consoleCells: Cells?

    /// A process of root without capabilities.
    public init() {}
  }

  /// What is mounted where.
  public struct Mount: Sendable, Hashable {
    /// The absolute path in the container.
    public var destination: String
    /// The file system's type; `bind` for a bind mount.
    public var type: String
    /// The device, name or, for a bind mount, the path on the host.
    public var source: String
    /// Flags and data, as mount(8) has them.
    public var options: [String]

    /// Makes a mount.
    public init(destination: String, type: String, source: String, options: [String] = []) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
    }
  }

  /// A namespace to join or to make.
  public struct Namespace: Sendable, Hashable {
    /// `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup` or `time`.
    public var type: String
    /// What to join; nil means a new one.
    public var path: String?

    /// Makes a namespace entry.
    public init(_ type: String, path: String? = nil) {
      self.type = type
      self.path = path
    }
  }

  /// A device node.
  public struct Device: Sendable, Hashable {
    /// Where it is in the container.
    public var path: String
    /// `c`, `b`, `u` or `p`.
    public var type: String
    /// The major number.
    public var major: UInt32
    /// The minor number.
    public var minor: UInt32
    /// Its permission bits.
    public var fileMode: UInt32
    /// Its owner.
    public var uid: UInt32
    /// Its group.
    public var gid: UInt32

    /// Makes a device.
    public init(
      path: String, type: String, major: UInt32, minor: UInt32, fileMode: UInt32 = 0o666, uid: UInt32 = 0,
      gid: UInt32 = 0
    ) {
      self.path = path
      self.type = type
      self.major = major
      self.minor = minor
      self.fileMode = fileMode
      self.uid = uid
      self.gid = gid
    }
  }

  /// A range of numbers in a user namespace and what it stands for outside.
  public struct IDMapping: Sendable, Hashable {
    /// The first number inside.
    public var containerID: UInt32
    /// The first number outside.
    public var hostID: UInt32
    /// How many.
    public var size: UInt32

    /// Makes a mapping.
    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      self.containerID = containerID
      self.hostID = hostID
      self.size = size
    }
  }

  /// The overlay to mount as the root file system: our own member `apus.overlay`, for a bundle whose root is to be
  /// mounted in the container's own mount namespace and nowhere else.
  public struct Overlay: Sendable, Hashable {
    /// The layers, topmost first.
    public var lower: [String]
    /// Where changes go.
    public var upper: String?
    /// Overlayfs' scratch directory.
    public var work: String?
    /// Further mount options.
    public var options: [String]

    /// Makes an overlay.
    public init(lower: [String], upper: String?, work: String?, options: [String] = []) {
      self.lower = lower
      self.upper = upper
      self.work = work
      self.options = options
    }
  }

  /// The version of the specification.
  public var version: String = "1.2.1"
  /// What is run; nil only before a container gets its process.
  public var process: Process?
  /// The path of the root file system.
  public var rootPath: String = "rootfs"
  /// Whether it is read-only.
  public var isRootReadOnly: Bool = false
  /// The host's name in the container; empty keeps what the UTS namespace has.
  public var hostname: String = ""
  /// The NIS domain's name; empty keeps what the UTS namespace has.
  public var domainName: String = ""
  /// The mounts, in order.
  public var mounts: [Mount] = []
  /// Anything, by name.
  public var annotations: [String: String] = [:]
  /// The namespaces that are not the host's.
  public var namespaces: [Namespace] = []
  /// The users of a new user namespace.
  public var uidMappings: [IDMapping] = []
  /// The groups of a new user namespace.
  public var gidMappings: [IDMapping] = []
  /// Device nodes besides the default ones.
  public var devices: [Device] = []
  /// The cgroup, from the root of the hierarchy.
  public var cgroupsPath: String = ""
  /// Limits, as the specification writes them; applied by whoever makes the cgroup.
  public var resources: JSONValue = .null
  /// Kernel parameters.
  public var sysctls: [String: String] = [:]
  /// How mounts travel between the host and the root: `rslave`, `rshared`, `rprivate`; empty means `rslave`.
  public var rootPropagation: String = ""
  /// The system calls allowed, as the specification writes them; null means all.
  public var seccomp: JSONValue = .null
  /// Paths that are made unreadable.
  public var maskedPaths: [String] = []
  /// Paths that are made read-only.
  public var readOnlyPaths: [String] = []
  /// The execution domain, such as `LINUX32`; empty keeps what it is.
  public var personality: String = ""
  /// `timeOffsets` of a new time namespace as the specification writes them.
  public var timeOffsets: JSONValue = .null
  /// `hooks` as the specification writes them; `Hook.all` reads a kind of them.
  public var hooks: JSONValue = .null
  /// The overlay to mount on `rootPath`.
  public var overlay: Overlay?
  /// A compiled seccomp filter in place of `seccomp`: our own member `apus.seccompProgram`, a path.
  public var seccompProgram: String = ""

  /// An empty document.
  public init() {}
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

/// Which PID namespace a process gets.
public enum PIDNamespace: Sendable, Hashable {
  /// Its own.
  case new
  /// The one of the caller.
  case host
  /// The one of a process, by its pid.
  case of(Int32)

  /// Reads `new`, `host` or a pid.
  public init(_ json: JSONValue) {
    if let pid: Int64 = json.int {
      self = .of(Int32(clamping: pid))
    } else {
      self = json.string == "host" ? .host : .new
    }
  }

  /// As JSON.
  public var json: JSONValue {
    switch self {
    case .new: "new"
    case .host: "host"
    case .of(let pid): JSONValue(pid)
    }
  }
}

/// What a shim is started for; the file `shim.json` in the pod's state directory.
public struct ShimConfiguration: Sendable, Hashable {
  /// The sandbox.
  public var sandboxID: String
  /// Where the shim listens.
  public var socketPath: String
  /// The program `apus-init`.
  public var initPath: String
  /// Namespaces the pause process joins: a type of the runtime-spec and a path. Without a path it makes a new one,
  /// which belongs to the pod's user namespace.
  public var namespaces: [(type: String, path: String)]
  /// The pause process's PID namespace.
  public var pidNamespace: PIDNamespace
  /// The `cgroup.procs` files for the pause process.
  public var processFiles: [String]
  /// The host's name in the pod's UTS namespace; empty leaves it.
  public var hostname: String
  /// Kernel parameters of the pod's namespaces.
  public var sysctls: [String: String]
  /// The pause process's oom_score_adj.
  public var oomScoreAdjustment: Int
  /// Users of the pod's user namespace; empty means the host's.
  public var uidMappings: JSONValue
  /// Groups of the pod's user namespace.
  public var gidMappings: JSONValue

  /// Makes a configuration.
  public init(
    sandboxID: String, socketPath: String, initPath: String, namespaces: [(type: String, path: String)],
    pidNamespace: PIDNamespace, processFiles: [String], hostname: String, sysctls: [String: String],
    oomScoreAdjustment: Int, uidMappings: JSONValue = .null, gidMappings: JSONValue = .null
  ) {
    self.sandboxID = sandboxID
    self.socketPath = socketPath
    self.initPath = initPath
    self.namespaces = namespaces
    self.pidNamespace = pidNamespace
    self.processFiles = processFiles
    self.hostname = hostname
    self.sysctls = sysctls
    self.oomScoreAdjustment = oomScoreAdjustment
    self.uidMappings = uidMappings
    self.gidMappings = gidMappings
  }

  /// Reads one.
  public init(_ json: JSONValue) {
    sandboxID = json["sandbox"].string ?? ""
    socketPath = json["socket"].string ?? ""
    initPath = json["init"].string ?? ""
    namespaces = json["namespaces"].items.map { ($0["type"].string ?? "", $0["path"].string ?? "") }
    pidNamespace = PIDNamespace(json["pidNamespace"])
    processFiles = json["processFiles"].items.compactMap(\.string)
    hostname = json["hostname"].string ?? ""
    sysctls = strings(json["sysctls"])
    oomScoreAdjustment = Int(json["oomScoreAdj"].int ?? 0)
    uidMappings = json["uidMappings"]
    gidMappings = json["gidMappings"]
  }

  /// As JSON.
  public var json: JSONValue {
    var json: JSONValue = [
      "sandbox": .string(sandboxID), "socket": .string(socketPath), "init": .string(initPath),
      "pidNamespace": pidNamespace.json, "processFiles": JSONValue(processFiles), "hostname": .string(hostname),
      "sysctls": JSONValue(sysctls), "oomScoreAdj": JSONValue(oomScoreAdjustment),
    ]
    json["namespaces"] = .array(namespaces.map { ["type": .string($0.type), "path": .string($0.path)] })
    json["uidMappings"] = uidMappings
    json["gidMappings"] = gidMappings
    return json
  }

  public static func == (left: ShimConfiguration, right: ShimConfiguration) -> Bool { left.json == right.json }
  public func hash(into hasher: inout Hasher) { hasher.combine(json) }
}

/// Run a container's process.
public struct StartContainer: Sendable, Hashable {
  /// The container.
  public var id: String
  /// The directory with `config.json`; `exit.json` appears there.
  public var bundle: String
  /// The log file in CRI's format; empty means none.
  public var logPath: String
  /// Whether it keeps a standard input for those who attach.
  public var hasStdin: Bool
  /// Whether that input ends when the first one that attached goes.
  public var isStdinOnce: Bool
  /// Whether it has a terminal.
  public var hasTerminal: Bool
  /// Its PID namespace.
  public var pidNamespace: PIDNamespace
  /// Whether its users are those of a user namespace, to which a new PID namespace must belong.
  public var hasUserNamespace: Bool
  /// The `cgroup.procs` files it is put into.
  public var processFiles: [String]
  /// The group's path, for figures of memory kills and for ending what its process leaves behind.
  public var cgroupsPath: String

  /// Makes a request.
  public init(
    id: String, bundle: String, logPath: String, hasStdin: Bool, isStdinOnce: Bool, hasTerminal: Bool,
    pidNamespace: PIDNamespace, hasUserNamespace: Bool = false, processFiles: [String], cgroupsPath: String
  ) {
    self.id = id
    self.bundle = bundle
    self.logPath = logPath
    self.hasStdin = hasStdin
    self.isStdinOnce = isStdinOnce
    self.hasTerminal = hasTerminal
    self.pidNamespace = pidNamespace
    self.hasUserNamespace = hasUserNamespace
    self.processFiles = processFiles
    self.cgroupsPath = cgroupsPath
  }

  /// Reads one.
  public init(_ json: JSONValue) {
    id = json["id"].string ?? ""
    bundle = json["bundle"].string ?? ""
    logPath = json["log"].string ?? ""
    hasStdin = json["stdin"].bool ?? false
    isStdinOnce = json["stdinOnce"].bool ?? false
    hasTerminal = json["terminal"].bool ?? false
    pidNamespace = PIDNamespace(json["pidNamespace"])
    hasUserNamespace = json["userNamespace"].bool ?? false
    processFiles = json["processFiles"].items.compactMap(\.string)
    cgroupsPath = json["cgroupsPath"].string ?? ""
  }

  /// As JSON.
  public var json: JSONValue {
    [
      "id": .string(id), "bundle": .string(bundle), "log": .string(logPath), "stdin": .bool(hasStdin),
      "stdinOnce": .bool(isStdinOnce), "terminal": .bool(hasTerminal), "pidNamespace": pidNamespace.json,
      "userNamespace": .bool(hasUserNamespace),
      "processFiles": JSONValue(processFiles), "cgroupsPath": .string(cgroupsPath),
    ]
  }
}

/// Run a further process in a container.
public struct ExecProcess: Sendable, Hashable {
  /// The container.
  public var id: String
  /// The name of this session, unique in the pod.
  public var execID: String
  /// The member `process` of the runtime-spec.
  public var process: JSONValue
  /// A compiled seccomp filter; empty means none.
  public var seccompProgram: String
  /// Whether it has a terminal: then the master comes with the answer and no streams go with the request.
  public var hasTerminal: Bool
  /// The `cgroup.procs` files it is put into.
  public var processFiles: [String]
  /// The seconds after which it is killed; 0 means never.
  public var timeout: Int64

  /// Makes a request.
  public init(
    id: String, execID: String, process: JSONValue, seccompProgram: String, hasTerminal: Bool, processFiles: [String],
    timeout: Int64 = 0
  ) {
    self.id = id
    self.execID = execID
    self.process = process
    self.seccompProgram = seccompProgram
    self.hasTerminal = hasTerminal
    self.processFiles = processFiles
    self.timeout = timeout
  }

  /// Reads one.
  public init(_ json: JSONValue) {
    id = json["id"].string ?? ""
    execID = json["exec"].string ?? ""
    process = json["process"]
    seccompProgram = json["seccompProgram"].string ?? ""
    hasTerminal = json["terminal"].bool ?? false
    processFiles = json["processFiles"].items.compactMap(\.string)
    timeout = json["timeout"].int ?? 0
  }

  /// As JSON.
  public var json: JSONValue {
    [
      "id": .string(id), "exec": .string(execID), "process": process, "seccompProgram": .string(seccompProgram),
      "terminal": .bool(hasTerminal), "processFiles": JSONValue(processFiles), "timeout": JSONValue(timeout),
    ]
  }
}

/// What a shim says of itself.
public struct ShimState: Sendable, Hashable {
  /// The shim's pid.
  public var pid: Int32
  /// The pause process's pid; 0 when it has ended.
  public var pausePID: Int32
  /// The pids of the containers that run.
  public var running: [String: Int32]
  /// How the others ended.
  public var ended: [ProcessExit]

  /// Describes a state.
  public init(pid: Int32, pausePID: Int32, running: [String: Int32], ended: [ProcessExit]) {
    self.pid = pid
    self.pausePID = pausePID
    self.running = running
    self.ended = ended
  }

  /// Reads one.
  public init(_ json: JSONValue) {
    pid = Int32(clamping: json["pid"].int ?? 0)
    pausePID = Int32(clamping: json["pausePID"].int ?? 0)
    running = [:]
    for (id, pid) in json["running"].object ?? JSONObject() { running[id] = Int32(clamping: pid.int ?? 0) }
    ended = json["ended"].items.compactMap(ProcessExit.init)
  }

  /// As JSON.
  public var json: JSONValue {
    var pids: JSONObject = JSONObject()
    for (id, pid) in running.sorted(by: { $0.key < $1.key }) { pids[id] = JSONValue(pid) }
    return [
      "pid": JSONValue(pid), "pausePID": JSONValue(pausePID), "running": .object(pids),
      "ended": .array(ended.map(\.json)),
    ]
  }
}

func strings(_ json: JSONValue) -> [String: String] {
  var found: [String: String] = [:]
  for (key, value) in json.object ?? JSONObject() { found[key] = value.string }
  return found
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import ContainerInit
import Glibc
import JSON
import Kernel
import OCISpec
import ShimProtocol

/// The creation of a container, up to where its first process awaits the start. Killed at any time, it leaves what
/// `delete --force` takes away: the record comes first, the group next, then the process in it.
struct Creation {
  /// What the flags of `create` and `run` say.
  struct Options {
    var bundle: String = "."
    var consoleSocket: String?
    var pidFile: String?
    var start: JSONValue = [:]
    var preservedDescriptors: Int32 = 0
  }

  let context: CommandContext
  let bundle: Bundle
  let hierarchy: CgroupHierarchy
  let options: Options
  private(set) var record: ContainerRecord
  /// The user namespaces that are needed until the mounts are made.
  private var userNamespaces: [UserNamespaceHolder] = []
  /// The terminal's master where nobody else takes it.
  private(set) var terminal: SharedDescriptor?

  init(id: String, _ options: Options, _ context: CommandContext) throws(CommandError) {
    try ContainerRecord.checkName(id)
    self.context = context
    self.options = options
    bundle = try Bundle(options.bundle)
    hierarchy = try context.hierarchy()
    record = ContainerRecord(root: context.root, id: id)
    record.bundle = bundle.path
    record.rootPath = bundle.spec.rootPath
    record.annotations = bundle.spec.annotations
    record.created = SystemClock.rfc3339(SystemClock.now)
  }

  /// Creates; on failure nothing is left and the hooks of the end have run.
  mutating func run() throws(CommandError) {
    try makeFolder()
    do throws(CommandError) { try make() } catch {
      try? Removal(record, hierarchy, context.log).run()
      throw error
    }
  }

  private func makeFolder() throws(CommandError) {
    try attempt("make the folder of the state") { () throws(SystemError) in
      try Files.makeDirectories(context.root, mode: 0o711)
    }
    guard mkdir(record.folder, 0o711) == 0 else {
      let reason: Errno = .current
      throw CommandError(reason == .exists ? "container with given ID already exists" : "mkdir \(record.folder): \(reason)")
    }
  }

  private mutating func make() throws(CommandError) {
    try attempt("keep the configuration") { () throws(SystemError) in
      try Files.write(record.configurationPath, bundle.configuration.bytes, mode: 0o600)
    }
    try record.save()
    Failpoints.reach("OCI.recorded")
    let group: Cgroup = try makeGroup()
    Failpoints.reach("OCI.grouped")
    let socket: SharedDescriptor = try attempt("listen for the start") { () throws(SystemError) in
      SharedDescriptor(try UnixSocket.listen(record.startSocket))
    }
    let launcher: InitLauncher = InitLauncher()
    var found: ContainerRecord = record
    var master: SharedDescriptor?
    let (log, declared, consoleSocket): (CommandLog, JSONValue, String?) = (
      context.log, bundle.spec.hooks, options.consoleSocket
    )
    launcher.onProcess = { pid throws(CommandError) in
      found.pid = pid
      found.startTime = Processes.startTime(pid) ?? 0
      try found.save()
    }
    launcher.onWarning = { log.warn($0) }
    launcher.onMounted = { () throws(CommandError) in
      Failpoints.reach("OCI.mounted")
      let state: JSONValue = found.state(.creating)
      for kind: Hook.Kind in [.prestart, .createRuntime] {
        do throws(HookError) {
          try HookRunner.run((try? Hook.all(kind, in: declared)) ?? [], kind, state: state)
        } catch { throw CommandError(error.description) }
      }
      return state
    }
    launcher.onTerminal = { descriptor throws(CommandError) in
      guard let path: String = consoleSocket else {
        master = descriptor
        return
      }
      try ConsoleSocket.send(descriptor, to: path)
    }
    defer {
      record = found
      terminal = master
    }
    try launcher.start(try request(group, socket))
    Failpoints.reach("OCI.spawned")
    try launcher.finish()
    userNamespaces = []
    found.isComplete = true
    try found.save()
    if let path: String = options.pidFile { try PIDFile.write(path, found.pid) }
  }

  private mutating func makeGroup() throws(CommandError) -> Cgroup {
    let group: Cgroup = hierarchy.group(bundle.cgroupsPath(id: record.id))
    if (try? group.processes().isEmpty) == false {
      throw CommandError("the container's cgroup \(group.path) is not empty")
    }
    record.cgroupsPath = group.path
    try record.save()
    try attempt("make the container's cgroup") { () throws(SystemError) in try group.create() }
    let resources: CgroupResources = CgroupResources(json: bundle.spec.resources)
    try resources.apply(to: group)
    try resources.applyDevices(to: group)
    return group
  }

  private mutating func request(_ group: Cgroup, _ socket: SharedDescriptor) throws(CommandError) -> InitLauncher.Request {
    var configuration: JSONValue = bundle.configuration
    configuration["apus"]["start"] = options.start
    configuration["linux"]["cgroupsPath"] = .string(group.path)
    var namespaces: [JSONValue] = configuration["linux"]["namespaces"].items
    let user: Int? = namespaces.firstIndex { $0["type"].string == "user" }
    if let user, (namespaces[user]["path"].string ?? "").isEmpty {
      let holder: UserNamespaceHolder = try UserNamespaceHolder(
        uids: bundle.spec.uidMappings, gids: bundle.spec.gidMappings)
      namespaces[user]["path"] = .string(holder.path)
      configuration["linux"]["namespaces"] = .array(namespaces)
      userNamespaces.append(holder)
    }
    for mount: JSONValue in configuration["mounts"].items where !mount["uidMappings"].items.isEmpty {
      // Mappings of its own make a mount mapped, whether an option says so or not.
      let holder: UserNamespaceHolder = try UserNamespaceHolder(
        uids: mount["uidMappings"].items.map(RuntimeSpec.IDMapping.init),
        gids: mount["gidMappings"].items.map(RuntimeSpec.IDMapping.init))
      configuration["apus"]["start"]["mountNamespaces"][mount["destination"].string ?? ""] = .string(holder.path)
      userNamespaces.append(holder)
    }
    var request: InitLauncher.Request = InitLauncher.Request(mode: "create", configuration: configuration)
    request.processFiles = group.processFiles
    request.listener = socket
    request.preservedDescriptors = options.preservedDescriptors
    if let pid: RuntimeSpec.Namespace = bundle.spec.namespaces.first(where: { $0.type == "pid" }) {
      request.pidNamespace = pid.path
      // A PID namespace belongs to the user namespace of its maker: then init makes it, once it has joined that.
      request.makesPIDNamespace = pid.path == nil && user == nil
    }
    return request
  }
}

/// The file in which an engine finds the process.
enum PIDFile {
  static func write(_ path: String, _ pid: Int32) throws(CommandError) {
    try attempt("write the pid file") { () throws(SystemError) in
      try Files.replace(path, Array(String(pid).utf8), mode: 0o644)
    }
  }
}

/// The socket on which an engine awaits the master of a terminal.
enum ConsoleSocket {
  static func send(_ master: SharedDescriptor, to path: String) throws(CommandError) {
    try attempt("send the terminal to the console socket") { () throws(SystemError) in
      let socket: FileDescriptor = try UnixSocket.connect(path, .stream)
      try UnixSocket.send(socket.raw, Array("/dev/ptmx".utf8), descriptors: [master.raw])
    }
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Kernel

/// What is left of a cluster whose supervisor was killed together with its keeper: daemons, and pods without a runtime.
struct Leftovers {
  /// How long a daemon may take to end before it is killed.
  private static let patience: Int32 = 12_000

  private let cluster: ClusterConfiguration
  /// The plan that the supervisor had, or would have.
  private let plan: ComponentPlan

  init(_ cluster: ClusterConfiguration) {
    self.cluster = cluster
    // Without a plan, or with a damaged one, the daemons are those of this configuration.
    let bytes: [UInt8]? = try? Files.read(Supervisor.planPath(cluster.runDirectory))
    plan = bytes.flatMap { try? ComponentPlan(json: JSONValue(parsing: $0)) } ?? ComponentPlan(cluster)
  }

  /// Ends the keeper and every daemon but the runtime, so that nothing starts pods or daemons again.
  func endDaemons() throws {
    try Files.remove(Supervisor.planPath(cluster.runDirectory))
    let keeper: RunningComponents = RunningComponents(runDirectory: cluster.runDirectory, file: Keeper.file)
    if let identity: RunningComponents.Identity = keeper.alive[Keeper.name] { try Self.end(identity) }
    // One that the keeper has just started.
    let supervisor: [String] = Keeper.arguments("supervisor", cluster.runDirectory, cluster.logDirectory)
    if let identity: RunningComponents.Identity = RunningComponents.find(supervisor) {
      try Processes.signal(identity.pid, SIGKILL)
      try Processes.waitForEnd(of: identity.pid, milliseconds: Self.patience)
    }
    for component: ComponentPlan.Component in plan.components.reversed() where component.name != "runtime" {
      if let identity = RunningComponents.find(component.arguments) { try Self.end(identity) }
    }
  }

  /// The runtime: one that still runs, or a new one where there are pods to remove; nil where there are none.
  func runtime() throws -> RunningComponents.Identity? {
    guard let component = plan.components.first(where: { $0.name == "runtime" }) else { return nil }
    if let identity = RunningComponents.find(component.arguments) { return identity }
    let folders: [String] = ["\(cluster.dataDirectory)/runtime/pods", "\(cluster.runDirectory)/runtime/pods"]
    // A folder that is not there has no pods.
    guard folders.contains(where: { (try? Files.list($0))?.isEmpty == false }) else { return nil }
    try Files.makeDirectories(cluster.logDirectory)
    let log: FileDescriptor = try FileDescriptor.open(
      "\(cluster.logDirectory)/runtime.log", [.writeOnly, .create, .append], mode: 0o644)
    let nothing: FileDescriptor = try FileDescriptor.open("/dev/null")
    var request: SpawnRequest = SpawnRequest(
      path: component.arguments[0], arguments: component.arguments, environment: Supervisor.environment())
    request.startsSession = true
    request.descriptors = [(nothing.raw, 0), (log.raw, 1), (log.raw, 2)]
    return RunningComponents.Identity(try Processes.spawn(request).pid)
  }

  /// Ends the runtime, if one still runs.
  func endRuntime() throws {
    guard let component = plan.components.first(where: { $0.name == "runtime" }) else { return }
    if let identity = RunningComponents.find(component.arguments) { try Self.end(identity) }
  }

  /// Asks a process to end, and kills it when it does not.
  static func end(_ identity: RunningComponents.Identity) throws {
    try Processes.signal(identity.pid, SIGTERM)
    do { try Processes.waitForEnd(of: identity.pid, milliseconds: patience) } catch {
      try Processes.signal(identity.pid, SIGKILL)
      try Processes.waitForEnd(of: identity.pid, milliseconds: patience)
    }
  }
}

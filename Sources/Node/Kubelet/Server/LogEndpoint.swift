// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import HTTPServing
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging
import NIOHTTP1

/// `/containerLogs/NAMESPACE/POD/CONTAINER`: a container's output from the runtime's log file.
struct LogEndpoint: Sendable {
  let services: PodServices
  let supervisor: PodSupervisor

  /// What of a log is wanted.
  struct Options: Sendable {
    var follow: Bool = false
    var previous: Bool = false
    var timestamps: Bool = false
    var tailLines: Int?
    var since: Timestamp?
    var limitBytes: Int?
    /// `Stdout` or `Stderr`; nil for both.
    var stream: String?

    init(_ request: HTTPRequest, now: Timestamp) throws {
      func isOn(_ name: String) -> Bool { ["1", "true"].contains(request.query(name) ?? "") }
      func number(_ name: String) throws -> Int? {
        guard let text: String = request.query(name), !text.isEmpty else { return nil }
        guard let value: Int = Int(text), value >= 0 else {
          throw KubeletError(.invalid, "\(name) must be a number that is not negative, found \(text)")
        }
        return value
      }
      follow = isOn("follow")
      previous = isOn("previous")
      timestamps = isOn("timestamps")
      tailLines = try number("tailLines") ?? number("tail")
      limitBytes = try number("limitBytes")
      if let seconds: Int = try number("sinceSeconds") { since = now + .seconds(-seconds) }
      if let text: String = request.query("sinceTime"), !text.isEmpty { since = try Timestamp(parsing: text) }
      if let name: String = request.query("stream"), name != "All" { stream = name.lowercased() }
    }
  }

  func handle(_ path: [String], _ request: HTTPRequest, _ response: HTTPResponseWriter) async throws {
    guard path.count == 4 else { throw KubeletError(.invalid, "the path must be /containerLogs/NAMESPACE/POD/CONTAINER") }
    let options: Options = try Options(request, now: .now)
    guard let worker: PodWorker = await supervisor.worker(namespace: path[1], name: path[2]) else {
      throw KubeletError(.notFound, "pod \"\(path[2])\" not found")
    }
    let name: String = path[3]
    guard await worker.pod.role(named: name) != nil else {
      throw KubeletError(.notFound, "container \"\(name)\" not found in pod \"\(path[2])\"")
    }
    let ended: String? = await worker.lastTerminated(name)
    let observed: PodObservation = await worker.freshObservation()
    let container: ObservedContainer? = observed.containers.first {
      // One that was made and is not started yet has no log; the one before it still tells something.
      options.previous ? $0.id == ended : $0.name == name && $0.status.state != .containerCreated
    }
    guard let container else {
      throw KubeletError(
        .invalid,
        options.previous
          ? "previous terminated container \"\(name)\" in pod \"\(path[2])\" not found"
          : "container \"\(name)\" in pod \"\(path[2])\" is waiting to start: \(await worker.waitingReason(name))")
    }
    let file: String = container.status.logPath.isEmpty
      ? "\(await services.sandboxes.logDirectory(worker.pod))/\(name)/\(container.status.metadata.attempt).log" : container.status.logPath
    // Opened first: that it is not there can be said only as long as nothing has been.
    var reader: LogReader = try LogReader(path: file, options: options)
    try await response.begin(status: .ok, headers: ["content-type": "text/plain"])
    // The client shall see at once that there is an answer, though no line may come for long.
    try await response.write([])
    let id: String = container.id
    while true {
      let chunk: [UInt8] = try reader.next()
      if !chunk.isEmpty { try await response.write(chunk) }
      if reader.isLimitReached { break }
      if !chunk.isEmpty { continue }
      guard options.follow else { break }
      if reader.sawEnd { break }
      // Asked first, read after: what was written until the end is not lost.
      if await !isRunning(id) { reader.sawEnd = true } else { try await Task.sleep(for: .milliseconds(100)) }
    }
    try await response.finish()
  }

  private func isRunning(_ id: String) async -> Bool {
    guard let status = try? await services.runtime.containerStatus(id) else { return false }
    return status.state == .containerRunning
  }
}

extension PodWorker {
  private func containerStatus(_ name: String) -> ContainerStatus? {
    let status: PodStatus = sender.current
    return (status.containerStatuses + status.initContainerStatuses + status.ephemeralContainerStatuses)
      .first { $0.name == name }
  }

  /// The ID of the container that `logs --previous` means: the one that the pod's status shows as the last state.
  /// While a container waits to be started again, that is the one that ended last.
  func lastTerminated(_ name: String) -> String? {
    containerStatus(name)?.lastState.terminated.containerID.split(separator: "/").last.map(String.init)
  }

  /// Why a container does not run yet.
  func waitingReason(_ name: String) -> String {
    waiting[name]?.reason ?? containerStatus(name)?.state.waiting.reason ?? "ContainerCreating"
  }
}

/// Reads a log file in pieces, and goes on where it was when there is more, also after a rotation.
struct LogReader {
  private static let chunkBytes: Int = 64 << 10

  private let path: String
  private let options: LogEndpoint.Options
  private var file: SharedDescriptor
  private var inode: UInt64
  private var rest: [UInt8] = []
  private var written: Int = 0
  private var isMidLine: Bool = false
  /// Set when nothing more will be written.
  var sawEnd: Bool = false
  private(set) var isLimitReached: Bool = false

  init(path: String, options: LogEndpoint.Options) throws {
    self.path = path
    self.options = options
    do {
      file = SharedDescriptor(try FileDescriptor.open(path))
      inode = try Files.status(path).inode
    } catch {
      throw KubeletError(.notFound, "failed to try resolving symlinks in path \"\(path)\": \(error)")
    }
    if let lines: Int = options.tailLines { try skip(allBut: lines) }
  }

  /// Goes to where the last lines begin.
  private mutating func skip(allBut lines: Int) throws {
    let descriptor: SharedDescriptor = SharedDescriptor(try FileDescriptor.open(path))
    var starts: [Int] = []
    var offset: Int = 0
    var isStart: Bool = true
    // One pass that keeps the last starts: logs are rotated before they are large.
    while true {
      let chunk: [UInt8] = try Kernel.read(descriptor.raw, upTo: 1 << 20)
      if chunk.isEmpty { break }
      for (place, byte) in chunk.enumerated() {
        if isStart {
          starts.append(offset + place)
          if starts.count > 2 * lines + 1024 { starts.removeFirst(starts.count - lines - 1) }
        }
        isStart = byte == UInt8(ascii: "\n")
      }
      offset += chunk.count
    }
    let target: Int = lines == 0 ? offset : starts.suffix(lines).first ?? 0
    var position: Int = 0
    while position < target {
      let skipped: Int = try Kernel.read(file.raw, upTo: min(target - position, 1 << 20)).count
      if skipped == 0 { break }
      position += skipped
    }
  }

  /// The next bytes for the client; nothing where there are none now.
  mutating func next() throws -> [UInt8] {
    while true {
      var bytes: [UInt8] = try Kernel.read(file.raw, upTo: Self.chunkBytes)
      if bytes.isEmpty, try reopenIfRotated() { bytes = try Kernel.read(file.raw, upTo: Self.chunkBytes) }
      if bytes.isEmpty { return [] }
      rest += bytes
      let output: [UInt8] = convert()
      if !output.isEmpty || isLimitReached { return output }
    }
  }

  private mutating func reopenIfRotated() throws -> Bool {
    guard options.follow, let status: Files.Status = try? Files.status(path), status.inode != inode else { return false }
    file = SharedDescriptor(try FileDescriptor.open(path))
    inode = status.inode
    return true
  }

  /// Turns whole lines of the file into lines for the client.
  private mutating func convert() -> [UInt8] {
    guard let end: Int = rest.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    var output: [UInt8] = []
    for line: ArraySlice<UInt8> in rest[...end].split(separator: UInt8(ascii: "\n")) {
      guard let entry: LogLine = LogLine(line), wants(entry) else { continue }
      if options.timestamps, !isMidLine { output += entry.time + [UInt8(ascii: " ")] }
      output += entry.content
      if !entry.isPartial { output.append(UInt8(ascii: "\n")) }
      isMidLine = entry.isPartial
    }
    rest.removeSubrange(...end)
    if let limit: Int = options.limitBytes, written + output.count >= limit {
      output = Array(output.prefix(limit - written))
      isLimitReached = true
    }
    written += output.count
    return output
  }

  private func wants(_ entry: LogLine) -> Bool {
    if let stream: String = options.stream, Array(stream.utf8) != Array(entry.stream) { return false }
    if let since: Timestamp = options.since {
      guard let time: Timestamp = try? Timestamp(parsing: String(decoding: entry.time, as: UTF8.self)) else { return false }
      return time >= since
    }
    return true
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Crypto
import JSON
import Kernel
import KubeClient
import KubeCore
import KubeMeta
import KubeValues
import Logging
import SwiftProtobuf
import YAML

/// Pods from manifests in a directory, or from one manifest.
struct StaticPods: Sendable {
  let path: String
  let nodeName: String
  let logger: Logger

  /// How often a path that is not there, or cannot be watched, is looked at.
  private static let missingInterval: Duration = .seconds(1)

  /// Reads the manifests whenever they change, and now and then all the same, as not every file system tells of its
  /// changes; `changed` gets all pods whenever they differ from before.
  func run(every interval: Duration, changed: @Sendable ([Pod]) async -> Void) async throws {
    let watch: DirectoryWatch = try DirectoryWatch()
    var last: [String: Int64] = ["": -1]
    var known: [String: Pod] = [:]
    while !Task.isCancelled {
      // Before the look: what changes after it is told.
      let isDirectory: Bool = (try? Files.status(path))?.isDirectory ?? false
      let isWatched: Bool = watch.watch(isDirectory ? path : Files.parent(of: path) ?? "/")
      let stamps: [String: Int64] = stamps()
      if stamps != last {
        last = stamps
        var pods: [String: Pod] = [:]
        for file: String in stamps.keys.sorted() {
          do {
            pods[file] = try read(file)
          } catch {
            logger.warning("cannot use a manifest", metadata: ["file": "\(file)", "error": "\(error)"])
            // A file that is just being written keeps its pod.
            pods[file] = known[file]
          }
        }
        known = pods
        await changed(pods.sorted { $0.key < $1.key }.map(\.value))
      }
      try await watch.wait(for: isWatched ? interval : min(interval, Self.missingInterval))
    }
  }

  /// The manifests and the moments of their last change.
  private func stamps() -> [String: Int64] {
    guard let status: Files.Status = try? Files.status(path) else { return [:] }
    guard status.isDirectory else { return [path: status.modifiedNanoseconds] }
    var stamps: [String: Int64] = [:]
    for name: String in (try? Files.list(path)) ?? [] where !name.hasPrefix(".") {
      let file: String = "\(path)/\(name)"
      guard let status: Files.Status = try? Files.status(file), status.isRegular else { continue }
      stamps[file] = status.modifiedNanoseconds &+ status.size
    }
    return stamps
  }

  /// One manifest's pod, as it is known on this node.
  func read(_ file: String) throws -> Pod {
    let text: String = String(decoding: try Files.read(file), as: UTF8.self)
    let document: JSONValue
    if text.drop(while: { $0 == " " || $0 == "\n" }).hasPrefix("{") {
      document = try JSONValue(parsing: text)
    } else {
      document = try YAML.document(text)
    }
    var pod: Pod = try ManifestDecoder.pod(document)
    identify(&pod, file: file, text: text)
    Self.fillDefaults(&pod)
    return pod
  }

  private func identify(_ pod: inout Pod, file: String, text: String) {
    let digest: String = Insecure.MD5.hash(data: Array("\(text)\nhost:\(nodeName)\nfile:\(file)".utf8))
      .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    if pod.metadata.uid.isEmpty { pod.metadata.uid = digest }
    if pod.metadata.namespace.isEmpty { pod.metadata.namespace = "default" }
    pod.metadata.name += "-\(nodeName.lowercased())"
    pod.metadata.annotations[PodAnnotation.hash] = digest
    pod.metadata.annotations[PodAnnotation.source] = "file"
    pod.metadata.annotations[PodAnnotation.seen] = Timestamp.now.rfc3339Nano
    pod.spec.nodeName = nodeName
  }

  /// What the API server would have filled in.
  static func fillDefaults(_ pod: inout Pod) {
    if pod.spec.restartPolicy.isEmpty { pod.spec.restartPolicy = "Always" }
    if pod.spec.dnsPolicy.isEmpty { pod.spec.dnsPolicy = "ClusterFirst" }
    if !pod.spec.hasTerminationGracePeriodSeconds { pod.spec.terminationGracePeriodSeconds = 30 }
    if !pod.spec.hasEnableServiceLinks { pod.spec.enableServiceLinks = true }
    if pod.spec.schedulerName.isEmpty { pod.spec.schedulerName = "default-scheduler" }
    if !pod.spec.hasSecurityContext { pod.spec.securityContext = PodSecurityContext() }
    if !pod.spec.tolerations.contains(where: { $0.effect == "NoExecute" && $0.operator == "Exists" }) {
      pod.spec.tolerations.append(
        .with {
          $0.operator = "Exists"
          $0.effect = "NoExecute"
        })
    }
    if pod.status.phase.isEmpty { pod.status.phase = "Pending" }
    for place: Int in pod.spec.containers.indices { fillDefaults(&pod.spec.containers[place], pod.spec.hostNetwork) }
    for place: Int in pod.spec.initContainers.indices {
      fillDefaults(&pod.spec.initContainers[place], pod.spec.hostNetwork)
    }
  }

  private static func fillDefaults(_ container: inout Container, _ hostNetwork: Bool) {
    if container.imagePullPolicy.isEmpty { container.imagePullPolicy = ImagePuller.policy(container) }
    if container.terminationMessagePath.isEmpty { container.terminationMessagePath = TerminationMessage.defaultPath }
    if container.terminationMessagePolicy.isEmpty { container.terminationMessagePolicy = "File" }
    for place: Int in container.ports.indices {
      if container.ports[place].protocol.isEmpty { container.ports[place].protocol = "TCP" }
      if hostNetwork, container.ports[place].hostPort == 0 {
        container.ports[place].hostPort = container.ports[place].containerPort
      }
    }
  }
}

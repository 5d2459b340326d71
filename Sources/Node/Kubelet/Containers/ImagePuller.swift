// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import JSON
import KubeCore
import KubeMeta
import KubeValues
import Logging
import OCISpec
import SwiftProtobuf

/// Why an image is not there: the reason that a container waits with.
struct ImageFailure: Error, Sendable {
  var reason: String
  var message: String
  /// How long to wait before the next try; nil where waiting does not help.
  var retryAfter: Duration?
}

/// Brings images to the node, with upstream's policies and waits.
///
/// So many pulls run at once from one registry; the others wait. A registry that hangs holds up its own images only.
actor ImagePuller {
  /// What events about a container are told with.
  typealias Tell = @Sendable (_ type: String, _ reason: String, _ message: String) -> Void

  private let runtime: any RuntimeService
  private let objects: any PodObjects
  private let limit: Int
  private let clock: @Sendable () -> Timestamp
  private var backOff: BackOff = BackOff(maximum: .seconds(300))
  private var lastErrors: [String: (message: String, time: Timestamp)] = [:]
  /// Pulls that run, by registry.
  private var running: [String: Int] = [:]
  /// Pulls that wait for their turn, by registry.
  private var queues: [String: [WakeSignal]] = [:]

  init(
    runtime: any RuntimeService, objects: any PodObjects, limit: Int,
    clock: @escaping @Sendable () -> Timestamp = { Timestamp.now }
  ) {
    self.runtime = runtime
    self.objects = objects
    self.limit = max(limit, 1)
    self.clock = clock
  }

  /// The image of a container, pulled where the policy says so.
  func ensure(
    _ container: Container, of pod: Pod, sandbox: CRIPodSandboxConfig, tell: @escaping Tell
  ) async throws -> CRIImage {
    let name: String = Self.withTag(container.image)
    let reference: ImageReference
    do throws(OCISpecError) {
      reference = try ImageReference(name)
    } catch {
      let quoted: String = "\"\(container.image)\""
      let message: String = "Failed to apply default image tag \(quoted): couldn't parse image name \(quoted): invalid reference format"
      tell("Warning", "InspectFailed", message)
      throw ImageFailure(reason: "InvalidImageName", message: message, retryAfter: .seconds(10))
    }
    let spec: CRIImageSpec = .with {
      $0.image = name
      $0.userSpecifiedImage = container.image
      $0.annotations = pod.metadata.annotations
    }
    let policy: String = Self.policy(container)
    let present: CRIImage?
    do {
      present = try await runtime.imageStatus(spec)
    } catch let error as KubeletError {
      let message: String = "Failed to inspect image \"\(container.image)\": \(error)"
      tell("Warning", "InspectFailed", message)
      throw ImageFailure(reason: "ImageInspectError", message: message, retryAfter: .seconds(10))
    }
    if let present, policy != "Always" {
      tell(
        "Normal", "Pulled", "Container image \"\(container.image)\" already present on machine and can be accessed by the pod")
      return present
    }
    if policy == "Never" {
      let message: String = "Container image \"\(container.image)\" is not present with pull policy of Never"
      tell("Warning", "ErrImageNeverPull", message)
      throw ImageFailure(reason: "ErrImageNeverPull", message: message, retryAfter: .seconds(10))
    }
    return try await pull(spec, from: reference.registry, container, pod, sandbox, tell)
  }

  private func pull(
    _ spec: CRIImageSpec, from registry: String, _ container: Container, _ pod: Pod, _ sandbox: CRIPodSandboxConfig,
    _ tell: @escaping Tell
  ) async throws -> CRIImage {
    let key: String = "\(pod.metadata.uid)_\(spec.image)"
    if let failure = lastErrors[key], let left: Duration = backOff.remaining(key, since: failure.time, now: clock()) {
      tell("Normal", "BackOff", "Back-off pulling image \"\(container.image)\"")
      throw ImageFailure(
        reason: "ImagePullBackOff",
        message: "Back-off pulling image \"\(container.image)\": ErrImagePull: \(failure.message)", retryAfter: left)
    }
    tell("Normal", "Pulling", "Pulling image \"\(container.image)\"")
    let asked: ContinuousClock.Instant = .now
    try await enter(registry)
    defer { leave(registry) }
    let started: ContinuousClock.Instant = .now
    do {
      let reference: String = try await pull(spec, pod, sandbox)
      let wanted: CRIImageSpec = .with { $0.image = reference.isEmpty ? spec.image : reference }
      var image: CRIImage? = try await runtime.imageStatus(wanted)
      if image == nil { image = try await runtime.imageStatus(spec) }
      guard let image else { throw KubeletError(.runtime, "image \(spec.image) is not there after its pull") }
      lastErrors[key] = nil
      backOff.reset(key)
      let now: ContinuousClock.Instant = .now
      tell(
        "Normal", "Pulled",
        "Successfully pulled image \"\(container.image)\" in \((now - started).goText) (\((now - asked).goText) including waiting). Image size: \(image.size) bytes."
      )
      return image
    } catch let error as KubeletError {
      let now: Timestamp = clock()
      backOff.next(key, failure: now, now: now)
      lastErrors[key] = (error.message, now)
      tell("Warning", "Failed", "Failed to pull image \"\(container.image)\": \(error.message)")
      throw ImageFailure(
        reason: "ErrImagePull", message: error.message, retryAfter: backOff.remaining(key, since: now, now: now) ?? .seconds(10))
    }
  }

  /// Pulls with each of the pod's credentials that fit, or with none.
  private func pull(_ spec: CRIImageSpec, _ pod: Pod, _ sandbox: CRIPodSandboxConfig) async throws -> String {
    let credentials: [CRIAuthConfig] = await PullCredentials(objects: objects).credentials(for: spec.image, of: pod)
    guard !credentials.isEmpty else { return try await runtime.pullImage(spec, auth: nil, sandbox: sandbox) }
    var failure: (any Error)?
    for credential: CRIAuthConfig in credentials {
      do {
        return try await runtime.pullImage(spec, auth: credential, sandbox: sandbox)
      } catch {
        failure = error
      }
    }
    throw failure ?? KubeletError(.runtime, "no credentials")
  }

  /// Waits for a registry's turn; a pod that is deleted meanwhile waits no longer.
  private func enter(_ registry: String) async throws {
    while running[registry, default: 0] >= limit {
      let turn: WakeSignal = WakeSignal()
      queues[registry, default: []].append(turn)
      await turn.wait()
      guard Task.isCancelled else { continue }
      if let place: Int = queues[registry]?.firstIndex(where: { $0 === turn }) {
        queues[registry]?.remove(at: place)
      } else {
        // The turn came and is not used.
        wakeNext(registry)
      }
      throw CancellationError()
    }
    running[registry, default: 0] += 1
  }

  private func leave(_ registry: String) {
    let left: Int = running[registry, default: 1] - 1
    running[registry] = left > 0 ? left : nil
    wakeNext(registry)
  }

  private func wakeNext(_ registry: String) {
    guard var queue: [WakeSignal] = queues[registry], !queue.isEmpty else { return }
    queue.removeFirst().raise()
    queues[registry] = queue.isEmpty ? nil : queue
  }

  /// The image's name with `:latest` where it has neither a tag nor a digest.
  static func withTag(_ image: String) -> String {
    if image.contains("@") { return image }
    let last: Substring = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    return last.contains(":") ? image : "\(image):latest"
  }

  static func policy(_ container: Container) -> String {
    if !container.imagePullPolicy.isEmpty { return container.imagePullPolicy }
    return withTag(container.image).hasSuffix(":latest") ? "Always" : "IfNotPresent"
  }
}

/// Credentials for registries from the secrets that a pod, or its service account, names.
struct PullCredentials: Sendable {
  let objects: any PodObjects

  /// The credentials that fit an image's registry, the longest match first.
  func credentials(for image: String, of pod: Pod) async -> [CRIAuthConfig] {
    var found: [(length: Int, auth: CRIAuthConfig)] = []
    for reference: LocalObjectReference in pod.spec.imagePullSecrets {
      // A secret that is missing is no failure: the image may be public, and upstream pulls without it.
      guard let secret: Secret = try? await objects.secret(namespace: pod.metadata.namespace, name: reference.name)
      else { continue }
      found += Self.matches(secret, image)
    }
    return found.sorted { $0.length > $1.length }.map(\.auth)
  }

  static func matches(_ secret: Secret, _ image: String) -> [(length: Int, auth: CRIAuthConfig)] {
    let auths: JSONValue
    if let data = secret.data[".dockerconfigjson"], let document: JSONValue = try? JSONValue(parsing: data) {
      auths = document["auths"]
    } else if let data = secret.data[".dockercfg"], let document: JSONValue = try? JSONValue(parsing: data) {
      auths = document
    } else {
      return []
    }
    var found: [(length: Int, auth: CRIAuthConfig)] = []
    for (server, entry) in auths.object ?? JSONObject() {
      guard fits(server, image) else { continue }
      let auth: CRIAuthConfig = .with {
        $0.username = entry["username"].string ?? ""
        $0.password = entry["password"].string ?? ""
        $0.auth = entry["auth"].string ?? ""
        $0.identityToken = entry["identitytoken"].string ?? ""
        $0.serverAddress = server
      }
      found.append((server.count, auth))
    }
    return found
  }

  /// Whether credentials for a server (host, optional path, `*` for a label) are meant for an image.
  private static func fits(_ server: String, _ image: String) -> Bool {
    var pattern: String = server
    for scheme: String in ["https://", "http://"] where pattern.hasPrefix(scheme) {
      pattern = String(pattern.dropFirst(scheme.count))
    }
    if pattern.hasSuffix("/v1/") || pattern.hasSuffix("/v2/") { pattern = String(pattern.dropLast(4)) }
    while pattern.hasSuffix("/") { pattern.removeLast() }
    var name: String = image
    let first: Substring = name.split(separator: "/").first ?? ""
    if !name.contains("/") || !(first.contains(".") || first.contains(":") || first == "localhost") {
      name = "index.docker.io/" + name
    } else if first == "docker.io" {
      name = "index." + name
    }
    let patternParts: [Substring] = pattern.split(separator: "/", maxSplits: 1)
    let nameParts: [Substring] = name.split(separator: "/", maxSplits: 1)
    guard let patternHost: Substring = patternParts.first, let nameHost: Substring = nameParts.first else { return false }
    let patternLabels: [Substring] = patternHost.split(separator: ".")
    let nameLabels: [Substring] = nameHost.split(separator: ".")
    guard patternLabels.count == nameLabels.count,
      zip(patternLabels, nameLabels).allSatisfy({ $0 == "*" || $0 == $1 })
    else { return false }
    guard patternParts.count == 2 else { return true }
    return nameParts.count == 2 && nameParts[1].hasPrefix(patternParts[1])
  }
}

extension Duration {
  /// The text that Go gives a duration, as events have it: `1.234s`, `56ms`, `1m3s`.
  var goText: String {
    let milliseconds: Int64 = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    if milliseconds < 1000 { return "\(milliseconds)ms" }
    let (minutes, rest): (Int64, Int64) = milliseconds.quotientAndRemainder(dividingBy: 60_000)
    var fraction: String = String(String(rest % 1000 + 1000).dropFirst())
    while fraction.hasSuffix("0") { fraction.removeLast() }
    let seconds: String = fraction.isEmpty ? "\(rest / 1000)s" : "\(rest / 1000).\(fraction)s"
    return minutes == 0 ? seconds : minutes < 60 ? "\(minutes)m\(seconds)" : "\(minutes / 60)h\(minutes % 60)m\(seconds)"
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta
import SwiftProtobuf

/// Names of annotations by which static and mirror pods are told apart.
enum PodAnnotation {
  /// Where a pod came from: `api` or `file`.
  static let source: String = "kubernetes.io/config.source"
  /// The hash of a static pod's manifest.
  static let hash: String = "kubernetes.io/config.hash"
  /// On a mirror pod: the hash of the static pod that it shows.
  static let mirror: String = "kubernetes.io/config.mirror"
  /// When the kubelet saw a static pod.
  static let seen: String = "kubernetes.io/config.seen"
}

extension Pod {
  var uid: PodUID { PodUID(metadata.uid) }
  /// As upstream writes a pod in messages: `name_namespace(uid)`.
  var display: String { "\(metadata.name)_\(metadata.namespace)(\(metadata.uid))" }

  /// Whether this pod came from a manifest on this machine.
  var isStatic: Bool {
    metadata.annotations[PodAnnotation.source].map { $0 != "api" } ?? false
  }
  /// Whether this API object only shows a static pod.
  var isMirror: Bool { metadata.annotations[PodAnnotation.mirror] != nil }
  /// Whether the pod may never be evicted for want of resources.
  var isCritical: Bool { isStatic || isMirror || spec.priority >= 2_000_000_000 }

  /// The restart policy, with upstream's default.
  var restartPolicy: String { spec.restartPolicy.isEmpty ? "Always" : spec.restartPolicy }

  /// Init, ordinary and ephemeral containers with what each is.
  var roles: [ContainerRole] {
    var all: [ContainerRole] = spec.initContainers.map {
      ContainerRole(container: $0, kind: $0.isSidecar ? .sidecar : .initial)
    }
    all += spec.containers.map { ContainerRole(container: $0, kind: .ordinary) }
    all += spec.ephemeralContainers.map {
      ContainerRole(
        container: Container(common: $0.ephemeralContainerCommon), kind: .ephemeral,
        target: $0.targetContainerName)
    }
    return all
  }

  func role(named name: String) -> ContainerRole? { roles.first { $0.container.name == name } }
}

/// One container of a pod and its part in the pod's life.
struct ContainerRole: Sendable {
  enum Kind: Sendable, Hashable {
    /// Runs to its end before the next one starts.
    case initial
    /// An init container that keeps running: `restartPolicy: Always`.
    case sidecar
    /// One of `spec.containers`.
    case ordinary
    /// Added while the pod runs, for debugging; never restarted.
    case ephemeral
  }
  var container: Container
  var kind: Kind
  /// For an ephemeral container: whose process namespace it joins.
  var target: String = ""

  var name: String { container.name }
  /// The path of the container in the pod, as events name it.
  var fieldPath: String {
    switch kind {
    case .initial, .sidecar: "spec.initContainers{\(name)}"
    case .ordinary: "spec.containers{\(name)}"
    case .ephemeral: "spec.ephemeralContainers{\(name)}"
    }
  }
}

extension Container {
  /// Whether this init container keeps running.
  var isSidecar: Bool { restartPolicy == "Always" }

  /// The common part of an ephemeral container; both messages have the same fields with the same numbers.
  init(common: EphemeralContainerCommon) {
    guard let bytes: [UInt8] = try? common.serializedBytes(),
      let container: Container = try? Container(serializedBytes: bytes)
    else {
      // Both are proto2 messages without required fields: neither step can fail.
      self.init()
      return
    }
    self = container
  }

  /// What changes of a container make it another one; only the image may change in a running pod.
  var specHash: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte: UInt8 in Array(name.utf8) + [0] + Array(image.utf8) {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    return String(UInt32(truncatingIfNeeded: hash ^ (hash >> 32)), radix: 16)
  }
}

extension MetaTime {
  /// A moment given in nanoseconds since 1970, as CRI has it; the API keeps whole seconds.
  init(nanoseconds: Int64) {
    self.init()
    seconds = nanoseconds / 1_000_000_000
    nanos = 0
  }
}

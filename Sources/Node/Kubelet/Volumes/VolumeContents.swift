// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta

/// The files of ConfigMap, Secret, downward API and projected volumes.
struct VolumeContents: Sendable {
  let pod: Pod
  let objects: any PodObjects
  let fields: DownwardFields

  typealias FileSet = [String: AtomicDirectory.File]

  func configMap(_ source: ConfigMapVolumeSource) async throws -> FileSet {
    try await configMap(
      name: source.localObjectReference.name, items: source.items, isOptional: source.optional,
      mode: source.hasDefaultMode ? UInt32(source.defaultMode) : 0o644)
  }

  func secret(_ source: SecretVolumeSource) async throws -> FileSet {
    try await secret(
      name: source.secretName, items: source.items, isOptional: source.optional,
      mode: source.hasDefaultMode ? UInt32(source.defaultMode) : 0o644)
  }

  func downward(_ items: [DownwardAPIVolumeFile], mode: UInt32) throws -> FileSet {
    var files: FileSet = [:]
    for item: DownwardAPIVolumeFile in items {
      let text: String =
        item.hasFieldRef
        ? try fields.value(item.fieldRef.fieldPath, allowsMaps: true)
        : try fields.resource(item.resourceFieldRef, container: nil)
      files[item.path] = .init(bytes: Array(text.utf8), mode: item.hasMode ? UInt32(item.mode) : mode)
    }
    return files
  }

  func projected(_ source: ProjectedVolumeSource) async throws -> FileSet {
    let mode: UInt32 = source.hasDefaultMode ? UInt32(source.defaultMode) : 0o644
    var files: FileSet = [:]
    for part: VolumeProjection in source.sources {
      let more: FileSet
      if part.hasConfigMap {
        more = try await configMap(
          name: part.configMap.localObjectReference.name, items: part.configMap.items,
          isOptional: part.configMap.optional, mode: mode)
      } else if part.hasSecret {
        more = try await secret(
          name: part.secret.localObjectReference.name, items: part.secret.items, isOptional: part.secret.optional, mode: mode)
      } else if part.hasDownwardApi {
        more = try downward(part.downwardApi.items, mode: mode)
      } else if part.hasServiceAccountToken {
        more = try await token(part.serviceAccountToken, mode: mode)
      } else {
        throw KubeletError(.mount, "a projected volume of this pod has a source that this kubelet does not know")
      }
      files.merge(more) { _, new in new }
    }
    return files
  }

  private func token(_ source: ServiceAccountTokenProjection, mode: UInt32) async throws -> FileSet {
    let seconds: Int64 = source.hasExpirationSeconds ? source.expirationSeconds : 3600
    let token: String = try await objects.token(for: pod, audience: source.audience, seconds: seconds)
    var file: AtomicDirectory.File = .init(bytes: Array(token.utf8), mode: mode)
    let security: PodSecurityContext = pod.spec.securityContext
    if security.hasFsGroup {
      file.mode = 0o600
    } else if let user: Int64 = commonUser {
      file.mode = 0o600
      file.uid = UInt32(clamping: user)
    }
    return [source.path: file]
  }

  /// The user that all containers run as, where the pod says so.
  private var commonUser: Int64? {
    let general: Int64? = pod.spec.securityContext.hasRunAsUser ? pod.spec.securityContext.runAsUser : nil
    let users: [Int64?] = pod.roles.map {
      $0.container.securityContext.hasRunAsUser ? $0.container.securityContext.runAsUser : general
    }
    guard let first: Int64? = users.first, let user: Int64 = first, users.allSatisfy({ $0 == user }) else { return nil }
    return user
  }

  private func configMap(name: String, items: [KeyToPath], isOptional: Bool, mode: UInt32) async throws -> FileSet {
    let object: ConfigMap
    do {
      object = try await objects.configMap(namespace: pod.metadata.namespace, name: name)
    } catch let error as KubeletError {
      guard error.code == .notFound && isOptional else { throw error }
      return [:]
    }
    var data: [String: [UInt8]] = object.data.mapValues { Array($0.utf8) }
    data.merge(object.binaryData.mapValues { Array($0) }) { _, new in new }
    return try select(data, items, isOptional, mode, "configmap references non-existent config key")
  }

  private func secret(name: String, items: [KeyToPath], isOptional: Bool, mode: UInt32) async throws -> FileSet {
    let object: Secret
    do {
      object = try await objects.secret(namespace: pod.metadata.namespace, name: name)
    } catch let error as KubeletError {
      guard error.code == .notFound && isOptional else { throw error }
      return [:]
    }
    return try select(
      object.data.mapValues { Array($0) }, items, isOptional, mode, "references non-existent secret key")
  }

  private func select(
    _ data: [String: [UInt8]], _ items: [KeyToPath], _ isOptional: Bool, _ mode: UInt32, _ missing: String
  ) throws -> FileSet {
    if items.isEmpty { return data.mapValues { .init(bytes: $0, mode: mode) } }
    var files: FileSet = [:]
    for item: KeyToPath in items {
      guard let bytes: [UInt8] = data[item.key] else {
        if isOptional { continue }
        throw KubeletError(.mount, "\(missing): \(item.key)")
      }
      files[item.path] = .init(bytes: bytes, mode: item.hasMode ? UInt32(item.mode) : mode)
    }
    return files
  }
}

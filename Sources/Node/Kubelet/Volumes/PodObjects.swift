// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeGroups

/// The objects of the API that pods refer to. Throws `KubeletError.notFound` with upstream's words for what is not there.
protocol PodObjects: Sendable {
  func configMap(namespace: String, name: String) async throws -> ConfigMap
  func secret(namespace: String, name: String) async throws -> Secret
  func claim(namespace: String, name: String) async throws -> PersistentVolumeClaim
  func volume(name: String) async throws -> PersistentVolume
  func attachment(name: String) async throws -> StorageVolumeAttachment
  func driver(name: String) async throws -> StorageCSIDriver?
  func serviceAccount(namespace: String, name: String) async throws -> ServiceAccount
  /// A token for a pod's service account, kept until it is to be renewed.
  func token(for pod: Pod, audience: String, seconds: Int64) async throws -> String
  /// The Services that pods of a namespace see in their environment.
  func services(namespace: String) async -> [Service]
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Kernel
import KubeClient
import KubeCore
import KubeValues
import Logging
import SwiftProtobuf

/// Removes unused images, the longest unused first, when the disk is full.
struct ImageCollection: Sendable {
  let services: PodServices
  /// The node's pods: what they mount as volumes is used, too.
  let pods: [Pod]

  /// Looks at the disk and removes what is to be removed.
  ///
  /// - Parameter unused: since when each image has been seen without a container.
  func run(_ unused: inout [String: Timestamp]) async {
    do {
      let now: Timestamp = .now
      let images: [CRIImage] = try await services.runtime.images()
      var used: Set<String> = Set(try await services.runtime.containers(of: nil).flatMap { [$0.imageRef, $0.image.image, $0.imageID] })
      for volume: Volume in pods.flatMap(\.spec.volumes) where volume.volumeSource.hasImage {
        used.insert(ImagePuller.withTag(volume.volumeSource.image.reference))
      }
      let idle: [CRIImage] = images.filter { image in
        !image.pinned && !used.contains(image.id) && !image.repoTags.contains(where: used.contains)
          && !image.repoDigests.contains(where: used.contains)
      }
      unused = unused.filter { entry in idle.contains { $0.id == entry.key } }
      for image: CRIImage in idle where unused[image.id] == nil { unused[image.id] = now }
      guard let place: String = try await services.runtime.imageFileSystems().imageFilesystems.first?.fsID.mountpoint,
        Files.exists(place)
      else { return }
      let usage: Files.FileSystemUsage = try Files.usage(of: place)
      guard usage.totalBytes > 0 else { return }
      let configuration: KubeletConfiguration = services.configuration
      let free: UInt64 = usage.availableBytes
      let usedPercent: UInt64 = 100 - free * 100 / usage.totalBytes
      guard usedPercent >= UInt64(configuration.imageGCHighThresholdPercent) else { return }
      var toFree: Int64 =
        Int64(usage.totalBytes * UInt64(100 - configuration.imageGCLowThresholdPercent) / 100) - Int64(free)
      for image: CRIImage in idle.sorted(by: { (unused[$0.id] ?? now) < (unused[$1.id] ?? now) }) {
        guard toFree > 0 else { break }
        guard let since: Timestamp = unused[image.id], now - since >= configuration.imageMinimumGCAge else { continue }
        try await services.runtime.removeImage(.with { $0.image = image.id })
        services.logger.info("removed an unused image", metadata: ["image": "\(image.repoTags.first ?? image.id)"])
        toFree -= Int64(clamping: image.size)
      }
    } catch {
      services.logger.debug("cannot collect images", metadata: ["error": "\(error)"])
    }
  }
}

/// Keeps containers' logs short: the full one is set aside, and the runtime opens a new one.
struct LogRotation: Sendable {
  let services: PodServices

  func run() async {
    do {
      for container: CRIContainer in try await services.runtime.containers(of: nil) where container.state == .containerRunning {
        guard let uid: String = container.labels[RuntimeLabel.podUID],
          let name: String = container.labels[RuntimeLabel.podName],
          let namespace: String = container.labels[RuntimeLabel.podNamespace]
        else { continue }
        let folder: String = "\(services.configuration.podLogsDirectory)/\(namespace)_\(name)_\(uid)/\(container.metadata.name)"
        let path: String = "\(folder)/\(container.metadata.attempt).log"
        guard let status: Files.Status = try? Files.status(path), status.size > services.configuration.containerLogMaxBytes
        else { continue }
        let stamp: String = Timestamp.now.rfc3339.filter { $0.isNumber }
        try Files.rename(path, "\(path).\(stamp.prefix(8))-\(stamp.dropFirst(8))")
        try await services.runtime.reopenContainerLog(container.id)
        try removeOld(folder, "\(container.metadata.attempt).log")
      }
    } catch {
      services.logger.debug("cannot rotate logs", metadata: ["error": "\(error)"])
    }
  }

  private func removeOld(_ folder: String, _ name: String) throws {
    let old: [String] = try Files.list(folder).filter { $0.hasPrefix(name + ".") }.sorted()
    for file: String in old.dropLast(max(services.configuration.containerLogMaxFiles - 1, 1)) {
      try Files.remove("\(folder)/\(file)")
    }
  }
}

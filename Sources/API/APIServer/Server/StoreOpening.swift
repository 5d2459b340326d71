// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIStore
import Foundation
import Logging

/// Opens the store that the configuration names.
enum StoreOpening {
  static func open(_ configuration: APIServerConfiguration, logger: Logger) async throws -> any Store {
    switch configuration.store {
    case .memory: return MemoryStore()
    case .sqlite(let path):
      let folder: String = (path as NSString).deletingLastPathComponent
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return try SQLiteStore(SQLiteStore.Configuration(path: path), logger: logger)
      } catch { throw APIServerError(.store, "cannot open the store \(path): \(error)") }
    case .etcd(let servers, let caFile, let certFile, let keyFile, let compactionInterval):
      do {
        return try EtcdStore(
          EtcdStore.Configuration(
            endpoints: servers, caFile: caFile, certificateFile: certFile, keyFile: keyFile,
            compactionInterval: compactionInterval), logger: logger)
      } catch { throw APIServerError(.store, "cannot open the store: \(error)") }
    }
  }
}

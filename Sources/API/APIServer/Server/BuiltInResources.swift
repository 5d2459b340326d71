// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APIResources
import APISchema
import APIStore
import JSON
import Logging

/// Opens the storage of every resource of the catalogue.
enum BuiltInResources {
  static func open(_ store: any Store, prefix: String, logger: Logger) async throws -> [ServedResource] {
    var storages: [String: ObjectStorage] = [:]
    var resources: [ServedResource] = []
    let catalog: ResourceCatalog = .builtIn
    for definition: ResourceDefinition in catalog.resources {
      guard let schema: KindSchema = SchemaRegistry.builtIn.kind(definition.kind) else {
        logger.error("no schema of \(definition.kind); \(definition.identifier) is not served")
        continue
      }
      let strategy: any ResourceStrategy = ResourceCatalog.strategy(for: definition)
      var storage: ObjectStorage?
      if let keys: String = definition.keyPrefix(root: prefix) {
        if let known: ObjectStorage = storages[keys] {
          storage = known
        } else {
          let cache: WatchCache = try await open(store, keys, strategy, logger)
          storage = ObjectStorage(cache: cache, group: definition.identifier.groupResource)
          storages[keys] = storage
        }
      }
      resources.append(served(definition, schema, strategy, storage, catalog))
    }
    return resources
  }

  private static func open(
    _ store: any Store, _ keys: String, _ strategy: any ResourceStrategy, _ logger: Logger
  ) async throws -> WatchCache {
    do throws(StoreError) {
      return try await WatchCache.open(
        store, WatchCacheConfiguration(prefix: keys, fields: SelectableFields.fields(of: strategy)),
        logger: logger)
    } catch { throw APIServerError(.store, "cannot read \(keys): \(error)") }
  }

  private static func served(
    _ definition: ResourceDefinition, _ schema: KindSchema, _ strategy: any ResourceStrategy,
    _ storage: ObjectStorage?, _ catalog: ResourceCatalog
  ) -> ServedResource {
    guard storage != nil, !definition.isStorageForm,
      let stored: KindSchema = SchemaRegistry.builtIn.kind(BuiltInConversion.storageKind(definition)),
      let conversion: any VersionConversion = BuiltInConversion.of(definition)
    else {
      return ServedResource(definition: definition, schema: schema, strategy: strategy, storage: storage)
    }
    return ServedResource(
      definition: definition, schema: schema, storageSchema: stored, strategy: strategy, storage: storage,
      conversion: conversion)
  }
}

/// Where the values of field selectors are found.
enum SelectableFields {
  static func fields(of strategy: any ResourceStrategy) -> [CachedField] {
    strategy.traits.selectableFields.filter { !["metadata.name", "metadata.namespace"].contains($0.name) }.map {
      CachedField($0.name, paths: $0.paths, absent: $0.absent)
    }
  }
}

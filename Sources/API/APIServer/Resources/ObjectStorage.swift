// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import JSON
import Synchronization

/// The objects of one resource: its watch cache, with the store's failures told as API errors.
final class ObjectStorage: Sendable {
  let cache: WatchCache
  let group: GroupResource
  /// Where in `CachedObject.fields` a field of selectors is.
  let fieldPositions: [String: Int]

  init(cache: WatchCache, group: GroupResource) {
    self.cache = cache
    self.group = group
    var positions: [String: Int] = [:]
    for (index, field) in cache.configuration.fields.enumerated() { positions[field.name] = index }
    fieldPositions = positions
  }

  func get(namespace: String, name: String, freshness: Freshness = .newest) async throws(StatusError) -> CachedObject? {
    do throws(StoreError) {
      return try await cache.get(namespace: namespace.isEmpty ? nil : namespace, name: name, freshness: freshness)
    } catch { throw StorageErrors.status(error, group, name) }
  }

  /// The object as a tree.
  func object(namespace: String, name: String) async throws(StatusError) -> JSONValue? {
    guard let cached: CachedObject = try await get(namespace: namespace, name: name) else { return nil }
    return try Self.tree(cached)
  }

  static func tree(_ cached: CachedObject) throws(StatusError) -> JSONValue { try tree(cached.json, cached.key) }

  /// An object as it reads after it was written.
  static func tree(_ json: [UInt8], _ key: String) throws(StatusError) -> JSONValue {
    do throws(JSONError) { return try JSONValue(parsing: json) } catch {
      throw .internalError("\(key) cannot be read: \(error)")
    }
  }

  func list(
    _ request: ListRequest, matching: (@Sendable (CachedObject) -> Bool)? = nil
  ) async throws(StatusError) -> ListResult {
    do throws(StoreError) { return try await cache.list(request, matching: matching) } catch {
      guard case .compacted = error.code, let token: String = request.continueToken, !token.isEmpty else {
        throw StorageErrors.status(error, group, "", isList: true)
      }
      var status: StatusError = .expired(StorageErrors.oldTokenMessage)
      status.continueToken = WatchCache.inconsistentContinueToken(for: token) ?? ""
      throw status
    }
  }

  /// Every object of a namespace, or of all, as trees.
  func objects(namespace: String? = nil) async throws(StatusError) -> [JSONValue] {
    var trees: [JSONValue] = []
    for object: CachedObject in try await list(ListRequest(namespace: namespace)).objects {
      trees.append(try Self.tree(object))
    }
    return trees
  }

  func watch(
    _ request: WatchRequest, matching: (@Sendable (CachedObject) -> Bool)? = nil
  ) async throws(StatusError) -> WatchStream {
    do throws(StoreError) { return try await cache.watch(request, matching: matching) } catch {
      throw StorageErrors.status(error, group, "", isList: true)
    }
  }

  // The writes below take others with them, to other keys, which happen together with them or not at all; where one
  // of those was in the way, the error is `claimLost`.

  func create(
    namespace: String, name: String, json: [UInt8], with others: [StoreWrite] = []
  ) async throws(StatusError) -> CachedObject {
    do throws(StoreError) {
      return try await cache.create(namespace: namespace.isEmpty ? nil : namespace, name: name, json: json, with: others)
    } catch { throw StorageErrors.status(error, group, name, with: others) }
  }

  func update(
    _ old: CachedObject, json: [UInt8], with others: [StoreWrite] = []
  ) async throws(StatusError) -> CachedObject {
    do throws(StoreError) { return try await cache.update(old, json: json, with: others) } catch {
      throw StorageErrors.status(error, group, old.name, with: others)
    }
  }

  @discardableResult
  func delete(_ old: CachedObject, with others: [StoreWrite] = []) async throws(StatusError) -> CachedObject {
    do throws(StoreError) { return try await cache.delete(old, with: others) } catch {
      throw StorageErrors.status(error, group, old.name, with: others)
    }
  }
}

/// A watch of a resource.
typealias WatchStream = WatchCursor

/// Turns failures of the store into what clients are told.
enum StorageErrors {
  static let conflictMessage: String =
    "the object has been modified; please apply your changes to the latest version and try again"

  static let oldTokenMessage: String =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    + "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    + "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    + "deleted between the time the first chunk was returned and now may show up in the list."

  static func status(
    _ error: StoreError, _ group: GroupResource, _ name: String, with others: [StoreWrite]
  ) -> StatusError {
    if let key: String = error.key, others.contains(where: { $0.key == key }) { return .claimLost }
    return status(error, group, name)
  }

  static func status(_ error: StoreError, _ group: GroupResource, _ name: String, isList: Bool = false) -> StatusError {
    switch error.code {
    case .keyExists: return .alreadyExists(group, name)
    case .keyNotFound: return .notFound(group, name)
    case .conflict: return .conflict(group, name, conflictMessage)
    case .compacted:
      return .expired(
        error.message.hasPrefix("too old") || error.message.contains("continue")
          ? error.message : "The resourceVersion for the provided list is too old.")
    case .futureRevision:
      var details: JSONValue = ["causes": [["reason": "ResourceVersionTooLarge", "message": "Too large resource version"]]]
      details["retryAfterSeconds"] = 1
      return StatusError(
        code: 504, reason: "Timeout", message: "Timeout: \(error.message)", details: details, retryAfterSeconds: 1)
    case .invalidContinue: return .badRequest("continue key is not valid: \(error.message)")
    case .tooLarge:
      return StatusError(code: 413, reason: "RequestEntityTooLarge", message: "etcdserver: request is too large")
    case .noSpace, .unavailable, .corrupt:
      return .internalError(error.message)
    }
  }

  /// A failure as the last event of a watch.
  static func watchError(_ error: StoreError) -> StatusError {
    if case .compacted = error.code { return .expired(error.message) }
    return .internalError(error.message)
  }
}

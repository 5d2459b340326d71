// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import Glibc
internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import OCISpec

/// Fetches one repository's manifests and blobs (distribution-spec 1.1, Pull), from the first server that has them.
struct RegistryClient: Sendable {
  /// A registry that says nothing for so long is taken for dead.
  private static let idleTimeout: TimeAmount = .seconds(30)
  private static let connectTimeout: TimeAmount = .seconds(10)
  /// Redirects lead to a blob store; longer chains are loops.
  private static let redirectsMax: Int = 10
  /// A transfer that breaks is resumed so many times.
  private static let attemptsMax: Int = 5

  let client: HTTPClient
  let hosts: [RegistryHost]
  let reference: ImageReference
  let authenticator: RegistryAuthenticator

  /// Lends a client for one pull.
  static func with<Value: Sendable>(
    _ reference: ImageReference, hosts: [RegistryHost], credentials: RegistryCredentials?,
    _ body: (RegistryClient) async throws -> Value
  ) async throws -> Value {
    var configuration: HTTPClient.Configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.timeout = HTTPClient.Configuration.Timeout(connect: connectTimeout, read: idleTimeout)
    configuration.httpVersion = .automatic
    // Who asked tries again, with a back-off that the user sees.
    configuration.connectionPool.retryConnectionEstablishment = false
    let client: HTTPClient = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let authenticator: RegistryAuthenticator = RegistryAuthenticator(client: client, credentials: credentials)
    let result: Result<Value, any Error>
    do {
      result = .success(
        try await body(RegistryClient(client: client, hosts: hosts, reference: reference, authenticator: authenticator))
      )
    } catch {
      result = .failure(error)
    }
    try await client.shutdown()
    return try result.get()
  }

  /// A manifest or index with its descriptor.
  struct Document: Sendable {
    var descriptor: ImageDescriptor
    var bytes: [UInt8]
  }

  private static let manifestTypes: String = [
    ImageMediaType.index, ImageMediaType.manifest, ImageMediaType.dockerManifestList, ImageMediaType.dockerManifest,
    "*/*",
  ].joined(separator: ", ")

  /// What the reference's tag or digest stands for, without its content where the registry tells the digest.
  func resolve() async throws -> ImageDescriptor {
    if let digest: Digest = reference.digest { return try await manifest(digest).descriptor }
    let tag: String = reference.tag ?? "latest"
    return try await firstHost(resolving: true) { host in
      let response: HTTPClientResponse = try await send(.HEAD, host, "manifests/\(tag)", accept: Self.manifestTypes)
      if response.status == .ok, let text: String = response.headers.first(name: "docker-content-digest"),
        let digest: Digest = try? Digest(text), let type: String = mediaType(response),
        let size: Int64 = response.headers.first(name: "content-length").flatMap({ Int64($0) })
      {
        return ImageDescriptor(mediaType: type, digest: digest, sizeBytes: size)
      }
      // Servers may leave the digest out, or not know HEAD: then the content tells.
      if response.status != .ok && response.status != .methodNotAllowed {
        try check(response, host, "manifests/\(tag)")
      }
      return try await fetchManifest(host, tag, expected: nil).descriptor
    }
  }

  /// A manifest by digest, verified.
  func manifest(_ digest: Digest) async throws -> Document {
    try await firstHost(resolving: false) { try await fetchManifest($0, digest.description, expected: digest) }
  }

  private func fetchManifest(_ host: RegistryHost, _ name: String, expected: Digest?) async throws -> Document {
    let response: HTTPClientResponse = try await send(.GET, host, "manifests/\(name)", accept: Self.manifestTypes)
    try check(response, host, "manifests/\(name)")
    var buffer: ByteBuffer = try await response.body.collect(upTo: ContentStore.documentBytesMax)
    let bytes: [UInt8] = buffer.readBytes(length: buffer.readableBytes) ?? []
    let like: Digest = try expected ?? Digest("sha256:" + String(repeating: "0", count: 64))
    guard let digest: Digest = ContentStore.digest(of: bytes, like: like), expected == nil || digest == expected else {
      throw ImagesError(
        code: .invalidData, message: "\(host.authority) sent a manifest that does not have the digest \(name)")
    }
    let json: JSONValue = try JSONValue(parsing: bytes)
    let type: String = json["mediaType"].string ?? mediaType(response) ?? ImageMediaType.manifest
    return Document(
      descriptor: ImageDescriptor(mediaType: type, digest: digest, sizeBytes: Int64(bytes.count)), bytes: bytes)
  }

  /// Fetches a blob into the store; a partial file of an earlier attempt is continued.
  func blob(_ descriptor: ImageDescriptor, into content: ContentStore, received: @Sendable (Int64) -> Void) async throws
  {
    try await firstHost(resolving: false) { host in
      var attempt: Int = 0
      while true {
        attempt += 1
        do {
          return try await fetchBlob(host, descriptor, into: content, received: received)
        } catch let error as ImagesError where error.code != .unavailable {
          throw error
        } catch {
          // The connection broke: what has arrived is kept and continued.
          try Task.checkCancellation()
          guard attempt < Self.attemptsMax else { throw error }
          try await Task.sleep(for: .milliseconds(200 << attempt))
        }
      }
    }
  }

  private func fetchBlob(
    _ host: RegistryHost, _ descriptor: ImageDescriptor, into content: ContentStore, received: @Sendable (Int64) -> Void
  ) async throws {
    let partial: String = content.partialPath(descriptor.digest)
    let fd: CInt = try Files.open(partial, O_RDWR | O_CREAT)
    defer { close(fd) }
    var hash: BlobHash = BlobHash(descriptor.digest.algorithm)
    var offset: Int64 = try rehash(fd, partial, &hash)
    let path: String = "blobs/\(descriptor.digest)"
    if offset < descriptor.sizeBytes || descriptor.sizeBytes == 0 {
      let response: HTTPClientResponse = try await send(
        .GET, host, path, accept: "*/*", range: offset > 0 ? "bytes=\(offset)-" : nil)
      if response.status != .partialContent {
        try check(response, host, path)
        hash = BlobHash(descriptor.digest.algorithm)
        offset = 0
        guard ftruncate(fd, 0) == 0, lseek(fd, 0, SEEK_SET) == 0 else { throw ImagesError.system("truncate", partial) }
      }
      for try await chunk: ByteBuffer in response.body {
        do {
          try chunk.withUnsafeReadableBytes { bytes in
            hash.update(bytes)
            try Files.write(fd, bytes, path: partial)
          }
        } catch {
          // What a full disk has taken helps nobody: others need the room.
          _ = unlink(partial)
          throw error
        }
        offset += Int64(chunk.readableBytes)
        received(Int64(chunk.readableBytes))
        guard offset <= descriptor.sizeBytes else { break }
      }
    }
    guard offset == descriptor.sizeBytes, try hash.finish() == descriptor.digest else {
      _ = unlink(partial)
      if offset < descriptor.sizeBytes {
        throw ImagesError(
          code: .unavailable,
          message: "\(host.authority) sent \(offset) of \(descriptor.sizeBytes) bytes of \(descriptor.digest)")
      }
      throw ImagesError(
        code: .invalidData, message: "\(host.authority) sent a blob that does not have the digest \(descriptor.digest)")
    }
    try content.commit(fd, temporary: partial, as: descriptor.digest)
  }

  /// Feeds what an earlier attempt has left to the hash, and stands behind it.
  private func rehash(_ fd: CInt, _ path: String, _ hash: inout BlobHash) throws -> Int64 {
    var total: Int64 = 0
    var chunk: [UInt8] = Array(repeating: 0, count: 256 << 10)
    while true {
      let count: Int = read(fd, &chunk, chunk.count)
      guard count >= 0 else { throw ImagesError.system("read", path) }
      if count == 0 { return total }
      chunk.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      total += Int64(count)
    }
  }

  // MARK: - Requests

  /// Asks one server after the other; the registry's own answer is the one that is reported.
  private func firstHost<Value: Sendable>(
    resolving: Bool, _ body: (RegistryHost) async throws -> Value
  ) async throws -> Value {
    var failure: (any Error)?
    for host: RegistryHost in hosts where resolving ? host.canResolve : host.canPull {
      do {
        return try await body(host)
      } catch let error as CancellationError {
        throw error
      } catch let error as ImagesError {
        failure = error
      } catch {
        try Task.checkCancellation()
        failure = ImagesError(code: .unavailable, message: "cannot reach \(host.base)", cause: error)
      }
    }
    throw failure ?? ImagesError(code: .unavailable, message: "no server is configured for \(reference.registry)")
  }

  private func mediaType(_ response: HTTPClientResponse) -> String? {
    response.headers.first(name: "content-type").map { String($0.prefix { $0 != ";" }) }
  }

  private func check(_ response: HTTPClientResponse, _ host: RegistryHost, _ path: String) throws {
    switch response.status.code {
    case 200..<300: return
    case 404:
      let name: String = path.hasPrefix("manifests/") ? "\(reference)" : "\(host.authority)/\(reference.repository)/\(path)"
      throw ImagesError(code: .notFound, message: "\(name): not found")
    case 401, 403:
      throw ImagesError(
        code: .unauthorized,
        message: "pull access denied, repository does not exist or may require authorization: "
          + "server message: \(response.status.code) \(response.status.reasonPhrase) for \(host.base)\(host.apiPath)/\(reference.repository)/\(path)"
      )
    case 429, 500...599:
      throw ImagesError(
        code: .unavailable,
        message:
          "unexpected status from \(host.base)\(host.apiPath)/\(reference.repository)/\(path): \(response.status)")
    default:
      throw ImagesError(
        code: .invalidData,
        message:
          "unexpected status from \(host.base)\(host.apiPath)/\(reference.repository)/\(path): \(response.status)")
    }
  }

  private func send(
    _ method: HTTPMethod, _ host: RegistryHost, _ path: String, accept: String, range: String? = nil
  ) async throws -> HTTPClientResponse {
    var url: String = "\(host.base)\(host.apiPath)/\(reference.repository)/\(path)"
    if host.isMirror { url += "?ns=\(reference.registry)" }
    let isAnswered: Bool = await authenticator.hasAuthorization(host, reference.repository)
    let response: HTTPClientResponse = try await follow(method, host, url, accept: accept, range: range)
    guard response.status == .unauthorized else { return response }
    let challenges: [String] = response.headers["www-authenticate"]
    guard
      try await authenticator.answer(challenges, host: host, repository: reference.repository, isRepeated: isAnswered)
    else {
      return response
    }
    return try await follow(method, host, url, accept: accept, range: range)
  }

  private func follow(
    _ method: HTTPMethod, _ host: RegistryHost, _ start: String, accept: String, range: String?
  ) async throws -> HTTPClientResponse {
    var url: String = start
    for _ in 0...Self.redirectsMax {
      var request: HTTPClientRequest = HTTPClientRequest(url: url)
      request.method = method
      request.headers.add(name: "accept", value: accept)
      request.headers.add(name: "user-agent", value: "apus")
      if let range { request.headers.add(name: "range", value: range) }
      // A token is for the registry, not for the store to which it sends us.
      if url.hasPrefix(host.base + "/") {
        for header in host.headers { request.headers.add(name: header.name, value: header.value) }
        request.tlsConfiguration = host.tls
        if let authorization: String = await authenticator.authorization(host, reference.repository) {
          request.headers.replaceOrAdd(name: "authorization", value: authorization)
        }
      }
      let response: HTTPClientResponse = try await execute(request, host)
      guard [301, 302, 303, 307, 308].contains(response.status.code),
        let location: String = response.headers.first(name: "location")
      else { return response }
      url = resolve(location, against: url)
    }
    throw ImagesError(code: .invalidData, message: "too many redirects from \(start)")
  }

  private func execute(_ request: HTTPClientRequest, _ host: RegistryHost) async throws -> HTTPClientResponse {
    do {
      return try await client.execute(request, deadline: .distantFuture)
    } catch {
      try Task.checkCancellation()
      let method: String = request.method == .HEAD ? "Head" : "Get"
      throw ImagesError(
        code: .unavailable, message: "failed to do request: \(method) \"\(request.url)\": \(ConnectionFailure.text(error, server: host.authority))")
    }
  }

  private func resolve(_ location: String, against url: String) -> String {
    if location.contains("://") { return location }
    let parts: [Substring] = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count >= 3 else { return location }
    if location.hasPrefix("//") { return "\(parts[0])\(location)" }
    return "\(parts[0])//\(parts[2])\(location.hasPrefix("/") ? "" : "/")\(location)"
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import NIOSSL
internal import TOMLKit

/// One server that may have a registry's images: the registry itself or a mirror.
struct RegistryHost: Sendable {
  /// `https://mirror.example:5000`, without a path.
  var base: String
  /// The path before repositories: `/v2`.
  var apiPath: String
  /// Whether manifests may be resolved there; else only blobs and manifests by digest are fetched.
  var canResolve: Bool
  /// Whether it may be fetched from.
  var canPull: Bool
  /// Whether this is a mirror, which is told whose images are asked for.
  var isMirror: Bool
  /// Headers for every request.
  var headers: [(name: String, value: String)]
  /// TLS, where it differs from the default.
  var tls: TLSConfiguration?

  /// The host and port, for tokens and messages.
  var authority: String { String(base.drop { $0 != ":" }.dropFirst(3)) }
}

/// Finds the servers of a registry by containerd's convention: `<directory>/<host>/hosts.toml`.
///
/// The directory of a host with a port may be named `host:port` or `host_port_`; `_default` stands for all
/// registries that have none.
struct RegistryHosts: Sendable {
  /// The directory; nil means that every registry is its own only server.
  var directory: String?
  /// Registries spoken to without TLS when nothing else is said.
  var plainHTTP: Set<String>

  /// The servers to try, in order.
  func hosts(for registry: String) throws -> [RegistryHost] {
    guard let directory, let file: String = hostsFile(registry, in: directory) else { return [defaultHost(registry)] }
    let text: String = String(decoding: try Files.read(file, upTo: 1 << 20), as: UTF8.self)
    let table: TOMLTable
    do {
      table = try TOMLTable(string: text)
    } catch {
      throw ImagesError(code: .invalidData, message: "cannot read \(file)", cause: error)
    }
    let folder: String = String(file.dropLast("/hosts.toml".count))
    var hosts: [RegistryHost] = []
    if let mirrors: TOMLTable = table["host"]?.table {
      // The order of the file is the order of preference, and the table has lost it.
      for url: String in mirrors.keys.sorted(by: { position($0, text) < position($1, text) }) {
        guard let mirror: TOMLTable = mirrors[url]?.table else { continue }
        hosts.append(try host(url, mirror, folder: folder, isMirror: true))
      }
    }
    if let server: String = table["server"]?.string {
      hosts.append(try host(server, table, folder: folder, isMirror: false))
    } else {
      hosts.append(defaultHost(registry))
    }
    return hosts
  }

  private func position(_ url: String, _ text: String) -> Int {
    for quote: String in ["\"", "'"] {
      if let found: Range<String.Index> = text.firstRange(of: "\(quote)\(url)\(quote)") {
        return text.distance(from: text.startIndex, to: found.lowerBound)
      }
    }
    return .max
  }

  private func hostsFile(_ registry: String, in directory: String) -> String? {
    var names: [String] = [registry]
    if let colon: String.Index = registry.lastIndex(of: ":") {
      names.append("\(registry[..<colon])_\(registry[registry.index(after: colon)...])_")
    }
    names.append("_default")
    return names.map { "\(directory)/\($0)/hosts.toml" }.first(where: Files.exists)
  }

  private func defaultHost(_ registry: String) -> RegistryHost {
    let name: String = registry == "docker.io" ? "registry-1.docker.io" : registry
    let isLocal: Bool =
      name == "localhost" || name.hasPrefix("localhost:") || name.hasPrefix("127.") || name.hasPrefix("[::1]")
    let scheme: String = isLocal || plainHTTP.contains(registry) ? "http" : "https"
    return RegistryHost(
      base: "\(scheme)://\(name)", apiPath: "/v2", canResolve: true, canPull: true, isMirror: false, headers: [],
      tls: nil)
  }

  private func host(_ url: String, _ table: TOMLTable, folder: String, isMirror: Bool) throws -> RegistryHost {
    let full: String = url.contains("://") ? url : "https://\(url)"
    guard full.hasPrefix("http://") || full.hasPrefix("https://") else {
      throw ImagesError(code: .invalidData, message: "\(folder)/hosts.toml: unsupported scheme in \(url)")
    }
    let schemeEnd: String.Index = full.index(full.startIndex, offsetBy: full.hasPrefix("https://") ? 8 : 7)
    let slash: String.Index = full[schemeEnd...].firstIndex(of: "/") ?? full.endIndex
    var path: String = String(full[slash...])
    while path.hasSuffix("/") { path.removeLast() }
    if table["override_path"]?.bool != true, !path.hasSuffix("/v2") { path += "/v2" }
    let capabilities: [String]? = table["capabilities"].map(strings)
    return RegistryHost(
      base: String(full[..<slash]), apiPath: path,
      canResolve: capabilities?.contains("resolve") ?? true, canPull: capabilities?.contains("pull") ?? true,
      isMirror: isMirror, headers: headers(table), tls: try tls(table, folder: folder))
  }

  private func headers(_ table: TOMLTable) -> [(name: String, value: String)] {
    guard let header: TOMLTable = table["header"]?.table else { return [] }
    return header.keys.sorted().flatMap { name in
      (header[name].map(strings) ?? []).map { (name, $0) }
    }
  }

  /// A string, or the strings of an array.
  private func strings(_ value: any TOMLValueConvertible) -> [String] {
    if let one: String = value.string { return [one] }
    return value.array.map { array in array.compactMap { $0.string } } ?? []
  }

  private func tls(_ table: TOMLTable, folder: String) throws -> TLSConfiguration? {
    let skip: Bool = table["skip_verify"]?.bool ?? false
    let authorities: [String] = (table["ca"].map(strings) ?? []).map { absolute($0, folder) }
    let client: (certificate: String, key: String)? = table["client"].flatMap { clientPair($0, folder) }
    guard skip || !authorities.isEmpty || client != nil else { return nil }
    var tls: TLSConfiguration = .makeClientConfiguration()
    if skip { tls.certificateVerification = .none }
    if !authorities.isEmpty {
      var certificates: [NIOSSLCertificate] = []
      for path: String in authorities { certificates += try NIOSSLCertificate.fromPEMFile(path) }
      tls.additionalTrustRoots = [.certificates(certificates)]
    }
    if let client {
      tls.certificateChain = try NIOSSLCertificate.fromPEMFile(client.certificate).map { .certificate($0) }
      tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: client.key, format: .pem))
    }
    return tls
  }

  /// `client = "file.pem"` or `client = [["cert.pem", "key.pem"]]`; the first pair counts.
  private func clientPair(_ value: any TOMLValueConvertible, _ folder: String) -> (certificate: String, key: String)? {
    if let both: String = value.string { return (absolute(both, folder), absolute(both, folder)) }
    guard let items: TOMLArray = value.array, let first = items.first(where: { _ in true }) else { return nil }
    let pair: [String] = strings(first)
    guard let certificate: String = pair.first else { return nil }
    let key: String = pair.count > 1 && !pair[1].isEmpty ? pair[1] : certificate
    return (absolute(certificate, folder), absolute(key, folder))
  }

  private func absolute(_ path: String, _ folder: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
}

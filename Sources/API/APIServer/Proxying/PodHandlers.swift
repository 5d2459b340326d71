// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import APIStore
import HTTPServing
import JSON
import NIOHTTP1

/// A pod as the handlers of its streams need it.
private struct RunningPod {
  let pod: JSONValue
  let node: String

  init(_ endpoint: ResourceEndpoint) async throws {
    pod = try ObjectStorage.tree(try await endpoint.existing(endpoint.info.name))
    node = pod["spec"]["nodeName"].string ?? ""
  }

  /// The container that is asked for, or the only one.
  func container(_ given: String?, of name: String) throws -> String {
    let containers: [String] = PodReferences.containers(pod).compactMap { $0["name"].string }
    if let given, !given.isEmpty {
      guard containers.contains(given) else {
        throw StatusError.badRequest("container \(given) is not valid for pod \(name)")
      }
      return given
    }
    let own: [String] = pod["spec"]["containers"].items.compactMap { $0["name"].string }
    if own.count == 1, let only: String = own.first { return only }
    if own.isEmpty { throw StatusError.badRequest("a container name must be specified for pod \(name)") }
    if let chosen: String = pod.objectAnnotations["kubectl.kubernetes.io/default-container"], own.contains(chosen) { return chosen }
    let ownText: String = own.joined(separator: " ")
    let initial: [String] = pod["spec"]["initContainers"].items.compactMap { $0["name"].string }
    var message: String = "a container name must be specified for pod \(name), choose one of: [\(ownText)]"
    if !initial.isEmpty { message += " or one of the init containers: [\(initial.joined(separator: " "))]" }
    throw StatusError.badRequest(message)
  }
}

/// pods/log: the output of a container, from its kubelet.
struct PodLogHandler: SubresourceHandler {
  private static let passed: [String] = [
    "follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes", "stream",
  ]

  func handle(_ endpoint: ResourceEndpoint) async throws {
    let running: RunningPod = try await RunningPod(endpoint)
    try Self.check(endpoint.call.query)
    let container: String = try running.container(endpoint.call.query["container"], of: endpoint.info.name)
    guard !running.node.isEmpty else {
      // Nothing runs yet, so that there is nothing to read.
      return try await endpoint.call.answer(text: "")
    }
    let target: ProxyTarget = try await endpoint.core.kubelets.target(running.node)
    let query: String = Self.passed.flatMap { name in
      endpoint.call.query.all(name).map { "\(name)=\(PercentCoding.encode($0))" }
    }.joined(separator: "&")
    var path: String = "/containerLogs/\(endpoint.info.namespace)/\(endpoint.info.name)/\(PercentCoding.encode(container))"
    if !query.isEmpty { path += "?\(query)" }
    let logs: PassThrough = PassThrough(target: target, path: path, makesStatus: true)
    if WebSocketAnswer.isWanted(by: endpoint.call) { return try await logs.runOverWebSocket(endpoint.call) }
    try await logs.run(endpoint.call)
  }

  private static func check(_ query: QueryParameters) throws {
    var errors: [FieldError] = []
    if let lines: Int = query.int("tailLines"), lines < 0 {
      errors.append(.invalid("tailLines", .int(Int64(lines)), "must be greater than or equal to 0"))
    }
    if let bytes: Int = query.int("limitBytes"), bytes < 1 {
      errors.append(.invalid("limitBytes", .int(Int64(bytes)), "must be greater than 0"))
    }
    if let seconds: Int = query.int("sinceSeconds"), seconds < 1 {
      errors.append(.invalid("sinceSeconds", .int(Int64(seconds)), "must be greater than 0"))
    }
    if query["sinceSeconds"] != nil, query["sinceTime"] != nil {
      errors.append(.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    }
    if !errors.isEmpty { throw StatusError.invalid(GroupKind("", "PodLogOptions"), "", errors) }
  }
}

/// pods/exec, attach and portforward: a stream through to the kubelet.
struct PodStreamHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    let running: RunningPod = try await RunningPod(endpoint)
    let query: QueryParameters = endpoint.call.query
    let kind: String = endpoint.info.subresource
    var path: String = "/\(kind == "portforward" ? "portForward" : kind)/\(endpoint.info.namespace)/\(endpoint.info.name)"
    var passed: [(String, String)] = []
    if kind == "portforward" {
      passed = query.all("ports").map { ("port", $0) }
    } else {
      let container: String = try running.container(query["container"], of: endpoint.info.name)
      path += "/\(PercentCoding.encode(container))"
      for (option, name) in [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")] where query.flag(option) {
        passed.append((name, "1"))
      }
      if kind == "exec" { passed += query.all("command").map { ("command", $0) } }
      if kind == "exec", query.all("command").isEmpty {
        throw StatusError.badRequest("you must specify at least 1 command for the exec")
      }
    }
    guard !running.node.isEmpty else {
      throw StatusError.badRequest("pod \(endpoint.info.name) does not have a host assigned")
    }
    try await endpoint.admitConnection()
    let target: ProxyTarget = try await endpoint.core.kubelets.target(running.node)
    if !passed.isEmpty {
      path += "?" + passed.map { "\($0.0)=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
    }
    try await PassThrough(target: target, path: path).run(endpoint.call)
  }
}

/// pods/proxy, services/proxy and nodes/proxy: HTTP through to what runs there.
struct ProxyHandler: SubresourceHandler {
  func handle(_ endpoint: ResourceEndpoint) async throws {
    var rest: String = endpoint.info.rest
    if rest.isEmpty {
      // Relative links work only below a path that ends in a slash.
      if !endpoint.call.info.path.hasSuffix("/"), ["GET", "HEAD"].contains(endpoint.call.request.method) {
        var headers: HTTPHeaders = endpoint.call.headers(contentType: nil)
        let query: Substring = endpoint.call.request.rawQuery
        headers.add(name: "location", value: endpoint.call.request.rawPath + "/" + (query.isEmpty ? "" : "?\(query)"))
        return try await endpoint.call.response.send(status: .movedPermanently, headers: headers)
      }
      rest = "/"
    }
    var path: String = PercentCoding.encode(rest, keeping: "/:@!$&'()*+,;=")
    let query: Substring = endpoint.call.request.rawQuery
    if !query.isEmpty { path += "?\(query)" }
    try await endpoint.admitConnection()
    let target: ProxyTarget =
      switch endpoint.info.resource {
      case "nodes": try await endpoint.core.kubelets.target(Self.parts(endpoint.info.name).name)
      case "pods": try await pod(endpoint)
      default: try await service(endpoint)
      }
    var passing: PassThrough = PassThrough(target: target, path: path)
    let whole: String = endpoint.info.path
    passing.links = LinkRewriting(
      host: target.hostHeader, prefix: whole.hasSuffix(rest) ? String(whole.dropLast(rest.count)) : whole)
    try await passing.run(endpoint.call)
  }

  /// `scheme:name:port`, `name:port` or `name`.
  static func parts(_ text: String) -> (scheme: String, name: String, port: String) {
    let parts: [String] = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    switch parts.count {
    case 1: return ("", parts[0], "")
    case 2: return ("", parts[0], parts[1])
    default: return (parts[0], parts[1], parts[2])
    }
  }

  private func target(_ scheme: String, _ host: String, _ port: Int) throws -> ProxyTarget {
    ProxyTarget(
      address: .tcp(host: host, port: port),
      tls: scheme == "https" ? try HTTPClientTLS(verifiesServer: false) : nil, hostHeader: "\(host):\(port)")
  }

  private func pod(_ endpoint: ResourceEndpoint) async throws -> ProxyTarget {
    let (scheme, name, port): (String, String, String) = Self.parts(endpoint.info.name)
    let pod: JSONValue = try ObjectStorage.tree(try await endpoint.existing(name))
    guard let address: String = pod["status"]["podIP"].string, !address.isEmpty else {
      throw StatusError.badRequest("address not allowed")
    }
    var number: Int64? = Int64(port)
    if number == nil {
      let ports: [JSONValue] = pod["spec"]["containers"].items.flatMap { $0["ports"].items }
      number = port.isEmpty ? ports.first?["containerPort"].int : ports.first { $0["name"].string == port }?["containerPort"].int
    }
    return try target(scheme, address, Int(number ?? 80))
  }

  private func service(_ endpoint: ResourceEndpoint) async throws -> ProxyTarget {
    let (scheme, name, port): (String, String, String) = Self.parts(endpoint.info.name)
    let service: JSONValue = try ObjectStorage.tree(try await endpoint.existing(name))
    let ports: [JSONValue] = service["spec"]["ports"].items
    let chosen: JSONValue? =
      port.isEmpty
      ? (ports.count == 1 ? ports.first : nil)
      : ports.first { $0["name"].string == port || $0["port"].int == Int64(port) }
    guard let chosen else {
      throw StatusError(
        code: 503, reason: "ServiceUnavailable", message: "no service port \(port.goQuoted) found for service \(name.goQuoted)")
    }
    guard let slices: ObjectStorage = endpoint.core.registry.storage("discovery.k8s.io", "endpointslices") else {
      throw ResourceEndpoint.unknownPath
    }
    for object: CachedObject in try await slices.list(ListRequest(namespace: endpoint.info.namespace)).objects
    where object.labels["kubernetes.io/service-name"] == name {
      let slice: JSONValue = try ObjectStorage.tree(object)
      let slicePort: Int64? = slice["ports"].items.first { ($0["name"].string ?? "") == (chosen["name"].string ?? "") }?["port"].int
      let ready: [String] = slice["endpoints"].items.filter { $0["conditions"]["ready"].bool != false }.flatMap {
        $0["addresses"].stringItems
      }
      if let slicePort, let address: String = ready.randomElement() { return try target(scheme, address, Int(slicePort)) }
    }
    throw StatusError(
      code: 503, reason: "ServiceUnavailable", message: "no endpoints available for service \(name.goQuoted)")
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeCore
import KubeMeta

/// A container's variables.
///
/// Later ones win: Services, then `envFrom` in order, then `env` in order; `$(NAME)` in a value stands for what was
/// set before it, `$$` for a dollar sign.
struct Environment: Sendable {
  let pod: Pod
  let fields: DownwardFields
  let objects: any PodObjects

  /// The variables, in the order in which they came up.
  func variables(of container: Container) async throws -> [(name: String, value: String)] {
    var order: [String] = []
    var values: [String: String] = [:]
    func set(_ name: String, _ value: String) {
      if values.updateValue(value, forKey: name) == nil { order.append(name) }
    }
    let services: [(String, String)] = ServiceVariables.all(
      await objects.services(namespace: pod.metadata.namespace),
      namespace: pod.metadata.namespace, links: !pod.spec.hasEnableServiceLinks || pod.spec.enableServiceLinks)
    for (name, value) in try await fromSources(container) { set(name, value) }
    let serviceValues: [String: String] = Dictionary(services) { _, new in new }
    for variable: EnvVar in container.env {
      if variable.hasValueFrom {
        if let value: String = try await resolve(variable.valueFrom, container) { set(variable.name, value) }
      } else {
        // What a value refers to may also be a variable of a Service.
        set(variable.name, Expansion.expand(variable.value) { values[$0] ?? serviceValues[$0] })
      }
    }
    for (name, value) in services where values[name] == nil { set(name, value) }
    return order.map { ($0, values[$0] ?? "") }
  }

  private func fromSources(_ container: Container) async throws -> [(String, String)] {
    var result: [(String, String)] = []
    for source: EnvFromSource in container.envFrom {
      if source.hasConfigMapRef {
        let reference: ConfigMapEnvSource = source.configMapRef
        guard
          let object: ConfigMap = try await optional(reference.optional, {
            try await objects.configMap(namespace: pod.metadata.namespace, name: reference.localObjectReference.name)
          })
        else { continue }
        for (key, value) in object.data.sorted(by: { $0.key < $1.key }) { result.append((source.prefix + key, value)) }
      } else if source.hasSecretRef {
        let reference: SecretEnvSource = source.secretRef
        guard
          let object: Secret = try await optional(reference.optional, {
            try await objects.secret(namespace: pod.metadata.namespace, name: reference.localObjectReference.name)
          })
        else { continue }
        for (key, value) in object.data.sorted(by: { $0.key < $1.key }) {
          result.append((source.prefix + key, String(decoding: value, as: UTF8.self)))
        }
      }
    }
    return result
  }

  /// The value of a reference; nil for an optional one that leads nowhere.
  private func resolve(_ source: EnvVarSource, _ container: Container) async throws -> String? {
    if source.hasFieldRef { return try fields.value(source.fieldRef.fieldPath) }
    if source.hasResourceFieldRef { return try fields.resource(source.resourceFieldRef, container: container) }
    let namespace: String = pod.metadata.namespace
    if source.hasConfigMapKeyRef {
      let reference: ConfigMapKeySelector = source.configMapKeyRef
      let name: String = reference.localObjectReference.name
      guard
        let object: ConfigMap = try await optional(
          reference.optional, { try await objects.configMap(namespace: namespace, name: name) })
      else { return nil }
      if let value: String = object.data[reference.key] { return value }
      if let value = object.binaryData[reference.key] { return String(decoding: value, as: UTF8.self) }
      if reference.optional { return nil }
      throw KubeletError(.configuration, "couldn't find key \(reference.key) in ConfigMap \(namespace)/\(name)")
    }
    if source.hasSecretKeyRef {
      let reference: SecretKeySelector = source.secretKeyRef
      let name: String = reference.localObjectReference.name
      guard
        let object: Secret = try await optional(
          reference.optional, { try await objects.secret(namespace: namespace, name: name) })
      else { return nil }
      if let value = object.data[reference.key] { return String(decoding: value, as: UTF8.self) }
      if reference.optional { return nil }
      throw KubeletError(.configuration, "couldn't find key \(reference.key) in Secret \(namespace)/\(name)")
    }
    throw KubeletError(.configuration, "a variable of container \(container.name) has an unknown source")
  }

  private func optional<Value: Sendable>(_ isOptional: Bool, _ body: () async throws -> Value) async throws -> Value? {
    do {
      return try await body()
    } catch let error as KubeletError {
      guard error.code == .notFound && isOptional else { throw error }
      return nil
    }
  }
}

/// `$(NAME)` in commands, arguments, values and paths.
enum Expansion {
  /// Replaces every reference that `lookup` knows; others stay as they are written.
  static func expand(_ text: String, _ lookup: (String) -> String?) -> String {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
    var result: [UInt8] = []
    let bytes: [UInt8] = Array(text.utf8)
    var place: Int = 0
    while place < bytes.count {
      guard bytes[place] == UInt8(ascii: "$"), place + 1 < bytes.count else {
        result.append(bytes[place])
        place += 1
        continue
      }
      switch bytes[place + 1] {
      case UInt8(ascii: "$"):
        result.append(UInt8(ascii: "$"))
        place += 2
      case UInt8(ascii: "("):
        guard let end: Int = bytes[place...].firstIndex(of: UInt8(ascii: ")")) else {
          result += [UInt8(ascii: "$"), UInt8(ascii: "(")]
          place += 2
          continue
        }
        let name: String = String(decoding: bytes[(place + 2)..<end], as: UTF8.self)
        result += lookup(name).map { Array($0.utf8) } ?? Array(bytes[place...end])
        place = end + 1
      default:
        result += [bytes[place], bytes[place + 1]]
        place += 2
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}

/// The variables by which containers find Services, as Docker links once did.
enum ServiceVariables {
  /// The variables for the Services of a namespace and for `default/kubernetes`.
  static func all(_ services: [Service], namespace: String, links: Bool) -> [(String, String)] {
    let chosen: [Service] = services.filter { service in
      let address: String = service.spec.clusterIp
      guard !address.isEmpty, address != "None" else { return false }
      if service.metadata.namespace == "default", service.metadata.name == "kubernetes" { return true }
      return links && service.metadata.namespace == namespace
    }
    // The pod's own namespace wins over the one of the API server.
    return chosen.sorted { ($0.metadata.namespace == namespace ? 1 : 0, $0.metadata.name) < ($1.metadata.namespace == namespace ? 1 : 0, $1.metadata.name) }
      .flatMap(variables)
  }

  private static func variables(_ service: Service) -> [(String, String)] {
    let name: String = upper(service.metadata.name)
    let address: String = service.spec.clusterIp
    guard let first: ServicePort = service.spec.ports.first else { return [] }
    var result: [(String, String)] = [
      ("\(name)_SERVICE_HOST", address), ("\(name)_SERVICE_PORT", "\(first.port)"),
    ]
    for port: ServicePort in service.spec.ports where !port.name.isEmpty {
      result.append(("\(name)_SERVICE_PORT_\(upper(port.name))", "\(port.port)"))
    }
    let host: String = address.contains(":") ? "[\(address)]" : address
    for (place, port) in service.spec.ports.enumerated() {
      let scheme: String = (port.protocol.isEmpty ? "TCP" : port.protocol).lowercased()
      let url: String = "\(scheme)://\(host):\(port.port)"
      if place == 0 { result.append(("\(name)_PORT", url)) }
      let prefix: String = "\(name)_PORT_\(port.port)_\(scheme.uppercased())"
      result += [
        (prefix, url), ("\(prefix)_PROTO", scheme), ("\(prefix)_PORT", "\(port.port)"), ("\(prefix)_ADDR", address),
      ]
    }
    return result
  }

  private static func upper(_ name: String) -> String { String(name.map { $0 == "-" ? "_" : $0 }).uppercased() }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// What webhook configurations and admission policies have in common: which requests, and who is asked.
enum AdmissionRules {
  private static let operations: [String] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]

  /// A rule of operations and resources, perhaps with the names of objects.
  static func ruleErrors(_ rule: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = nameErrors(rule["resourceNames"].strings, path.child("resourceNames"))
    let listed: [String] = rule["operations"].strings
    let at: FieldPath = path.child("operations")
    if listed.isEmpty { errors.append(.required(at)) }
    errors += lonelyWildcard(rule["operations"], at, "operations")
    for (place, operation) in listed.enumerated() where !operations.contains(operation) {
      errors.append(.notSupported(at.index(place), .string(operation), operations))
    }
    for (key, noun) in [("apiGroups", "API groups"), ("apiVersions", "API versions")] {
      if rule[key].isVoid { errors.append(.required(path.child(key))) }
      errors += lonelyWildcard(rule[key], path.child(key), noun)
    }
    for (place, version) in rule["apiVersions"].strings.enumerated() where version.isEmpty {
      errors.append(.required(path.child("apiVersions").index(place)))
    }
    errors += resourceErrors(rule["resources"], path.child("resources"))
    if rule["scope"].isThere {
      errors += Checks.supported(rule["scope"], path.child("scope"), ["*", "Cluster", "Namespaced"])
    }
    return errors
  }

  private static func nameErrors(_ names: [String], _ path: FieldPath) -> [FieldError] {
    var seen: Set<String> = []
    return names.enumerated().flatMap { place, name -> [FieldError] in
      let wrong: [FieldError] = Names.pathSegment(name, isPrefix: false).map {
        .invalid(path.index(place), .string(name), $0)
      }
      return wrong + (seen.insert(name).inserted ? [] : [.duplicate(path.index(place), .string(name))])
    }
  }

  private static func lonelyWildcard(_ list: JSONValue, _ path: FieldPath, _ noun: String) -> [FieldError] {
    guard list.items.count > 1, list.strings.contains("*") else { return [] }
    return [.invalid(path, list, "if '*' is present, must not specify other \(noun)")]
  }

  private static func resourceErrors(_ list: JSONValue, _ path: FieldPath) -> [FieldError] {
    let resources: [String] = list.strings
    var errors: [FieldError] = resources.isEmpty ? [.required(path)] : []
    var wholes: Set<String> = []
    var subs: Set<String> = []
    var endsPlainly: Bool = false
    for (place, resource) in resources.enumerated() {
      let at: FieldPath = path.index(place)
      if resource.isEmpty {
        errors.append(.required(at))
        continue
      }
      let parts: [String] = resource.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      guard parts.count == 2 else {
        endsPlainly = resource != "*"
        continue
      }
      if wholes.contains(parts[0]) {
        errors.append(
          .invalid(at, .string(resource), "if '\(parts[0])/*' is present, must not specify \(resource)"))
      }
      if subs.contains(parts[1]) {
        errors.append(
          .invalid(at, .string(resource), "if '*/\(parts[1])' is present, must not specify \(resource)"))
      }
      if parts[1] == "*" { wholes.insert(parts[0]) }
      if parts[0] == "*" { subs.insert(parts[1]) }
    }
    if resources.count > 1, resources.contains("*/*") {
      errors.append(.invalid(path, list, "if '*/*' is present, must not specify other resources"))
    }
    if resources.contains("*"), endsPlainly {
      errors.append(
        .invalid(path, list, "if '*' is present, must not specify other resources without subresources"))
    }
    return errors
  }

  /// Where a webhook is.
  static func clientErrors(_ client: JSONValue, _ path: FieldPath) -> [FieldError] {
    if client["url"].isThere == client["service"].isThere {
      return [.required(path, "exactly one of url or service is required")]
    }
    return client["url"].isThere
      ? addressErrors(client["url"].plain, path.child("url")) : serviceErrors(client["service"], path.child("service"))
  }

  private static func addressErrors(_ url: String, _ path: FieldPath) -> [FieldError] {
    let form: String = "; desired format: https://host[/path]"
    var errors: [FieldError] = []
    var rest: Substring = url[...]
    func cut(_ mark: Character) -> Substring? {
      guard let place: Substring.Index = rest.firstIndex(of: mark) else { return nil }
      defer { rest = rest[..<place] }
      return rest[rest.index(after: place)...]
    }
    let fragment: Substring = cut("#") ?? ""
    let query: Substring = cut("?") ?? ""
    var scheme: Substring = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
    if scheme.isEmpty || !rest.dropFirst(scheme.count).hasPrefix(":") { scheme = "" }
    if !scheme.isEmpty { rest = rest.dropFirst(scheme.count + 1) }
    var host: Substring = rest.hasPrefix("//") ? rest.dropFirst(2).prefix { $0 != "/" } : ""
    var user: Substring?
    if let sign: Substring.Index = host.lastIndex(of: "@") {
      user = host[..<sign]
      host = host[host.index(after: sign)...]
    }
    if scheme.lowercased() != "https" {
      errors.append(.invalid(path, .string(scheme.lowercased()), "'https' is the only allowed URL scheme" + form))
    }
    if host.isEmpty { errors.append(.invalid(path, "", "host must be specified" + form)) }
    if let user {
      errors.append(.invalid(path, .string(String(user)), "user information is not permitted in the URL"))
    }
    if !fragment.isEmpty {
      errors.append(.invalid(path, .string(String(fragment)), "fragments are not permitted in the URL"))
    }
    if !query.isEmpty {
      errors.append(.invalid(path, .string(String(query)), "query parameters are not permitted in the URL"))
    }
    return errors
  }

  static func serviceErrors(_ service: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for key: String in ["name", "namespace"] where service[key].plain.isEmpty {
      errors.append(.required(path.child(key)))
    }
    let port: Int64 = service["port"].int ?? 443
    errors += Names.portNumber(port).map { .invalid(path.child("port"), .int(port), "port is not valid: " + $0) }
    let text: String = service["path"].plain
    if text.isEmpty || text == "/" { return errors }
    let at: FieldPath = path.child("path")
    if text == "//" { return errors + [.invalid(at, .string(text), "segment[0] may not be empty")] }
    if !text.hasPrefix("/") { errors.append(.invalid(at, .string(text), "must start with a '/'")) }
    var inner: Substring = text.dropFirst()
    if inner.hasSuffix("/") { inner = inner.dropLast() }
    for (place, step) in inner.split(separator: "/", omittingEmptySubsequences: false).enumerated() {
      if step.isEmpty {
        errors.append(.invalid(at, .string(text), "segment[\(place)] may not be empty"))
      } else {
        errors += Names.subdomain(String(step)).map { .invalid(at, .string(text), "segment[\(place)]: " + $0) }
      }
    }
    return errors
  }

  /// The versions of AdmissionReview that a webhook understands.
  static func versionErrors(_ versions: JSONValue, _ path: FieldPath) -> [FieldError] {
    let accepted: [String] = ["v1", "v1beta1"]
    let listed: [String] = versions.strings
    if listed.isEmpty { return [.required(path, "must specify one of \(accepted.joined(separator: ", "))")] }
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (place, version) in listed.enumerated() {
      errors +=
        seen.insert(version).inserted
        ? Checks.text(.string(version), path.index(place), Names.label1035)
        : [.invalid(path.index(place), .string(version), "duplicate version")]
    }
    if seen.isDisjoint(with: accepted) {
      errors.append(.invalid(path, versions, "must include at least one of \(accepted.joined(separator: ", "))"))
    }
    return errors
  }

  /// The kind of a policy's parameters.
  static func kindErrors(_ parameters: JSONValue, _ path: FieldPath) -> [FieldError] {
    let version: String = parameters["apiVersion"].plain
    let at: FieldPath = path.child("apiVersion")
    var errors: [FieldError] = []
    let parts: [String] = version.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    func check(_ text: String, _ wrong: [String]) {
      if !wrong.isEmpty { errors.append(.invalid(at, .string(text), wrong.joined(separator: ","))) }
    }
    if version.isEmpty {
      errors.append(.required(at))
    } else if parts.count > 2 {
      errors.append(.invalid(at, .string(version), "unexpected GroupVersion string: " + version))
    } else {
      if parts.count == 2, !parts[0].isEmpty { check(parts[0], Names.subdomain(parts[0])) }
      let last: String = parts.last ?? ""
      if last.isEmpty {
        errors.append(.invalid(at, .string(version), "version must be specified"))
      } else {
        check(last, Names.label1035(last))
      }
    }
    let kind: String = parameters["kind"].plain
    if kind.isEmpty { return errors + [.required(path.child("kind"))] }
    let wrong: [String] = Names.label1035(kind.lowercased())
    if !wrong.isEmpty {
      errors.append(
        .invalid(
          path.child("kind"), .string(kind),
          "may have mixed case, but should otherwise match: " + wrong.joined(separator: ",")))
    }
    return errors
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// Probes and lifecycle handlers.
enum ProbeRules {
  static func errors(_ probe: JSONValue, _ path: FieldPath, kind: String) -> [FieldError] {
    guard probe.isThere else { return [] }
    var errors: [FieldError] = handler(probe, path, isProbe: true)
    for key: String in [
      "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold",
    ] {
      errors += Checks.nonNegative(probe[key], path.child(key))
    }
    let grace: JSONValue = probe["terminationGracePeriodSeconds"]
    if grace.isThere {
      if grace.int ?? 0 <= 0 {
        errors.append(.invalid(path.child("terminationGracePeriodSeconds"), grace, "must be greater than 0"))
      }
      if kind == "readinessProbe" {
        errors.append(
          .invalid(
            path.child("terminationGracePeriodSeconds"), grace, "must not be set for readinessProbes"))
      }
    }
    if kind != "readinessProbe", probe["successThreshold"].int ?? 1 != 1 {
      errors.append(.invalid(path.child("successThreshold"), probe["successThreshold"], "must be 1"))
    }
    return errors
  }

  /// Exactly one action, and what that action needs.
  ///
  /// - Parameter gracePeriod: of the pod, within which a sleep must end.
  static func handler(
    _ handler: JSONValue, _ path: FieldPath, isProbe: Bool, gracePeriod: Int64 = 0
  ) -> [FieldError] {
    let kinds: [String] =
      isProbe ? ["exec", "httpGet", "tcpSocket", "grpc"] : ["exec", "httpGet", "tcpSocket", "sleep"]
    var errors: [FieldError] = []
    var count: Int = 0
    for kind: String in kinds where handler[kind].isThere {
      let at: FieldPath = path.child(kind)
      guard count == 0 else {
        errors.append(.forbidden(at, "may not specify more than 1 handler type"))
        continue
      }
      count += 1
      errors += kind == "sleep" ? sleepErrors(handler[kind], at, gracePeriod) : actionErrors(kind, handler[kind], at)
    }
    if count == 0 { errors.append(.required(path, "must specify a handler type")) }
    return errors
  }

  private static func actionErrors(_ kind: String, _ action: JSONValue, _ at: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    switch kind {
    case "exec": if action["command"].isVoid { errors.append(.required(at.child("command"))) }
    case "httpGet":
      if action["path"].plain.isEmpty { errors.append(.required(at.child("path"))) }
      errors += Checks.portReference(action["port"], at.child("port"))
      if !["HTTP", "HTTPS"].contains(action["scheme"].plain) {
        errors.append(.notSupported(at.child("scheme"), .string(action["scheme"].plain), ["HTTP", "HTTPS"]))
      }
      for header: JSONValue in action["httpHeaders"].items {
        let name: String = header["name"].plain
        let isToken: Bool =
          !name.isEmpty
          && name.utf8.allSatisfy { byte in
            (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
              || byte == 0x2D
          }
        if !isToken {
          errors.append(
            .invalid(
              at.child("httpHeaders"), .string(name),
              "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex "
                + "used for validation is '[-A-Za-z0-9]+')"))
        }
      }
    case "tcpSocket": errors += Checks.portReference(action["port"], at.child("port"))
    case "grpc":
      let port: Int64 = action["port"].int ?? 0
      errors += Names.portNumber(port).map { .invalid(at.child("port"), .int(port), $0) }
    default: break
    }
    return errors
  }

  private static func sleepErrors(_ action: JSONValue, _ at: FieldPath, _ gracePeriod: Int64) -> [FieldError] {
    let seconds: Int64 = action["seconds"].int ?? 0
    if seconds >= 0, seconds <= gracePeriod { return [] }
    return [
      .invalid(
        at, .int(seconds), "must be non-negative and less than terminationGracePeriodSeconds (\(gracePeriod))")
    ]
  }
}

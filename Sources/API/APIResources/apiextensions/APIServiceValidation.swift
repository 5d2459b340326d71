// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// The rules of APIServices.
enum APIServiceValidation {
  static func errors(_ object: JSONValue) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    let group: String = spec["group"].plain
    let version: String = spec["version"].plain
    var errors: [FieldError] = nameErrors(object["metadata"]["name"].plain, wanted: "\(version).\(group)")
    if group.isEmpty, version != "v1" {
      errors.append(.required(path.child("group"), "only v1 may have an empty group and it better be legacy kube"))
    }
    if !group.isEmpty { errors += Checks.text(spec["group"], path.child("group"), Names.subdomain) }
    errors += Checks.text(spec["version"], path.child("version"), Names.label1035)
    for (key, most) in [("groupPriorityMinimum", 20000), ("versionPriority", 1000)] as [(String, Int64)] {
      let number: Int64 = spec[key].int ?? 0
      if !(1...most).contains(number) {
        errors.append(.invalid(path.child(key), .int(number), "must be positive and less than \(most)"))
      }
    }
    let trusts: Bool = spec["insecureSkipTLSVerify"].bool ?? false
    let skip: FieldPath = path.child("insecureSkipTLSVerify")
    let bundle: Int = spec["caBundle"].plain.utf8.count
    guard spec["service"].isThere else {
      if bundle > 0 {
        errors.append(
          .invalid(
            path.child("caBundle"), .string("\(bundle / 4 * 3) bytes"), "local APIServices may not have a caBundle"))
      }
      return errors
        + (trusts ? [.invalid(skip, true, "local APIServices may not have insecureSkipTLSVerify")] : [])
    }
    let at: FieldPath = path.child("service")
    for key: String in ["namespace", "name"] where spec["service"][key].plain.isEmpty {
      errors.append(.required(at.child(key)))
    }
    let port: Int64 = spec["service"]["port"].int ?? 0
    errors += Names.portNumber(port).map { .invalid(at.child("port"), .int(port), "port is not valid: " + $0) }
    if trusts, bundle > 0 { errors.append(.invalid(skip, true, "may not be true if caBundle is present")) }
    return errors
  }

  private static func nameErrors(_ name: String, wanted: String) -> [FieldError] {
    let path: FieldPath = FieldPath("metadata", "name")
    if name.isEmpty { return [] }
    let wrong: [FieldError] = Names.pathSegment(name, isPrefix: false).map { .invalid(path, .string(name), $0) }
    if !wrong.isEmpty || name == wanted { return wrong }
    return [.invalid(path, .string(name), "must be `spec.version+\".\"+spec.group`: \(wanted.goQuoted)")]
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON

/// The limits of traffic that a pod's annotations ask for.
enum Bandwidth {
  /// The capability arguments of the bandwidth plugin, in bits a second; nil where nothing is asked for.
  static func arguments(_ annotations: [String: String]) -> JSONValue? {
    var value: JSONValue = [:]
    for (annotation, name) in [
      ("kubernetes.io/ingress-bandwidth", "ingress"), ("kubernetes.io/egress-bandwidth", "egress"),
    ] {
      guard let text: String = annotations[annotation], let rate: Int64 = bits(text) else { continue }
      value["\(name)Rate"] = .int(rate)
      value["\(name)Burst"] = .int(Int64(Int32.max))
    }
    return value.object?.isEmpty == false ? value : nil
  }

  private static func bits(_ text: String) -> Int64? {
    let digits: Substring = text.prefix { $0.isNumber }
    guard let number = Int64(digits) else { return nil }
    let scales: [String: Int64] = [
      "": 1, "k": 1000, "M": 1_000_000, "G": 1_000_000_000, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30,
    ]
    guard let scale: Int64 = scales[String(text.dropFirst(digits.count))] else { return nil }
    let (product, overflows): (Int64, Bool) = number.multipliedReportingOverflow(by: scale)
    return overflows ? nil : product
  }
}

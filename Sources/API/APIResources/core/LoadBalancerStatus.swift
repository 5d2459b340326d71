// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import Addresses
import JSON

/// What a load balancer reports.
enum LoadBalancerStatus {
  static func warnings(_ status: JSONValue) -> [String] {
    status["ingress"].items.enumerated().flatMap { place, item in
      AddressForms.warnings(address: item["ip"].plain, FieldPath("status", "loadBalancer", "ingress").index(place))
    }
  }

  static func errors(_ status: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, item) in status["ingress"].items.enumerated() {
      let at: FieldPath = path.child("ingress").index(place)
      if !item["ip"].plain.isEmpty { errors += Checks.address(item["ip"], at.child("ip")) }
      if item["ipMode"].isThere {
        if item["ip"].plain.isEmpty {
          errors.append(.forbidden(at.child("ipMode"), "may not be specified when `ip` is not set"))
        } else {
          errors += Checks.supported(item["ipMode"], at.child("ipMode"), ["Proxy", "VIP"])
        }
      }
      if !item["hostname"].plain.isEmpty {
        errors += Checks.text(item["hostname"], at.child("hostname"), Names.subdomain)
        if IPAddress(item["hostname"].plain) != nil {
          errors.append(.invalid(at.child("hostname"), item["hostname"], "must be a DNS name, not an IP address"))
        }
      }
    }
    return errors
  }
}

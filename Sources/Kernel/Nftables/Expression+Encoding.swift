// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Netlink

extension Expression {
  /// The kernel's name for the kind of expression.
  var name: String {
    switch self {
    case .payload: "payload"
    case .meta, .setMeta: "meta"
    case .ct, .setCt: "ct"
    case .compare: "cmp"
    case .bitwise: "bitwise"
    case .immediate, .verdict: "immediate"
    case .inSet, .map, .verdictMap: "lookup"
    case .translate: "nat"
    case .masquerade: "masq"
    case .redirect: "redir"
    case .randomNumber: "numgen"
    case .fibAddressType: "fib"
    case .counter: "counter"
    case .log: "log"
    case .reject: "reject"
    case .objectReference: "objref"
    case .updateSet: "dynset"
    case .limit: "limit"
    case .notrack: "notrack"
    case .xtablesMatch: "match"
    }
  }

  /// The kernel's number of a slot of four bytes (NFT_REG32_00 is 8).
  private static func number(_ register: Register) -> UInt32 { UInt32(8 + register) }

  /// Appends the expression as a list element.
  func write(to request: inout NetlinkRequest) {
    request.nested(1) { element in
      element.attribute(1, name)
      element.nested(2) { data in
        if !writeMatch(to: &data) { writeAction(to: &data) }
      }
    }
  }

  /// The attributes of what loads and compares; false for what acts.
  private func writeMatch(to data: inout NetlinkRequest) -> Bool {
    switch self {
    case .payload(let base, let offset, let length, let target):
      data.attribute(1, bigEndian: Self.number(target))
      data.attribute(2, bigEndian: base.rawValue)
      data.attribute(3, bigEndian: UInt32(offset))
      data.attribute(4, bigEndian: UInt32(length))
    case .meta(let key, let target):
      data.attribute(1, bigEndian: Self.number(target))
      data.attribute(2, bigEndian: key.rawValue)
    case .setMeta(let key, let source):
      data.attribute(2, bigEndian: key.rawValue)
      data.attribute(3, bigEndian: Self.number(source))
    case .ct(let key, let target):
      data.attribute(1, bigEndian: Self.number(target))
      data.attribute(2, bigEndian: key.rawValue)
    case .setCt(let key, let source):
      data.attribute(2, bigEndian: key.rawValue)
      data.attribute(4, bigEndian: Self.number(source))
    case .compare(let source, let comparison, let bytes):
      data.attribute(1, bigEndian: Self.number(source))
      data.attribute(2, bigEndian: comparison.rawValue)
      data.nested(3) { $0.attribute(1, bytes: bytes) }
    case .bitwise(let source, let target, let mask, let xor):
      data.attribute(1, bigEndian: Self.number(source))
      data.attribute(2, bigEndian: Self.number(target))
      data.attribute(3, bigEndian: UInt32(mask.count))
      data.nested(4) { $0.attribute(1, bytes: mask) }
      data.nested(5) { $0.attribute(1, bytes: xor) }
    case .immediate(let bytes, let target):
      data.attribute(1, bigEndian: Self.number(target))
      data.nested(2) { $0.attribute(1, bytes: bytes) }
    case .inSet(let set, let key, let isInverted):
      data.attribute(1, set)
      data.attribute(2, bigEndian: Self.number(key))
      if isInverted { data.attribute(5, bigEndian: UInt32(1)) }
    case .map(let set, let key, let target):
      data.attribute(1, set)
      data.attribute(2, bigEndian: Self.number(key))
      data.attribute(3, bigEndian: Self.number(target))
    case .randomNumber(let modulus, let target):
      data.attribute(1, bigEndian: Self.number(target))
      data.attribute(2, bigEndian: modulus)
      data.attribute(3, bigEndian: UInt32(1))
    case .fibAddressType(let selector, let target):
      data.attribute(1, bigEndian: Self.number(target))
      data.attribute(2, bigEndian: UInt32(3))
      data.attribute(3, bigEndian: selector.rawValue)
    case .xtablesMatch(let name, let revision, let bytes):
      data.attribute(1, name)
      data.attribute(2, bigEndian: revision)
      data.attribute(3, bytes: bytes)
    default: return false
    }
    return true
  }

  private func writeAction(to data: inout NetlinkRequest) {
    switch self {
    case .verdict(let verdict):
      data.attribute(1, bigEndian: UInt32(0))
      data.nested(2) { verdict.write(to: &$0) }
    case .verdictMap(let set, let key):
      data.attribute(1, set)
      data.attribute(2, bigEndian: Self.number(key))
      data.attribute(3, bigEndian: UInt32(0))
    case .translate(let translation, let family, let address, let port, let flags):
      data.attribute(1, bigEndian: translation.rawValue)
      data.attribute(2, bigEndian: UInt32(family.rawValue))
      if let address { data.attribute(3, bigEndian: Self.number(address)) }
      if let port { data.attribute(5, bigEndian: Self.number(port)) }
      if flags != 0 { data.attribute(7, bigEndian: flags) }
    case .masquerade(let flags):
      if flags != 0 { data.attribute(1, bigEndian: flags) }
    case .redirect(let port):
      if let port { data.attribute(1, bigEndian: Self.number(port)) }
    case .log(let prefix):
      data.attribute(2, prefix)
    case .reject(let rejection):
      switch rejection {
      case .icmp(let code):
        data.attribute(1, bigEndian: UInt32(0))
        data.attribute(2, code)
      case .tcpReset: data.attribute(1, bigEndian: UInt32(1))
      case .portUnreachable:
        data.attribute(1, bigEndian: UInt32(2))
        data.attribute(2, UInt8(1))
      }
    case .objectReference(let kind, let name):
      data.attribute(1, bigEndian: kind)
      data.attribute(2, name)
    case .updateSet(let set, let update, let key, let value, let timeout):
      data.attribute(1, set)
      data.attribute(3, bigEndian: update.rawValue)
      data.attribute(4, bigEndian: Self.number(key))
      if let value { data.attribute(5, bigEndian: Self.number(value)) }
      if let timeout { data.attribute(6, bigEndian: timeout) }
    case .limit(let rate, let seconds, let burst):
      data.attribute(1, bigEndian: rate)
      data.attribute(2, bigEndian: seconds)
      data.attribute(3, bigEndian: burst)
      data.attribute(4, bigEndian: UInt32(0))
    default: break
    }
  }
}

extension Verdict {
  func write(to request: inout NetlinkRequest) {
    request.nested(2) { verdict in
      verdict.attribute(1, bigEndian: code)
      if let chain { verdict.attribute(2, chain) }
    }
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Addresses

@Suite struct AddressesTests {
  @Test(arguments: [
    ("10.0.0.1", "10.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
    ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("fe80::", "fe80::"), ("::ffff:1.2.3.4", "1.2.3.4"),
    ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
  ])
  func `an address is read and written as Go does`(text: String, written: String) {
    #expect(IPAddress(text)?.description == written)
  }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.", "1..2.3", "1.2.3.4/8", " 1.2.3.4", ":", ":::", "1::2::3",
    "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "::1.2.3", "g::", "fe80::1%eth0", "+1::", "1.2.3.4::",
  ])
  func `what is no address is refused`(text: String) { #expect(IPAddress(text) == nil) }

  @Test func `prefixes know their network, mask and ends`() throws {
    let prefix: IPPrefix = try IPPrefix(parsing: "10.1.2.3/20")
    #expect(prefix.description == "10.1.2.3/20" && prefix.masked.description == "10.1.0.0/20")
    #expect(prefix.mask.description == "255.255.240.0" && prefix.last.description == "10.1.15.255")
    #expect(prefix.contains(IPAddress("10.1.15.1")!) && !prefix.contains(IPAddress("10.1.16.0")!))
    let all: IPPrefix = try IPPrefix(parsing: "::/0")
    #expect(all.contains(IPAddress("ffff::")!) && !all.contains(IPAddress("1.2.3.4")!) && all.maskBits == 0)
    #expect(try IPPrefix(parsing: "fd00::1/64").masked.description == "fd00::/64")
    for text: String in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "x/8", "::/129"] {
      #expect(throws: AddressError(.invalidPrefix, text)) { try IPPrefix(parsing: text) }
    }
  }

  @Test func `arithmetic stops at the ends of the family`() {
    #expect(IPAddress("10.0.0.255")?.advanced(by: 1)?.description == "10.0.1.0")
    #expect(IPAddress("255.255.255.255")?.advanced(by: 1) == nil)
    #expect(IPAddress("0.0.0.0")?.advanced(by: -1) == nil)
    #expect(IPAddress("fd00::ffff")?.advanced(by: 1)?.description == "fd00::1:0")
  }

  @Test func `hardware addresses have three forms`() {
    for text: String in ["02:00:5e:10:00:ff", "02-00-5E-10-00-FF", "0200.5e10.00ff"] {
      #expect(MACAddress(text)?.description == "02:00:5e:10:00:ff")
    }
    for text: String in ["02:00:5e:10:00", "02:00:5e:10:00:f", "02:00:5e:10:00:fg", ""] { #expect(MACAddress(text) == nil) }
    #expect(MACAddress("02:00:5e:10:00:ff")?.linkLocalIPv6.description == "fe80::5eff:fe10:ff")
  }

  @Test func `every address survives being written and read`() {
    var generator: SystemRandomNumberGenerator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      // Many zero groups, since those are what is shortened.
      let groups: [UInt16] = (0..<8).map { _ in Bool.random(using: &generator) ? 0 : .random(in: 0...UInt16.max) }
      let address: IPv6Address = IPv6Address(groups: groups)
      #expect(IPv6Address(address.description) == address)
      #expect(IPAddress(bytes: address.bytes) == .v6(address))
    }
  }
}

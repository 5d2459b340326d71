// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import KubeValues
import Testing

@Suite struct ResourceQuantityTests {
  @Test(
    arguments: [
      ("0", "0"), ("1", "1"), ("1000", "1k"), ("1024", "1024"), ("1024Ki", "1Mi"), ("0.5Gi", "512Mi"),
      ("1.5", "1500m"), ("100m", "100m"), ("1000m", "1"), ("0.1", "100m"), ("1e3", "1e3"), ("12E", "12E"),
      ("100000000000000000000", "100E"),
      ("1970970970970970970970970970970970970", "10000000000E"), ("9e100", "10000000000e18"),
      ("99999999999999999999999999Ei", "9223372036854775807"),
      ("-9223372036854775808", "-9223372036854775808"), ("12Ei", "9223372036854775807"),
      ("1Ki", "1Ki"), ("512", "512"), ("512Ki", "512Ki"), ("1000Ki", "1000Ki"), ("0.5Ki", "512"), ("0.0000000001", "1n"),
      ("-1", "-1"), ("+2", "2"), ("1.", "1"), (".5", "500m"), ("3E", "3E"), ("1.25Mi", "1280Ki"), ("0.1Ki", "102400m"),
      ("5.9999999999Ti", "6597069766546048837223n"), ("6597069766546048837223n", "6597069766546048837223n"),
    ]) func `a quantity has upstream's canonical text`(_ text: String, _ canonical: String) {
    #expect(ResourceQuantity(text)?.description == canonical)
  }

  @Test(arguments: ["", "x", "1x", "1 ", "m", ".", "1.2.3", "1KI", "--1", "1e", "1e1.5"])
  func `what is no quantity is refused`(_ text: String) {
    #expect(ResourceQuantity(text) == nil)
  }

  @Test func `values round away from zero`() {
    #expect(ResourceQuantity("1500m")?.value == 2)
    #expect(ResourceQuantity("100u")?.milliValue == 1)
    #expect(ResourceQuantity("128Mi")?.value == 134_217_728)
    #expect(ResourceQuantity("-1500m")?.value == -2)
  }

  @Test func `sums and comparisons are exact`() throws {
    let sum: ResourceQuantity = try #require(ResourceQuantity("100m")) + (try #require(ResourceQuantity("0.9")))
    #expect(sum == ResourceQuantity(1))
    #expect(try #require(ResourceQuantity("1Gi")) > (try #require(ResourceQuantity("1G"))))
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

extension CachedObject {
  /// The object of a stored value.
  ///
  /// - Parameters:
  ///   - stored: JSON without a resourceVersion, or with one that is replaced.
  ///   - fields: where the fields are that selectors may name.
  convenience init(_ stored: StoredValue, fields: [CachedField]) {
    let scan: ObjectScan = ObjectScanner.scan(stored.value, fields: fields.flatMap(\.paths))
    self.init(
      key: stored.key, json: Self.withRevision(stored.modRevision, stored.value, scan), revision: stored.modRevision,
      createRevision: stored.createRevision, name: scan.name, namespace: scan.namespace, labels: scan.labels,
      fields: Self.values(of: fields, in: scan.fields))
  }

  /// The same object with another revision, as a deletion shows it.
  func atRevision(_ revision: Revision) -> CachedObject {
    let scan: ObjectScan = ObjectScanner.scan(json, fields: [])
    return CachedObject(
      key: key, json: Self.withRevision(revision, json, scan), revision: revision, createRevision: createRevision,
      name: name, namespace: namespace, labels: labels, fields: fields)
  }

  /// The value of each field: the first of its paths that has one, or what stands for an absent value.
  private static func values(of fields: [CachedField], in scanned: [String]) -> [String] {
    var values: [String] = []
    var place: Int = 0
    for field: CachedField in fields {
      let found: String? = scanned[place..<(place + field.paths.count)].first { !$0.isEmpty }
      values.append(found ?? field.absent)
      place += field.paths.count
    }
    return values
  }

  private static func withRevision(_ revision: Revision, _ json: [UInt8], _ scan: ObjectScan) -> [UInt8] {
    let digits: String.UTF8View = String(revision).utf8
    var bytes: [UInt8] = []
    bytes.reserveCapacity(json.count + digits.count + 22)
    if let range: Range<Int> = scan.resourceVersion {
      bytes.append(contentsOf: json[..<range.lowerBound])
      bytes.append(contentsOf: digits)
      bytes.append(contentsOf: json[range.upperBound...])
    } else if let start: Int = scan.metadataStart {
      bytes.append(contentsOf: json[..<start])
      bytes.append(contentsOf: "\"resourceVersion\":\"".utf8)
      bytes.append(contentsOf: digits)
      bytes.append(UInt8(ascii: "\""))
      if scan.metadataHasMembers { bytes.append(UInt8(ascii: ",")) }
      bytes.append(contentsOf: json[start...])
    } else {
      return json
    }
    return bytes
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A property that does not hold.
struct FuzzFailure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// Something that takes input from outside.
protocol Subject {
  /// The name on the command line.
  static var name: String { get }
  /// Makes what all cases share.
  init() throws
  /// Makes one input from the numbers, tries it, and looks at what came of it. An input that is refused is fine.
  mutating func run(_ random: inout FuzzRandom) throws
}

extension Subject {
  /// Fails unless the condition holds.
  func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw FuzzFailure(what()) }
  }
}

/// All subjects.
var subjects: [any Subject.Type] {
  [
    JSONSubject.self, YAMLSubject.self, ProtobufSubject.self, PatchSubject.self, ApplySubject.self, CNISubject.self,
    ImageDocumentSubject.self, LayerSubject.self, WebSocketSubject.self, SPDYSubject.self, DNSSubject.self,
    SelectorSubject.self, ValueSubject.self, CELSubject.self, PatternSubject.self,
  ]
}

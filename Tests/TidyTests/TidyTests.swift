// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The rules of the house that a program can check. Each reads the tree and names what breaks it.
@Suite struct TidyTests {
  @Test func `the tree is there`() {
    #expect(SourceTree.handWritten.count > 100)
  }

  @Test func `every import is a declared dependency`() throws {
    let package: String = try String(contentsOf: SourceTree.top.appendingPathComponent("Package.swift"), encoding: .utf8)
    let targets: TargetDeclarations = TargetDeclarations(package: package)
    var found: Set<String> = []
    for file: SourceFile in SourceTree.sources + SourceTree.tests {
      guard let allowed: Set<String> = targets.allowed(file.path) else {
        found.insert("\(file.path): belongs to no target")
        continue
      }
      for line: String in file.lines where line.utf8.count > 7 && line.contains("import ") {
        guard let match = line.wholeMatch(of: /(?:@\w+(?:\(\w+\))? )*(?:public |package |internal |private |fileprivate )?import (?:struct |class |enum |protocol |func |var )?(\w+)(?:\..*)?/)
        else { continue }
        let module: String = String(match.1)
        if !allowed.contains(module), !TargetDeclarations.always.contains(module) {
          found.insert("\(file.path): imports \(module)")
        }
      }
    }
    #expect(SourceTree.verdict("imports", found: found) == [])
  }

  @Test func `small programs do without Foundation`() {
    let folders: [String] = [
      "Kernel/Kernel", "Kernel/Cgroups", "Kernel/Netlink", "Kernel/Nftables", "Formats/JSON", "Formats/Addresses",
      "Formats/OCISpec", "Formats/CNISpec", "Runtime/ShimProtocol", "Runtime/ContainerInit", "Runtime/PodShim",
      "Runtime/OCICommand", "Network/CNIPlugins", "Command/apus-shim", "Command/apus-init", "Command/apus-oci",
      "Command/apus-cni",
    ]
    let found: [String] = SourceTree.handWritten.filter { file in
      folders.contains { file.path.hasPrefix("Sources/\($0)/") }
        && file.lines.contains { $0.contains("import Foundation") || $0.contains("import NIO") }
    }.map(\.path)
    #expect(found == [])
  }

  @Test func `files have one subject`() {
    let found: Set<String> = Set(SourceTree.handWritten.filter { $0.lines.count > 600 }.map(\.path))
    #expect(SourceTree.verdict("long-files", found: found) == [])
  }

  @Test func `functions are short`() {
    var found: Set<String> = []
    for file: SourceFile in SourceTree.handWritten {
      for function: FunctionSpan in FunctionSpan.all(in: file.lines) where function.count > 70 {
        found.insert("\(file.path): \(function.name)")
      }
    }
    #expect(SourceTree.verdict("long-functions", found: found) == [])
  }

  @Test func `nothing traps on input from outside`() {
    var found: Set<String> = []
    for file: SourceFile in SourceTree.handWritten {
      for line: String in file.lines where line.contains("!") || line.contains("fatalError") {
        let code: Substring = line.prefix(upTo: line.range(of: "//")?.lowerBound ?? line.endIndex)
        if code.contains("try!") || code.contains("as! ") || code.contains("fatalError(") {
          found.insert("\(file.path): \(line.trimmingCharacters(in: .whitespaces))")
        }
      }
    }
    #expect(SourceTree.verdict("traps", found: found) == [])
  }

  @Test func `public declarations are documented`() {
    let declaration = /\s*(?:@\w+(?:\([^)]*\))? )*public (?:static |final |consuming |borrowing |mutating |nonisolated |convenience |indirect )*(?:func|var|let|struct|class|enum|actor|protocol|init|subscript|typealias|case)\b.*/
    // What a protocol asks for is documented at the protocol.
    let inherited = /.*\b(description|hash|encode|rawValue|startIndex|endIndex|makeAsyncIterator|makeIterator|next|init\((?:stringLiteral|integerLiteral|booleanLiteral|floatLiteral|nilLiteral|arrayLiteral|dictionaryLiteral|rawValue)|func ==|static func ==|static func <|func run\(|subscript\(position).*/
    var found: Set<String> = []
    for file: SourceFile in SourceTree.handWritten {
      for (index, line) in file.lines.enumerated()
      where line.contains("public ") && line.wholeMatch(of: declaration) != nil && line.wholeMatch(of: inherited) == nil {
        var above: Int = index - 1
        while above >= 0, file.lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("@") { above -= 1 }
        let comment: String = above >= 0 ? file.lines[above].trimmingCharacters(in: .whitespaces) : ""
        if !comment.hasPrefix("///"), !comment.hasSuffix("*/") {
          found.insert("\(file.path): \(line.trimmingCharacters(in: .whitespaces).prefix(90))")
        }
      }
    }
    #expect(SourceTree.verdict("undocumented", found: found) == [])
  }

  @Test func `only generated code stands in Generated, and C in CKernel`() {
    for file: SourceFile in SourceTree.sources where file.isGenerated {
      #expect(file.lines.prefix(12).contains { $0.contains("DO NOT EDIT") || $0.contains("enerated") }, "\(file.path)")
    }
    let names = FileManager.default.enumerator(atPath: SourceTree.top.appendingPathComponent("Sources").path)
    let c: [String] = (names?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".c") && !$0.hasPrefix("Kernel/CKernel/") }
    #expect(c == [])
  }
}

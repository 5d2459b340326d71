// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import SwiftProtobuf

/// What an interface consists of, one fact a line, so that two sides can be compared as sets.
enum InterfaceFacts {
  static let root: URL = {
    var root: URL = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { root.deleteLastPathComponent() }
    return root
  }()

  static let folder: URL = root.deletingLastPathComponent().appendingPathComponent("shared/reference")

  static var isPresent: Bool {
    FileManager.default.fileExists(atPath: folder.path) && FileManager.default.fileExists(atPath: "/usr/bin/protoc")
  }

  private static func load(_ path: String) throws -> JSONValue {
    try JSONValue(parsing: Array(Data(contentsOf: folder.appendingPathComponent(path))))
  }

  // MARK: - The reference

  static func reference(proto name: String) throws -> Set<String> {
    var facts: Set<String> = []
    for file: JSONValue in try load("proto/\(name).json")["files"].items {
      let package: String = file["package"].string ?? ""
      for message: JSONValue in file["messages"].items { add(message, package, &facts) }
      for enumeration: JSONValue in file["enums"].items { add(enumeration: enumeration, package, &facts) }
      for service: JSONValue in file["services"].items {
        for method: JSONValue in service["methods"].items {
          let streams: String =
            "\(method["client_streaming"].bool ?? false) \(method["server_streaming"].bool ?? false)"
          facts.insert(
            "rpc \(package).\(service["name"].string ?? "").\(method["name"].string ?? "") "
              + "\(method["request"].string ?? "") \(method["response"].string ?? "") \(streams)")
        }
      }
    }
    return facts
  }

  private static func add(_ message: JSONValue, _ scope: String, _ facts: inout Set<String>) {
    let name: String = "\(scope).\(message["name"].string ?? "")"
    facts.insert("message \(name)")
    for field: JSONValue in message["fields"].items {
      var type: String = field["type"].string ?? ""
      if type == "map" { type = "map<\(field["key"].string ?? ""),\(field["value"].string ?? "")>" }
      let label: String = type.hasPrefix("map<") || field["label"].string == nil ? "" : field["label"].string ?? ""
      let oneof: String = field["oneof"].string ?? ""
      facts.insert(
        "field \(name).\(field["name"].string ?? "") = \(field["number"].int ?? 0) \(type) \(label) \(oneof)")
    }
    for inner: JSONValue in message["messages"].items { add(inner, name, &facts) }
    for inner: JSONValue in message["enums"].items { add(enumeration: inner, name, &facts) }
  }

  private static func add(enumeration: JSONValue, _ scope: String, _ facts: inout Set<String>) {
    let name: String = "\(scope).\(enumeration["name"].string ?? "")"
    for value: JSONValue in enumeration["values"].items {
      facts.insert("enum \(name).\(value["name"].string ?? "") = \(value["number"].int ?? 0)")
    }
  }

  private static let scalars: Set<String> = [
    "string", "bytes", "bool", "int32", "int64", "double", "uint32", "uint64", "float",
  ]

  /// The facts, and the names of messages that have no protobuf form.
  static func referenceOfKubernetes() throws -> (facts: Set<String>, withoutProtobuf: [String]) {
    var facts: Set<String> = []
    var ignored: [String] = []
    for package: JSONValue in try load("k8s/schema.json")["packages"].items {
      guard let scope: String = package["protoPackage"].string else { continue }
      func qualified(_ type: String) -> String {
        scalars.contains(type) || type.contains(".") ? type : "\(scope).\(type)"
      }
      for message: JSONValue in package["messages"].items {
        let name: String = "\(scope).\(message["name"].string ?? "")"
        if message["proto"].bool == false {
          ignored.append(name)
          continue
        }
        facts.insert("message \(name)")
        for field: JSONValue in message["fields"].items {
          guard let number: Int64 = field["number"].int else { continue }
          var type: String = qualified(field["type"].string ?? "")
          if field["type"].string == "map" {
            type = "map<\(field["map"]["key"].string ?? ""),\(qualified(field["map"]["value"].string ?? ""))>"
          }
          let label: String = field["repeated"].bool == true ? "repeated" : ""
          facts.insert("field \(name).\(field["name"].string ?? "") = \(number) \(type) \(label) ")
        }
      }
    }
    return (facts, ignored)
  }

  // MARK: - Ours

  /// Compiles the definitions of a folder below Protos/ and lists what they hold.
  static func compiled(folder: String) throws -> Set<String> {
    let protos: URL = root.appendingPathComponent("Protos")
    let files: [String] = try FileManager.default.subpathsOfDirectory(
      atPath: protos.appendingPathComponent(folder).path
    )
    .filter { $0.hasSuffix(".proto") }.map { "\(folder)/\($0)" }.sorted()
    let output: URL = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).descriptors")
    defer { try? FileManager.default.removeItem(at: output) }
    let protoc: Process = Process()
    protoc.executableURL = URL(fileURLWithPath: "/usr/bin/protoc")
    protoc.arguments = ["--proto_path=\(protos.path)", "--descriptor_set_out=\(output.path)"] + files
    try protoc.run()
    protoc.waitUntilExit()
    let set: Google_Protobuf_FileDescriptorSet = try Google_Protobuf_FileDescriptorSet(
      serializedBytes: Data(contentsOf: output))
    var facts: Set<String> = []
    for file: Google_Protobuf_FileDescriptorProto in set.file {
      let isProto3: Bool = file.syntax == "proto3"
      for message in file.messageType { add(message, file.package, isProto3, &facts) }
      for enumeration in file.enumType { add(enumeration, file.package, &facts) }
      for service in file.service {
        for method in service.method {
          facts.insert(
            "rpc \(file.package).\(service.name).\(method.name) \(method.inputType.dropFirst()) "
              + "\(method.outputType.dropFirst()) \(method.clientStreaming) \(method.serverStreaming)")
        }
      }
    }
    return facts
  }

  private static func add(
    _ message: Google_Protobuf_DescriptorProto, _ scope: String, _ isProto3: Bool, _ facts: inout Set<String>
  ) {
    let name: String = "\(scope).\(message.name)"
    facts.insert("message \(name)")
    var entries: [String: Google_Protobuf_DescriptorProto] = [:]
    for inner in message.nestedType where inner.options.mapEntry { entries[".\(name).\(inner.name)"] = inner }
    for field in message.field {
      var type: String = Self.type(field)
      var label: String = field.label == .repeated ? "repeated" : ""
      if let entry = entries[field.typeName], entry.field.count == 2 {
        type = "map<\(Self.type(entry.field[0])),\(Self.type(entry.field[1]))>"
        label = ""
      }
      var oneof: String = ""
      if field.hasOneofIndex {
        if field.proto3Optional { label = "optional" } else { oneof = message.oneofDecl[Int(field.oneofIndex)].name }
      }
      facts.insert("field \(name).\(field.name) = \(field.number) \(type) \(label) \(oneof)")
    }
    for inner in message.nestedType where !inner.options.mapEntry { add(inner, name, isProto3, &facts) }
    for inner in message.enumType { add(inner, name, &facts) }
  }

  private static func add(
    _ enumeration: Google_Protobuf_EnumDescriptorProto, _ scope: String, _ facts: inout Set<String>
  ) {
    for value in enumeration.value { facts.insert("enum \(scope).\(enumeration.name).\(value.name) = \(value.number)") }
  }

  private static func type(_ field: Google_Protobuf_FieldDescriptorProto) -> String {
    switch field.type {
    case .message, .enum: String(field.typeName.dropFirst())
    case .string: "string"
    case .bytes: "bytes"
    case .bool: "bool"
    case .int32: "int32"
    case .int64: "int64"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .double: "double"
    case .float: "float"
    default: "type\(field.type.rawValue)"
    }
  }
}

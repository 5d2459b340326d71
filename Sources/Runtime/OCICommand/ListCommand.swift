// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Cgroups
import JSON
import Kernel

/// `list`
enum ListSubcommand: OCISubcommand {
  static let name: String = "list"
  static let summary: String = "list the containers below the root"
  static let operands: String = ""
  static let flags: CommandFlags = CommandFlags(flags: [
    .value("format", "f", help: "table or json (default: table)"),
    .toggle("quiet", "q", help: "print names alone"),
  ])

  static func run(_ values: CommandFlags.Values, _ context: CommandContext) throws(CommandError) -> Int32 {
    let hierarchy: CgroupHierarchy = try context.hierarchy()
    // No folder, no containers.
    let names: [String] = (try? Files.list(context.root)) ?? []
    var rows: [JSONValue] = []
    for name: String in names {
      // One that is being deleted meanwhile is none.
      guard let record: ContainerRecord = try? context.container(name) else { continue }
      if values.has("quiet") {
        print(name)
      } else {
        rows.append(record.report(record.status(hierarchy)))
      }
    }
    if values.has("quiet") { return 0 }
    switch values.text("format") ?? "table" {
    case "json": print(rows.isEmpty ? "null" : JSONValue.array(rows).text)
    case "table":
      let head: [String] = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
      let lines: [[String]] = rows.map { row in
        [
          row["id"].string ?? "", String(row["pid"].int ?? 0), row["status"].string ?? "", row["bundle"].string ?? "",
          row["created"].string ?? "", "root",
        ]
      }
      for line: [String] in [head] + lines {
        var text: String = ""
        for (column, word) in line.enumerated() {
          let width: Int = max(12, ([head] + lines).map { $0[column].count + 3 }.max() ?? 0)
          text += column == line.count - 1 ? word : word + String(repeating: " ", count: width - word.count)
        }
        print(text)
      }
    default: throw CommandError("invalid format option")
    }
    return 0
  }
}

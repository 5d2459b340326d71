// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Kernel
import OCISpec

/// Why a command failed; what is printed and logged.
struct CommandError: Error, Sendable, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// Runs something that speaks to the kernel and says what was being done when that fails.
@discardableResult
func attempt<Result: ~Copyable>(
  _ doing: @autoclosure () -> String, _ body: () throws(SystemError) -> Result
) throws(CommandError) -> Result {
  do throws(SystemError) { return try body() } catch { throw CommandError("\(doing()): \(error)") }
}

/// Reads a JSON document from a file.
func readDocument(_ path: String) throws(CommandError) -> JSONValue {
  let bytes: [UInt8] = try attempt("read \(path)") { () throws(SystemError) in try Files.read(path) }
  do throws(JSONError) { return try JSONValue(parsing: bytes) } catch { throw CommandError("\(path): \(error)") }
}

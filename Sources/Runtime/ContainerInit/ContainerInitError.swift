// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel
import OCISpec

/// Why a container could not be set up.
struct ContainerInitError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What failed, on what, and why.
  var description: String

  init(_ description: String) { self.description = description }

  /// What was being done when a system call failed.
  init(_ doing: String, _ error: SystemError) { description = "\(doing): \(error)" }
}

/// Runs a step and says what was being done when a system call in it fails.
@discardableResult
func step<Result: ~Copyable>(
  _ doing: @autoclosure () -> String, _ body: () throws(SystemError) -> Result
) throws(ContainerInitError) -> Result {
  do throws(SystemError) { return try body() } catch { throw ContainerInitError(doing(), error) }
}

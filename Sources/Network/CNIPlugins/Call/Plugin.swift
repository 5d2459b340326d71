// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import CNISpec

/// One network plugin. A value lives for one call.
///
/// `add` leaves nothing behind when it throws; `delete` succeeds when there is nothing to delete.
public protocol Plugin: Sendable {
  /// The plugin's type: the name of its executable.
  static var name: String { get }

  /// Reads the plugin's own part of the configuration.
  init(_ call: PluginCall) throws(CNIError)

  /// Attaches the container; the result to print.
  func add() throws(CNIError) -> CNIResult
  /// Detaches the container.
  func delete() throws(CNIError)
  /// Throws if what ADD made is not there any more.
  func check() throws(CNIError)
  /// Throws if ADD could not succeed.
  func status() throws(CNIError)
  /// Removes what belongs to attachments that are not valid any more.
  func collectGarbage() throws(CNIError)
}

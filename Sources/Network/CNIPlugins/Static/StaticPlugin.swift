// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import CNISpec

/// `static`: tells the addresses that its configuration names. It keeps no state, so that nothing stops two
/// containers from having one address.
public struct StaticPlugin: Plugin {
  /// The plugin's type.
  public static let name: String = "static"

  private let call: PluginCall
  private let configuration: StaticConfiguration

  /// Reads the plugin's own part of the configuration.
  public init(_ call: PluginCall) throws(CNIError) {
    self.call = call
    configuration = try StaticConfiguration(call)
  }

  /// The configuration as a result.
  public func add() throws(CNIError) -> CNIResult {
    var result: CNIResult = CNIResult()
    result.ips = configuration.ips
    result.routes = configuration.routes
    result.dns = configuration.dns
    return result
  }

  /// There is nothing to give back.
  public func delete() throws(CNIError) {}

  /// Looks for the configured addresses in the previous result.
  public func check() throws(CNIError) {
    guard let previous: CNIResult = try call.previousResult() else {
      throw CNIError(CNIError.Code.invalidConfiguration, "required prevResult missing")
    }
    for ip: CNIResult.IPConfiguration in configuration.ips
    where !previous.ips.contains(where: { $0.address == ip.address && (ip.gateway == nil || $0.gateway == ip.gateway) }) {
      throw CNIError(CNIError.Code.plugin, "static: failed to find address \(ip.address) in prevResult")
    }
    for route: CNIResult.Route in configuration.routes
    where !previous.routes.contains(where: {
      $0.destination == route.destination && (route.gateway == nil || $0.gateway == route.gateway)
    }) {
      throw CNIError(CNIError.Code.plugin, "static: failed to find route to \(route.destination) in prevResult")
    }
  }

  /// Addresses that are written down are always there.
  public func status() throws(CNIError) {}

  /// There is nothing to give back.
  public func collectGarbage() throws(CNIError) {}
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import CSI
internal import GRPCCore
internal import SwiftProtobuf

/// CSI Identity: who the driver is and what it can do.
struct IdentityService: CSIIdentity.SimpleServiceProtocol {
  let configuration: CSIHostPathConfiguration

  func getPluginInfo(request: CSIGetPluginInfoRequest, context: ServerContext) async throws -> CSIGetPluginInfoResponse
  {
    var response: CSIGetPluginInfoResponse = CSIGetPluginInfoResponse()
    response.name = configuration.driverName
    response.vendorVersion = CSIHostPath.vendorVersion
    return response
  }

  func getPluginCapabilities(
    request: CSIGetPluginCapabilitiesRequest, context: ServerContext
  ) async throws -> CSIGetPluginCapabilitiesResponse {
    var response: CSIGetPluginCapabilitiesResponse = CSIGetPluginCapabilitiesResponse()
    let services: [CSIPluginCapability.Service.TypeEnum] = [
      .controllerService, .volumeAccessibilityConstraints, .groupControllerService,
    ]
    response.capabilities = services.map { service in
      var capability: CSIPluginCapability = CSIPluginCapability()
      capability.service.type = service
      return capability
    }
    var expansion: CSIPluginCapability = CSIPluginCapability()
    expansion.volumeExpansion.type = .online
    response.capabilities.append(expansion)
    return response
  }

  func probe(request: CSIProbeRequest, context: ServerContext) async throws -> CSIProbeResponse {
    var response: CSIProbeResponse = CSIProbeResponse()
    response.ready = Google_Protobuf_BoolValue(true)
    return response
  }
}

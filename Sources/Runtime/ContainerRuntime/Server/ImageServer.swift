// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import Images
import JSON
import Kernel
import OCISpec

/// CRI's ImageService.
struct ImageServer: CRIImageService.SimpleServiceProtocol {
  let core: RuntimeCore

  func listImages(request: CRIListImagesRequest, context: ServerContext) async throws -> CRIListImagesResponse {
    var response: CRIListImagesResponse = CRIListImagesResponse()
    response.images = await list(request.filter)
    return response
  }

  func streamImages(
    request: CRIStreamImagesRequest, response: RPCWriter<CRIStreamImagesResponse>, context: ServerContext
  ) async throws {
    for chunk: ArraySlice<CRIImage> in await list(request.filter).chunks() {
      var message: CRIStreamImagesResponse = CRIStreamImagesResponse()
      message.images = Array(chunk)
      try await response.write(message)
    }
  }

  private func list(_ filter: CRIImageFilter) async -> [CRIImage] {
    if !filter.image.image.isEmpty {
      return await core.images.image(named: filter.image.image).map { [$0.message] } ?? []
    }
    return await core.images.images().map(\.message)
  }

  func imageStatus(request: CRIImageStatusRequest, context: ServerContext) async throws -> CRIImageStatusResponse {
    var response: CRIImageStatusResponse = CRIImageStatusResponse()
    // An image that is not there is no error: the answer has none.
    guard let image: StoredImage = await core.images.image(named: request.image.image) else { return response }
    response.image = image.message
    if request.verbose {
      let info: JSONValue = ["imageSpec": image.configuration.document]
      response.info = ["info": info.text]
    }
    return response
  }

  func pullImage(request: CRIPullImageRequest, context: ServerContext) async throws -> CRIPullImageResponse {
    guard !request.image.image.isEmpty else { throw RuntimeError(.invalid, "no image is named") }
    let auth: CRIAuthConfig = request.auth
    let credentials: RegistryCredentials? =
      request.hasAuth
      ? RegistryCredentials(
        username: auth.username, password: auth.password, auth: auth.auth, identityToken: auth.identityToken,
        registryToken: auth.registryToken) : nil
    let image: StoredImage = try await core.images.pull(request.image.image, credentials: credentials)
    var response: CRIPullImageResponse = CRIPullImageResponse()
    response.imageRef = image.id
    return response
  }

  func removeImage(request: CRIRemoveImageRequest, context: ServerContext) async throws -> CRIRemoveImageResponse {
    // CRI removes the image with all its names, whichever of them it is told.
    if let image: StoredImage = await core.images.image(named: request.image.image) {
      try await core.images.remove(image.id)
    }
    return CRIRemoveImageResponse()
  }

  func imageFsInfo(request: CRIImageFsInfoRequest, context: ServerContext) async throws -> CRIImageFsInfoResponse {
    var response: CRIImageFsInfoResponse = CRIImageFsInfoResponse()
    response.imageFilesystems = [Self.message(await core.images.usage())]
    response.containerFilesystems = [Self.message(await core.images.containersUsage())]
    return response
  }

  static func message(_ usage: FileSystemUsage) -> CRIFilesystemUsage {
    var message: CRIFilesystemUsage = CRIFilesystemUsage()
    message.timestamp = SystemClock.now
    message.fsID.mountpoint = usage.mountPoint
    message.usedBytes.value = usage.usedBytes
    message.inodesUsed.value = usage.inodesUsed
    return message
  }
}

extension StoredImage {
  /// As CRI tells it.
  var message: CRIImage {
    var image: CRIImage = CRIImage()
    image.id = id
    image.repoTags = tags
    image.repoDigests = digests
    image.size = sizeBytes
    if let uid: Int64 = configuration.numericUserID {
      image.uid.value = uid
    } else if let name: String = configuration.userName {
      image.username = name
    }
    image.spec.image = id
    image.pinned = isPinned
    return image
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import GRPCCore
import StreamServing

/// CRI's RuntimeService. Each call has its file, `RuntimeServer+<Call>.swift`, or shares one with its siblings.
struct RuntimeServer: CRIRuntimeService.SimpleServiceProtocol {
  let core: RuntimeCore
  let streams: StreamServer
}

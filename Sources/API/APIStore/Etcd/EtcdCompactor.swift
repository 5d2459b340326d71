// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Etcd
import FoundationEssentials
import GRPCCore
import Logging

/// Compacts etcd for all API servers of a cluster, in the way of kube-apiserver and together with it.
///
/// Every server counts the ticks that it has seen in the version of one key. Who raises it first compacts the
/// revision that was the newest a tick before; the others see that they were late and take over the number.
struct EtcdCompactor: Sendable {
  /// The key that kube-apiserver uses too.
  private static let key: Data = Data("compact_rev_key".utf8)

  let members: EtcdMembers
  let interval: Duration
  let logger: Logger

  func run() async {
    guard interval > .zero else { return }
    var tick: Int64 = 0
    var newest: Revision = 0
    while true {
      do { try await Task.sleep(for: interval) } catch { return }
      do {
        (tick, newest) = try await step(tick, newest)
      } catch {
        logger.debug("etcd was not compacted: \(error)")
        members.leave(members.current.place)
      }
    }
  }

  /// One tick: what is known of the key's version and the newest revision after it.
  private func step(_ tick: Int64, _ newest: Revision) async throws -> (tick: Int64, newest: Revision) {
    let keys: EtcdStore.Keys = EtcdStore.Keys(wrapping: members.current.client)
    let answer: EtcdTxnResponse = try await keys.txn(Self.raise(from: tick, to: newest))
    let current: Revision = answer.header.revision
    guard answer.succeeded else {
      // Another server was first.
      return (answer.responses.first?.responseRange.kvs.first?.version ?? 0, current)
    }
    if newest > 0 {
      var request: EtcdCompactionRequest = EtcdCompactionRequest()
      request.revision = newest
      _ = try await keys.compact(request)
    }
    return (tick + 1, current)
  }

  private static func raise(from tick: Int64, to newest: Revision) -> EtcdTxnRequest {
    var compare: EtcdCompare = EtcdCompare()
    compare.result = .equal
    compare.target = .version
    compare.key = key
    compare.version = tick
    var put: EtcdPutRequest = EtcdPutRequest()
    put.key = key
    put.value = Data("\(newest)".utf8)
    var range: EtcdRangeRequest = EtcdRangeRequest()
    range.key = key
    var success: EtcdRequestOp = EtcdRequestOp()
    success.request = .requestPut(put)
    var failure: EtcdRequestOp = EtcdRequestOp()
    failure.request = .requestRange(range)
    var request: EtcdTxnRequest = EtcdTxnRequest()
    request.compare = [compare]
    request.success = [success]
    request.failure = [failure]
    return request
  }
}

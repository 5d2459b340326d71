// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The watches of a store that lives in this process. The store calls it in the order of its writes.
final class WatchHub: Sendable {
  private struct Entry {
    var identifier: UInt64
    var prefix: String
    var sink: @Sendable (StoreNotice) -> Void
  }

  private struct Entries {
    var entries: [Entry] = []
    var next: UInt64 = 0
  }

  private let entries: Mutex<Entries> = Mutex(Entries())

  /// Adds a watch; the caller has delivered history before and makes sure that no write comes between.
  func add(prefix: String, _ sink: @escaping @Sendable (StoreNotice) -> Void) -> any StoreWatch {
    let identifier: UInt64 = entries.withLock { entries in
      entries.next += 1
      entries.entries.append(Entry(identifier: entries.next, prefix: prefix, sink: sink))
      return entries.next
    }
    return HubWatch(hub: self, identifier: identifier)
  }

  /// Delivers writes that are durable now.
  func deliver(_ events: [StoreEvent]) {
    let watches: [Entry] = entries.withLock { $0.entries }
    for watch: Entry in watches {
      let mine: [StoreEvent] = events.filter { $0.key.utf8.starts(with: watch.prefix.utf8) }
      if !mine.isEmpty { watch.sink(.events(mine)) }
    }
  }

  /// Ends all watches.
  func close(_ error: StoreError) {
    let watches: [Entry] = entries.withLock { entries in
      defer { entries.entries = [] }
      return entries.entries
    }
    for watch: Entry in watches { watch.sink(.failed(error)) }
  }

  fileprivate func remove(_ identifier: UInt64) {
    entries.withLock { $0.entries.removeAll { $0.identifier == identifier } }
  }
}

/// One watch of a hub.
private struct HubWatch: StoreWatch {
  let hub: WatchHub
  let identifier: UInt64

  func cancel() { hub.remove(identifier) }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The database of the SQLite store: one row a write, the revision as its key. Knows SQL, and nothing of threads.
///
/// A key's state after a revision is its row with the largest revision up to that; a row without a value is a
/// deletion. Compaction takes away rows that later ones (up to the compacted revision) have replaced.
final class SQLiteLog {
  private let connection: SQLiteConnection

  private static let schema: String = """
    CREATE TABLE IF NOT EXISTS log (
      revision INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL, value BLOB);
    CREATE UNIQUE INDEX IF NOT EXISTS log_by_key ON log (key, revision);
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
    """

  /// One row.
  struct Row {
    var revision: Revision
    var key: String
    var created: Revision
    var value: [UInt8]?

    var event: StoreEvent {
      guard let value else { return .delete(key: key, revision: revision) }
      return .put(StoredValue(key: key, value: value, createRevision: created, modRevision: revision))
    }
  }

  /// Opens the log for its only writer, or for a reader beside it.
  init(path: String, isReadOnly: Bool) throws(StoreError) {
    connection = try SQLiteConnection(path: path, isReadOnly: isReadOnly)
    guard !isReadOnly else { return }
    // WAL: readers do not wait for the writer. EXTRA: a commit is on the disk before it is acknowledged; it comes
    // first, for it also makes sure that the journal of the change to WAL does not come back after a loss of power.
    try connection.execute("PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL;")
    try connection.execute("PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8192;")
    try connection.execute(Self.schema)
  }

  func begin() throws(StoreError) { try connection.run("BEGIN IMMEDIATE") }
  func commit() throws(StoreError) { try connection.run("COMMIT") }
  func rollback() throws(StoreError) { try connection.run("ROLLBACK") }

  /// The revision of the newest write; 1 where nothing was ever written, as in etcd.
  func newestRevision() throws(StoreError) -> Revision {
    var newest: Revision = 1
    try connection.run("SELECT MAX(revision) FROM log") { row in
      newest = max(newest, row.integer(0))
      return false
    }
    // Compaction may have taken the newest row when it was a deletion.
    return max(newest, try fact("newest"))
  }

  /// History before this revision is gone.
  func compactedRevision() throws(StoreError) -> Revision { try fact("compacted") }

  private func fact(_ name: String) throws(StoreError) -> Int64 {
    var number: Int64 = 0
    try connection.run("SELECT number FROM facts WHERE name = ?", [.text(name)]) { row in
      number = row.integer(0)
      return false
    }
    return number
  }

  private func setFact(_ name: String, _ number: Int64) throws(StoreError) {
    try connection.run("INSERT OR REPLACE INTO facts VALUES (?, ?)", [.text(name), .integer(number)])
  }

  /// The newest row of a key, without its value: whether it lives, since when, and its revision.
  func head(_ key: String) throws(StoreError) -> (revision: Revision, created: Revision, isDeleted: Bool)? {
    var head: (revision: Revision, created: Revision, isDeleted: Bool)?
    try connection.run(
      "SELECT revision, created, value IS NULL FROM log WHERE key = ? ORDER BY revision DESC LIMIT 1", [.text(key)]
    ) { row in
      head = (row.integer(0), row.integer(1), row.integer(2) != 0)
      return false
    }
    return head
  }

  func append(_ row: Row) throws(StoreError) {
    try connection.run(
      "INSERT INTO log (revision, key, created, value) VALUES (?, ?, ?, ?)",
      [.integer(row.revision), .text(row.key), .integer(row.created), row.value.map { .blob($0) } ?? .null])
  }

  /// The state of one key after a revision.
  func get(_ key: String, at revision: Revision) throws(StoreError) -> StoredValue? {
    var found: StoredValue?
    try connection.run(
      """
      SELECT revision, created, value FROM log WHERE key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1
      """, [.text(key), .integer(revision)]
    ) { row in
      if !row.isNull(2) {
        found = StoredValue(
          key: key, value: row.blob(2), createRevision: row.integer(1), modRevision: row.integer(0))
      }
      return false
    }
    return found
  }

  /// The states of the keys with a prefix after a revision.
  func range(_ request: RangeRequest, at revision: Revision) throws(StoreError) -> (values: [StoredValue], rest: Int) {
    var values: [StoredValue] = []
    var rest: Int = 0
    // The index gives the newest revision of each key; only the rows that are wanted are read.
    let limit: String = request.prefix.successorOfPrefix ?? "\u{10FFFF}"
    let start: String = max(request.prefix, request.after.map { $0 + "\u{0}" } ?? "")
    try connection.run(
      """
      SELECT l.revision, l.key, l.created, l.value, l.value IS NULL FROM (
        SELECT MAX(revision) AS newest FROM log WHERE key >= ?1 AND key < ?2 AND revision <= ?3 GROUP BY key) AS h
      CROSS JOIN log AS l ON l.revision = h.newest
      """, [.text(start), .text(limit), .integer(revision)]
    ) { row in
      if row.integer(4) != 0 { return true }
      if request.limit > 0, values.count == request.limit {
        rest += 1
      } else {
        values.append(
          StoredValue(
            key: row.text(1), value: row.blob(3), createRevision: row.integer(2), modRevision: row.integer(0)))
      }
      return true
    }
    return (values, rest)
  }

  /// All rows of a prefix after a revision, in order.
  func history(prefix: String, after revision: Revision) throws(StoreError) -> [StoreEvent] {
    var events: [StoreEvent] = []
    try connection.run(
      "SELECT revision, key, created, value FROM log WHERE revision > ? ORDER BY revision", [.integer(revision)]
    ) { row in
      let key: String = row.text(1)
      if key.utf8.starts(with: prefix.utf8) {
        let value: [UInt8]? = row.isNull(3) ? nil : row.blob(3)
        events.append(
          Row(revision: row.integer(0), key: key, created: row.integer(2), value: value).event)
      }
      return true
    }
    return events
  }

  /// Compacts the next few revisions up to one, in a transaction of its own; says whether more is left.
  func compactSome(upTo revision: Revision, limit: Int) throws(StoreError) -> Bool {
    let from: Revision = try compactedRevision()
    guard revision > from else { return false }
    var rows: [(revision: Revision, key: String, isDeletion: Bool)] = []
    try connection.run(
      """
      SELECT revision, key, value IS NULL FROM log WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?
      """, [.integer(from), .integer(revision), .integer(Int64(limit))]
    ) { row in
      rows.append((row.integer(0), row.text(1), row.integer(2) != 0))
      return true
    }
    try setFact("newest", try newestRevision())
    for row in rows {
      try connection.run("DELETE FROM log WHERE key = ? AND revision < ?", [.text(row.key), .integer(row.revision)])
      if row.isDeletion { try connection.run("DELETE FROM log WHERE revision = ?", [.integer(row.revision)]) }
    }
    let isWhole: Bool = rows.count < limit
    try setFact("compacted", isWhole ? revision : rows.last?.revision ?? revision)
    return !isWhole
  }
}

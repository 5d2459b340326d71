// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import GRDBSQLite

/// One connection to a SQLite database. Not for two threads at once: its owner sees to that.
final class SQLiteConnection {
  private let handle: OpaquePointer
  private var statements: [String: OpaquePointer] = [:]

  /// Opens a database file, which is made where there is none.
  init(path: String, isReadOnly: Bool) throws(StoreError) {
    var handle: OpaquePointer?
    let flags: Int32 =
      SQLITE_OPEN_NOMUTEX | (isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
    let code: Int32 = sqlite3_open_v2(path, &handle, flags, nil)
    guard code == SQLITE_OK, let handle else {
      let why: String = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(handle)
      throw StoreError(.unavailable, "the store \(path) cannot be opened: \(why)")
    }
    self.handle = handle
    sqlite3_busy_timeout(handle, 5_000)
  }

  deinit {
    for statement: OpaquePointer in statements.values { sqlite3_finalize(statement) }
    sqlite3_close_v2(handle)
  }

  /// Runs statements without parameters.
  func execute(_ sql: String) throws(StoreError) {
    guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure(sql) }
  }

  /// Runs one statement, and calls the body with each row; the body returns whether to go on.
  func run(
    _ sql: String, _ parameters: [SQLiteValue] = [], _ body: ((SQLiteRow) -> Bool)? = nil
  ) throws(StoreError) {
    let statement: OpaquePointer = try prepared(sql)
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    for (place, parameter) in parameters.enumerated() {
      guard parameter.bind(to: statement, at: Int32(place + 1)) == SQLITE_OK else { throw failure(sql) }
    }
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_DONE: return
      case SQLITE_ROW: if body?(SQLiteRow(statement: statement)) == false { return }
      default: throw failure(sql)
      }
    }
  }

  private func prepared(_ sql: String) throws(StoreError) -> OpaquePointer {
    if let known: OpaquePointer = statements[sql] { return known }
    var statement: OpaquePointer?
    guard sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
      let statement
    else { throw failure(sql) }
    statements[sql] = statement
    return statement
  }

  private func failure(_ sql: String) -> StoreError {
    let message: String = "\(String(cString: sqlite3_errmsg(handle))) in \(sql.prefix(60))"
    switch sqlite3_errcode(handle) {
    case SQLITE_FULL: return StoreError(.noSpace, "the disk of the store is full: \(message)")
    case SQLITE_CORRUPT, SQLITE_NOTADB: return StoreError(.corrupt, "the store is damaged: \(message)")
    case SQLITE_TOOBIG: return StoreError(.tooLarge, "the value is too large: \(message)")
    default: return StoreError(.unavailable, "the store failed: \(message)")
    }
  }
}

/// A parameter of a statement.
enum SQLiteValue {
  case integer(Int64)
  case text(String)
  case blob([UInt8])
  case null

  fileprivate func bind(to statement: OpaquePointer, at place: Int32) -> Int32 {
    // SQLITE_TRANSIENT: SQLite makes its own copy.
    let transient: sqlite3_destructor_type = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch self {
    case .integer(let value): return sqlite3_bind_int64(statement, place, value)
    case .null: return sqlite3_bind_null(statement, place)
    case .text(var value):
      return value.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
          sqlite3_bind_text(statement, place, $0.baseAddress, Int32($0.count), transient)
        }
      }
    case .blob(let value):
      // An empty array has no address, and a null pointer would bind NULL.
      if value.isEmpty { return sqlite3_bind_zeroblob(statement, place, 0) }
      return value.withUnsafeBytes {
        sqlite3_bind_blob64(statement, place, $0.baseAddress, UInt64($0.count), transient)
      }
    }
  }
}

/// The present row of a statement.
struct SQLiteRow {
  fileprivate let statement: OpaquePointer

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }

  func text(_ column: Int32) -> String {
    guard let start = sqlite3_column_text(statement, column) else { return "" }
    let count: Int = Int(sqlite3_column_bytes(statement, column))
    return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  func blob(_ column: Int32) -> [UInt8] {
    guard let start = sqlite3_column_blob(statement, column) else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
  }
}

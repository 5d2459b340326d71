// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import JSON

extension JSONValue {
  /// The value after a JSON merge patch (RFC 7386), as upstream's library applies it: objects that it changes have
  /// their members sorted, as Go prints maps; the rest stays as it is.
  public func mergePatched(with patch: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    guard case .object(var members) = self else { return patch.withoutNulls }
    for (name, change) in changes {
      if change.isNull {
        members.removeValue(name)
      } else if let current: JSONValue = members[name] {
        members[name] = current.mergePatched(with: change)
      } else {
        members[name] = change.withoutNulls
      }
    }
    return JSONValue.object(members).shallowlySorted
  }

  /// The value without members that are null; lists stay as they are.
  private var withoutNulls: JSONValue {
    guard case .object(let members) = self else { return self }
    var result: JSONObject = JSONObject()
    for (name, value) in members where !value.isNull { result.appendUnique(name, value.withoutNulls) }
    return .object(result)
  }
}

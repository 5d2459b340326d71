// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import JSON
import Synchronization

/// Which policies and webhooks of a write are asked a second time, because others changed the object after them.
///
/// A plug-in tells of each round: `begin`, then for each of its policies `skips`, `changed` and `ran`, at last `end`.
final class Reinvocation: Sendable {
  /// What is known of one plug-in.
  private struct Turn {
    /// Those that want to be asked again and have been asked since the last change.
    var earlier: Set<String> = []
    /// Those that are asked again.
    var again: Set<String> = []
    var output: JSONValue = .null
  }

  private struct State {
    var isSecondRound: Bool = false
    var isWanted: Bool = false
    var turns: [String: Turn] = [:]
  }

  private let state: Mutex<State> = Mutex(State())

  /// Whether there is to be a second round, which begins then. There is no third.
  func beginSecondRound() -> Bool {
    state.withLock { state in
      guard state.isWanted, !state.isSecondRound else { return false }
      state.isSecondRound = true
      return true
    }
  }

  /// In the second round everything is asked again whose object others have changed since.
  func begin(_ plugin: String, _ object: JSONValue) {
    state.withLock { state in
      guard state.isSecondRound, let turn: Turn = state.turns[plugin], turn.output != object else { return }
      Self.requireEarlier(&state.turns[plugin, default: Turn()])
    }
  }

  private static func requireEarlier(_ turn: inout Turn) {
    turn.again.formUnion(turn.earlier)
    turn.earlier = []
  }

  /// Whether a policy is left out of this round.
  func skips(_ plugin: String, _ key: String) -> Bool {
    state.withLock { $0.isSecondRound && $0.turns[plugin]?.again.contains(key) != true }
  }

  /// The object was changed: those before want to see it.
  func changed(_ plugin: String) {
    state.withLock { state in
      state.isWanted = true
      Self.requireEarlier(&state.turns[plugin, default: Turn()])
    }
  }

  /// A policy that wants to see later changes has been asked.
  func ran(_ plugin: String, _ key: String) {
    state.withLock { state in _ = state.turns[plugin, default: Turn()].earlier.insert(key) }
  }

  /// The plug-in is done.
  func end(_ plugin: String, _ object: JSONValue) {
    state.withLock { state in
      guard state.turns[plugin] != nil else { return }
      state.turns[plugin]?.output = object
    }
  }
}

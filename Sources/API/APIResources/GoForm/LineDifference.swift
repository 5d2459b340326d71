// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The unified difference of two texts by Ratcliff's and Obershelp's pattern matching, the way of Python's difflib
/// (whose port upstream uses): the longest run of equal lines first, then what is before and behind it. In texts of
/// 200 lines and more, lines that make up more than a hundredth do not begin a run.
struct LineDifference {
  /// A run of lines that both have.
  private struct Run {
    var old: Int
    var new: Int
    var count: Int
  }

  /// What becomes of a range of old lines.
  private struct Step {
    var isEqual: Bool
    var old: Range<Int>
    var new: Range<Int>
  }

  private let old: [String]
  private let new: [String]
  /// Where a line is among the new ones, in ascending order.
  private let places: [String: [Int]]

  private init(_ old: [String], _ new: [String]) {
    self.old = old
    self.new = new
    var places: [String: [Int]] = [:]
    for (place, line) in new.enumerated() { places[line, default: []].append(place) }
    if new.count >= 200 { places = places.filter { $0.value.count <= new.count / 100 + 1 } }
    self.places = places
  }

  /// The hunks with three lines around each change; empty where nothing changes.
  static func text(from old: [String], to new: [String]) -> String {
    let difference: LineDifference = LineDifference(old, new)
    return grouped(difference.steps(), context: 3).map(difference.hunk).joined()
  }

  private func hunk(_ steps: [Step]) -> String {
    guard let first: Step = steps.first, let last: Step = steps.last else { return "" }
    let before: String = Self.words(first.old.lowerBound..<last.old.upperBound)
    let after: String = Self.words(first.new.lowerBound..<last.new.upperBound)
    var text: String = "@@ -\(before) +\(after) @@\n"
    for step: Step in steps {
      if step.isEqual {
        for line: String in old[step.old] { text += " \(line)\n" }
      } else {
        for line: String in old[step.old] { text += "-\(line)\n" }
        for line: String in new[step.new] { text += "+\(line)\n" }
      }
    }
    return text
  }

  private static func words(_ range: Range<Int>) -> String {
    switch range.count {
    case 1: "\(range.lowerBound + 1)"
    case 0: "\(range.lowerBound),0"
    default: "\(range.lowerBound + 1),\(range.count)"
    }
  }

  private func longestRun(_ old: Range<Int>, _ new: Range<Int>) -> Run {
    var best: Run = Run(old: old.lowerBound, new: new.lowerBound, count: 0)
    // How long the run is that ends in a new line.
    var lengths: [Int: Int] = [:]
    for place: Int in old {
      var next: [Int: Int] = [:]
      for other: Int in places[self.old[place]] ?? [] where new.contains(other) {
        let count: Int = (lengths[other - 1] ?? 0) + 1
        next[other] = count
        if count > best.count { best = Run(old: place - count + 1, new: other - count + 1, count: count) }
      }
      lengths = next
    }
    // The run goes on with lines that do not begin one.
    while best.old > old.lowerBound, best.new > new.lowerBound, self.old[best.old - 1] == self.new[best.new - 1] {
      best = Run(old: best.old - 1, new: best.new - 1, count: best.count + 1)
    }
    while best.old + best.count < old.upperBound, best.new + best.count < new.upperBound,
      self.old[best.old + best.count] == self.new[best.new + best.count]
    {
      best.count += 1
    }
    return best
  }

  private func runs() -> [Run] {
    var found: [Run] = []
    var waiting: [(Range<Int>, Range<Int>)] = [(old.indices, new.indices)]
    while let (left, right) = waiting.popLast() {
      let run: Run = longestRun(left, right)
      guard run.count > 0 else { continue }
      found.append(run)
      if left.lowerBound < run.old, right.lowerBound < run.new {
        waiting.append((left.lowerBound..<run.old, right.lowerBound..<run.new))
      }
      if run.old + run.count < left.upperBound, run.new + run.count < right.upperBound {
        waiting.append((run.old + run.count..<left.upperBound, run.new + run.count..<right.upperBound))
      }
    }
    found.sort { ($0.old, $0.new) < ($1.old, $1.new) }
    // Runs that touch are one.
    var joined: [Run] = []
    for run: Run in found {
      if let last = joined.last, last.old + last.count == run.old, last.new + last.count == run.new {
        joined[joined.count - 1].count += run.count
      } else {
        joined.append(run)
      }
    }
    return joined + [Run(old: old.count, new: new.count, count: 0)]
  }

  private func steps() -> [Step] {
    var steps: [Step] = []
    var left: Int = 0
    var right: Int = 0
    for run: Run in runs() {
      if left < run.old || right < run.new {
        steps.append(Step(isEqual: false, old: left..<run.old, new: right..<run.new))
      }
      left = run.old + run.count
      right = run.new + run.count
      if run.count > 0 { steps.append(Step(isEqual: true, old: run.old..<left, new: run.new..<right)) }
    }
    return steps
  }

  private static func grouped(_ steps: [Step], context: Int) -> [[Step]] {
    var steps: [Step] = steps
    guard steps.contains(where: { !$0.isEqual }) else { return [] }
    if steps[0].isEqual { steps[0] = tail(steps[0], context) }
    if let last = steps.last, last.isEqual { steps[steps.count - 1] = head(last, context) }
    var groups: [[Step]] = []
    var group: [Step] = []
    for step: Step in steps {
      guard step.isEqual, step.old.count > 2 * context else {
        group.append(step)
        continue
      }
      group.append(head(step, context))
      groups.append(group)
      group = [tail(step, context)]
    }
    if group.contains(where: { !$0.isEqual }) { groups.append(group) }
    return groups
  }

  private static func head(_ step: Step, _ count: Int) -> Step {
    Step(
      isEqual: true, old: step.old.lowerBound..<min(step.old.upperBound, step.old.lowerBound + count),
      new: step.new.lowerBound..<min(step.new.upperBound, step.new.lowerBound + count))
  }

  private static func tail(_ step: Step, _ count: Int) -> Step {
    Step(
      isEqual: true, old: max(step.old.lowerBound, step.old.upperBound - count)..<step.old.upperBound,
      new: max(step.new.lowerBound, step.new.upperBound - count)..<step.new.upperBound)
  }
}

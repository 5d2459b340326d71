// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import FoundationEssentials
import JSON

/// The rules of CronJobs.
enum CronJobValidation {
  /// A name and a number are appended for each job; this is what is left for the name.
  private static let nameMax: Int = 52

  static func errors(_ object: JSONValue, old: JSONValue?) -> [FieldError] {
    let path: FieldPath = FieldPath("spec")
    let spec: JSONValue = object["spec"]
    var errors: [FieldError] = []
    let schedule: String = spec["schedule"].plain
    if schedule.isEmpty {
      errors.append(.required(path.child("schedule")))
    } else {
      let allowsZone: Bool = old?["spec"]["schedule"].plain.contains("TZ") ?? false
      errors += scheduleErrors(schedule, spec["timeZone"], allowsZone: allowsZone, path.child("schedule"))
    }
    errors += Checks.nonNegative(spec["startingDeadlineSeconds"], path.child("startingDeadlineSeconds"))
    if old == nil || spec["timeZone"] != old?["spec"]["timeZone"] {
      errors += zoneErrors(spec["timeZone"], path.child("timeZone"))
    }
    if spec["concurrencyPolicy"].plain.isEmpty {
      errors.append(.required(path.child("concurrencyPolicy")))
    } else {
      errors += Checks.supported(
        spec["concurrencyPolicy"], path.child("concurrencyPolicy"), ["Allow", "Forbid", "Replace"])
    }
    let template: FieldPath = path.child("jobTemplate", "spec")
    errors += jobErrors(spec["jobTemplate"]["spec"], template)
    for key: String in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
      errors += Checks.nonNegative(spec[key], path.child(key))
    }
    let name: String = object["metadata"]["name"].plain
    if old == nil, name.utf8.count > nameMax {
      errors.append(.invalid(FieldPath("metadata", "name"), .string(name), Names.tooLong(nameMax)))
    }
    return errors
  }

  private static func jobErrors(_ spec: JSONValue, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = JobValidation.contentErrors(spec, path)
    if spec["selector"].isThere {
      let shown: JSONValue = GoForm.of(spec["selector"], "_")
      errors.append(.invalid(path.child("selector"), shown, "`selector` will be auto-generated"))
    }
    if spec["manualSelector"].bool ?? false {
      errors.append(.notSupported(path.child("manualSelector"), true, ["nil", "false"]))
    }
    return errors
  }

  private static func scheduleErrors(
    _ schedule: String, _ zone: JSONValue, allowsZone: Bool, _ path: FieldPath
  ) -> [FieldError] {
    var errors: [FieldError] = CronSchedule.problem(schedule).map { [.invalid(path, .string(schedule), $0)] } ?? []
    guard schedule.contains("TZ") else { return errors }
    if !allowsZone {
      let words: String = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
      errors.append(.invalid(path, .string(schedule), words))
    } else if zone.isThere {
      let words: String = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
      errors.append(.invalid(path, .string(schedule), words))
    }
    return errors
  }

  private static func zoneErrors(_ zone: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let name: String = zone.string else { return [] }
    if name.isEmpty { return [.invalid(path, zone, "timeZone must be nil or non-empty string")] }
    if name.lowercased() == "local" {
      let message: String = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
      return [.invalid(path, zone, message)]
    }
    let isSafe: Bool = !name.hasPrefix("/") && !name.contains("..") && !name.contains("\\")
    let isKnown: Bool =
      isSafe && (name == "UTC" || FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/\(name)"))
    return isKnown ? [] : [.invalid(path, zone, "unknown time zone \(name)")]
  }
}

/// The five fields of a cron schedule (robfig/cron's standard parser), as far as telling right from wrong needs.
enum CronSchedule {
  private struct Bounds {
    var minimum: Int
    var maximum: Int
    var names: [String: Int] = [:]
  }

  private static let months: [String: Int] = [
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12,
  ]
  private static let days: [String: Int] = ["sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6]

  private static let fields: [Bounds] = [
    Bounds(minimum: 0, maximum: 59), Bounds(minimum: 0, maximum: 23), Bounds(minimum: 1, maximum: 31),
    Bounds(minimum: 1, maximum: 12, names: months), Bounds(minimum: 0, maximum: 6, names: days),
  ]

  /// What is wrong with a schedule; nil where nothing is.
  static func problem(_ schedule: String) -> String? {
    // A zone may stand in front; the rules of CronJobs refuse it where it is new.
    if ["TZ=", "CRON_TZ="].contains(where: schedule.hasPrefix) {
      guard let blank: String.Index = schedule.firstIndex(of: " ") else { return "provided bad location" }
      return problem(schedule[blank...].drop { $0 == " " }.description)
    }
    if schedule.hasPrefix("@") { return descriptorProblem(schedule) }
    let parts: [Substring] = schedule.split { $0 == " " || $0 == "\t" }
    guard parts.count == 5 else {
      let shown: String = parts.joined(separator: " ")
      return "expected exactly 5 fields, found \(parts.count): [\(shown)]"
    }
    for (part, bounds) in zip(parts, fields) {
      for item: Substring in part.split(separator: ",") {
        if let wrong: String = rangeProblem(String(item), bounds) { return wrong }
      }
    }
    return nil
  }

  private static func descriptorProblem(_ text: String) -> String? {
    let known: Set<String> = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]
    if known.contains(text) || text.hasPrefix("@every ") { return nil }
    return "unrecognized descriptor: \(text)"
  }

  private static func rangeProblem(_ text: String, _ bounds: Bounds) -> String? {
    let steps: [String] = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let ends: [String] = steps[0].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    var start: Int = bounds.minimum
    var end: Int = bounds.maximum
    if ends[0] != "*", ends[0] != "?" {
      guard let first: Int = number(ends[0], bounds) else { return parseProblem(ends[0]) }
      start = first
      switch ends.count {
      case 1: end = steps.count > 1 ? bounds.maximum : first
      case 2:
        guard let last: Int = number(ends[1], bounds) else { return parseProblem(ends[1]) }
        end = last
      default: return "too many hyphens: \(text)"
      }
    }
    if steps.count > 2 { return "too many slashes: \(text)" }
    if steps.count == 2 {
      guard let step: Int = Int(steps[1]) else { return parseProblem(steps[1]) }
      if step == 0 { return "step of range should be a positive number: \(text)" }
    }
    if start < bounds.minimum { return "beginning of range (\(start)) below minimum (\(bounds.minimum)): \(text)" }
    if end > bounds.maximum { return "end of range (\(end)) above maximum (\(bounds.maximum)): \(text)" }
    if start > end { return "beginning of range (\(start)) beyond end of range (\(end)): \(text)" }
    return nil
  }

  private static func number(_ text: String, _ bounds: Bounds) -> Int? {
    bounds.names[text.lowercased()] ?? Int(text).flatMap { $0 >= 0 ? $0 : nil }
  }

  private static func parseProblem(_ text: String) -> String {
    "failed to parse int from \(text): strconv.Atoi: parsing \"\(text)\": invalid syntax"
  }
}

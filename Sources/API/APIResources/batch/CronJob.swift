// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import APISchema
import JSON

/// CronJobs.
struct CronJobStrategy: ResourceStrategy {
  var traits: StrategyTraits {
    StrategyTraits(
      generation: .of(["spec"]), hasStatus: true, template: ["spec", "jobTemplate", "spec", "template"],
      statusChecks: [])
  }

  func applyDefaults(_ object: inout JSONValue, _ context: StrategyContext) {
    object.fill("spec") { spec in
      spec.setDefaultText("concurrencyPolicy", "Allow")
      spec.setDefault("suspend", false)
      spec.setDefault("successfulJobsHistoryLimit", 3)
      spec.setDefault("failedJobsHistoryLimit", 1)
      spec.fill("jobTemplate") { template in
        template.fill("spec") { $0.edit("podFailurePolicy", JobStrategy.policyDefaults) }
        Workload.applyTemplateDefaults(&template)
      }
    }
  }

  func validateContent(_ object: JSONValue, _ context: StrategyContext) -> [FieldError] {
    CronJobValidation.errors(object, old: nil)
  }

  func validateChange(_ object: JSONValue, old: JSONValue, _ context: StrategyContext) -> [FieldError] {
    context.subresource == "status" ? [] : CronJobValidation.errors(object, old: old)
  }

  func warnings(_ object: JSONValue, old: JSONValue?, _ context: StrategyContext) -> [String] {
    guard context.subresource == nil else { return [] }
    var warnings: [String] = old == nil ? PodWarnings.nameWarnings(object) : []
    warnings += JobStrategy.sizeWarnings(
      object["spec"]["jobTemplate"]["spec"], object, old, FieldPath("spec", "jobTemplate", "spec"))
    warnings += Workload.templateWarnings(object, old, at: ["spec", "jobTemplate", "spec", "template"])
    if old != nil, object["spec"]["schedule"].plain.contains("TZ") {
      warnings.append(
        "cannot use TZ or CRON_TZ in spec.schedule, use timeZone instead, see "
          + "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details")
    }
    return warnings
  }

  func cells(_ object: JSONValue, _ context: TableContext) -> [JSONValue] {
    let spec: JSONValue = object["spec"]
    let last: JSONValue = object["status"]["lastScheduleTime"]
    let suspended: JSONValue = spec["suspend"].bool.map { $0 ? "True" : "False" } ?? "<unset>"
    return [
      object["metadata"]["name"], spec["schedule"], TableText.text(spec["timeZone"], or: "<none>"), suspended,
      JSONValue(object["status"]["active"].items.count),
      last.isNull ? "<none>" : TableText.since(last, context), TableText.age(object, context),
    ] + TableText.containers(spec["jobTemplate"]["spec"]["template"]["spec"])
      + [TableText.selector(spec["jobTemplate"]["spec"]["selector"])]
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Cgroups
import Kernel

extension CgroupLimits {
  /// What CRI says, on this machine's cgroups.
  init(_ resources: CRILinuxContainerResources) {
    self.init()
    if resources.cpuShares > 0 { cpuShares = UInt64(resources.cpuShares) }
    if resources.cpuQuota != 0 { cpuQuotaMicroseconds = resources.cpuQuota }
    if resources.cpuPeriod > 0 { cpuPeriodMicroseconds = UInt64(resources.cpuPeriod) }
    if !resources.cpusetCpus.isEmpty { cpuset = resources.cpusetCpus }
    if !resources.cpusetMems.isEmpty { memoryNodes = resources.cpusetMems }
    if resources.memoryLimitInBytes != 0 { memoryBytes = resources.memoryLimitInBytes }
    if resources.memorySwapLimitInBytes != 0 { memoryAndSwapBytes = resources.memorySwapLimitInBytes }
    for limit: CRIHugepageLimit in resources.hugepageLimits {
      // Sizes of pages that this machine has not are nothing to limit.
      guard Files.exists("/sys/kernel/mm/hugepages/hugepages-\(Self.kilobytes(limit.pageSize))kB") else { continue }
      hugePages.append(HugePages(pageSize: limit.pageSize, bytes: limit.limit))
    }
    unified = resources.unified
  }

  private static func kilobytes(_ size: String) -> UInt64 {
    let number: UInt64 = UInt64(size.prefix { $0.isNumber }) ?? 0
    switch size.drop(while: { $0.isNumber }) {
    case "KB": return number
    case "MB": return number << 10
    case "GB": return number << 20
    default: return 0
    }
  }
}

extension CRILinuxContainerResources {
  /// These with what a later request changes.
  func updated(with change: CRILinuxContainerResources) -> CRILinuxContainerResources {
    var result: CRILinuxContainerResources = self
    if change.cpuShares != 0 { result.cpuShares = change.cpuShares }
    if change.cpuQuota != 0 { result.cpuQuota = change.cpuQuota }
    if change.cpuPeriod != 0 { result.cpuPeriod = change.cpuPeriod }
    if !change.cpusetCpus.isEmpty { result.cpusetCpus = change.cpusetCpus }
    if !change.cpusetMems.isEmpty { result.cpusetMems = change.cpusetMems }
    if change.memoryLimitInBytes != 0 { result.memoryLimitInBytes = change.memoryLimitInBytes }
    if change.memorySwapLimitInBytes != 0 { result.memorySwapLimitInBytes = change.memorySwapLimitInBytes }
    if change.oomScoreAdj != 0 { result.oomScoreAdj = change.oomScoreAdj }
    if !change.hugepageLimits.isEmpty { result.hugepageLimits = change.hugepageLimits }
    result.unified.merge(change.unified) { _, new in new }
    return result
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernel
import KubeCore
import KubeMeta
import KubeValues

/// What the machine is: processors, memory, identity, addresses.
struct MachineFacts: Sendable {
  var milliCPU: Int64
  var memoryBytes: Int64
  var ephemeralStorageBytes: Int64
  var hugePages: [String: Int64]
  var kernelVersion: String
  var osImage: String
  var machineID: String
  var systemUUID: String
  var bootID: String
  var architecture: String
  var swapBytes: Int64

  /// Reads them.
  static func read(rootDirectory: String) -> MachineFacts {
    let memory: [String: Int64] = memoryInfo()
    // The directory may not exist yet; its file system's size is then unknown and nothing of it is offered.
    let storage: UInt64 = (try? Files.usage(of: rootDirectory).totalBytes) ?? 0
    func text(_ path: String) -> String { (try? Files.readText(path)) ?? "" }
    let machineID: String = text("/etc/machine-id")
    return MachineFacts(
      milliCPU: Int64(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1)) * 1000, memoryBytes: memory["MemTotal"] ?? 0,
      ephemeralStorageBytes: Int64(clamping: storage), hugePages: hugePages(),
      kernelVersion: text("/proc/sys/kernel/osrelease"), osImage: osImage(), machineID: machineID,
      systemUUID: Files.exists("/sys/class/dmi/id/product_uuid") ? text("/sys/class/dmi/id/product_uuid") : machineID,
      bootID: text("/proc/sys/kernel/random/boot_id"), architecture: goArchitecture(), swapBytes: memory["SwapTotal"] ?? 0)
  }

  /// The values of /proc/meminfo in bytes.
  static func memoryInfo() -> [String: Int64] {
    var values: [String: Int64] = [:]
    for line: Substring in ((try? Files.readText("/proc/meminfo")) ?? "").split(separator: "\n") {
      let words: [Substring] = line.split { $0 == " " || $0 == ":" }
      if words.count >= 2, let value: Int64 = Int64(words[1]) { values[String(words[0])] = value * 1024 }
    }
    return values
  }

  private static func hugePages() -> [String: Int64] {
    var found: [String: Int64] = [:]
    let root: String = "/sys/kernel/mm/hugepages"
    for name: String in (try? Files.list(root)) ?? [] {
      guard name.hasPrefix("hugepages-"), name.hasSuffix("kB"), let size: Int64 = Int64(name.dropFirst(10).dropLast(2)),
        let count: Int64 = (try? Files.readText("\(root)/\(name)/nr_hugepages")).flatMap({ Int64($0) })
      else { continue }
      let text: String = ResourceQuantity(size * 1024, format: .binarySI).description
      found["hugepages-\(text)"] = count * size * 1024
    }
    return found
  }

  private static func osImage() -> String {
    for line: Substring in ((try? Files.readText("/etc/os-release")) ?? "").split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
      return String(line.dropFirst(12).filter { $0 != "\"" })
    }
    return "Linux"
  }

  private static func goArchitecture() -> String {
    #if arch(x86_64)
      return "amd64"
    #elseif arch(arm64)
      return "arm64"
    #else
      return "unknown"
    #endif
  }

  /// What the node has.
  func capacity(maxPods: Int) -> ResourceAmounts {
    var amounts: ResourceAmounts = [
      "cpu": ResourceQuantity(milli: milliCPU), "memory": ResourceQuantity(memoryBytes, format: .binarySI),
      "pods": ResourceQuantity(Int64(maxPods)),
      "ephemeral-storage": ResourceQuantity(ephemeralStorageBytes, format: .binarySI),
    ]
    for (name, bytes) in hugePages { amounts[name] = ResourceQuantity(bytes, format: .binarySI) }
    return amounts
  }

  /// What of it pods may have.
  static func allocatable(_ capacity: ResourceAmounts, _ configuration: KubeletConfiguration) -> ResourceAmounts {
    var amounts: ResourceAmounts = capacity
    for reserved: [String: String] in [configuration.systemReserved, configuration.kubeReserved] {
      for (name, text) in reserved {
        guard let all: ResourceQuantity = amounts[name], let less: ResourceQuantity = ResourceQuantity(text) else { continue }
        amounts[name] = max(all - less, .zero)
      }
    }
    let kept: [(signal: String, resource: String)] = [
      ("memory.available", "memory"), ("nodefs.available", "ephemeral-storage"),
    ]
    for (signal, resource) in kept {
      guard let threshold = configuration.evictionHard.first(where: { $0.signal == signal }),
        let all: ResourceQuantity = amounts[resource], let whole: ResourceQuantity = capacity[resource]
      else { continue }
      let less: Int64 = threshold.amount(of: whole.value)
      // A decimal number of bytes, as upstream has it for the storage.
      let left: Int64 = max(all.value - less, 0)
      amounts[resource] = ResourceQuantity(left, format: resource == "memory" ? .binarySI : .decimalSI)
    }
    return amounts
  }
}

extension KubeletConfiguration.EvictionThreshold {
  /// The threshold as an amount, of a whole where it is a percentage.
  func amount(of whole: Int64) -> Int64 {
    if value.hasSuffix("%"), let percent: Double = Double(value.dropLast()) {
      return Int64(Double(whole) * percent / 100)
    }
    return ResourceQuantity(value)?.value ?? 0
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeMeta
import KubeValues
import SwiftProtobuf

/// Makes the runtime's configuration of a pod's sandbox.
struct SandboxConfig: Sendable {
  let configuration: KubeletConfiguration
  let dns: PodDNS
  let groups: PodCgroups

  /// The directory of a pod's logs.
  func logDirectory(_ pod: Pod) -> String {
    "\(configuration.podLogsDirectory)/\(pod.metadata.namespace)_\(pod.metadata.name)_\(pod.metadata.uid)"
  }

  /// With `users`, the pod has a user namespace in which these numbers of the host are its users.
  func make(for pod: Pod, attempt: UInt32, users: CRIIDMapping?) -> CRIPodSandboxConfig {
    var config: CRIPodSandboxConfig = CRIPodSandboxConfig()
    config.metadata = .with {
      $0.name = pod.metadata.name
      $0.uid = pod.metadata.uid
      $0.namespace = pod.metadata.namespace
      $0.attempt = attempt
    }
    if !pod.spec.hostNetwork { config.hostname = dns.hostname(of: pod, nodeName: configuration.nodeName).name }
    config.logDirectory = logDirectory(pod)
    config.dnsConfig = dns.config(for: pod)
    config.portMappings = pod.spec.hostNetwork ? [] : Self.portMappings(pod)
    config.labels = pod.metadata.labels
    config.labels[RuntimeLabel.podName] = pod.metadata.name
    config.labels[RuntimeLabel.podNamespace] = pod.metadata.namespace
    config.labels[RuntimeLabel.podUID] = pod.metadata.uid
    config.annotations = pod.metadata.annotations
    config.linux.cgroupParent = groups.parent(of: pod)
    config.linux.sysctls = Dictionary(
      pod.spec.securityContext.sysctls.map { ($0.name, $0.value) }, uniquingKeysWith: { _, new in new })
    config.linux.securityContext = securityContext(pod, users)
    config.linux.resources = groups.resources(of: pod)
    if !pod.spec.overhead.isEmpty {
      config.linux.overhead = .with {
        $0.cpuShares = CgroupShare.shares(milliCPU: pod.spec.overhead["cpu"]?.amount.milliValue ?? 0)
        $0.memoryLimitInBytes = pod.spec.overhead["memory"]?.amount.value ?? 0
      }
    }
    return config
  }

  private static func portMappings(_ pod: Pod) -> [CRIPortMapping] {
    var mappings: [CRIPortMapping] = []
    for container: Container in pod.spec.containers + pod.spec.initContainers.filter(\.isSidecar) {
      for port: ContainerPort in container.ports {
        let mapping: CRIPortMapping = .with {
          $0.protocol = port.protocol == "UDP" ? .udp : port.protocol == "SCTP" ? .sctp : .tcp
          $0.containerPort = port.containerPort
          $0.hostPort = port.hostPort
          $0.hostIp = port.hostIp
        }
        if !mappings.contains(mapping) { mappings.append(mapping) }
      }
    }
    return mappings
  }

  private func securityContext(_ pod: Pod, _ users: CRIIDMapping?) -> CRILinuxSandboxSecurityContext {
    var context: CRILinuxSandboxSecurityContext = CRILinuxSandboxSecurityContext()
    let security: PodSecurityContext = pod.spec.securityContext
    context.namespaceOptions = Self.namespaces(pod, users)
    context.privileged = (pod.spec.containers + pod.spec.initContainers).contains { $0.securityContext.privileged }
    if security.hasRunAsUser { context.runAsUser.value = security.runAsUser }
    if security.hasRunAsGroup { context.runAsGroup.value = security.runAsGroup }
    if security.hasFsGroup { context.supplementalGroups.append(security.fsGroup) }
    context.supplementalGroups += security.supplementalGroups
    context.supplementalGroupsPolicy = security.supplementalGroupsPolicy == "Strict" ? .strict : .merge
    context.seccomp = SecurityProfiles.seccomp(security.hasSeccompProfile ? security.seccompProfile : nil)
    if security.hasSeLinuxOptions { context.selinuxOptions = SecurityProfiles.selinux(security.seLinuxOptions) }
    return context
  }

  /// Which namespaces the pod has of its own.
  static func namespaces(_ pod: Pod, _ users: CRIIDMapping?) -> CRINamespaceOption {
    .with {
      $0.network = pod.spec.hostNetwork ? .node : .pod
      $0.ipc = pod.spec.hostIpc ? .node : .pod
      $0.pid = pod.spec.hostPid ? .node : pod.spec.shareProcessNamespace ? .pod : .container
      if let users {
        $0.usernsOptions.mode = .pod
        $0.usernsOptions.uids = [users]
        $0.usernsOptions.gids = [users]
      }
    }
  }
}

/// Profiles of security modules as CRI has them.
enum SecurityProfiles {
  static func seccomp(_ profile: SeccompProfile?) -> CRISecurityProfile {
    .with {
      switch profile?.type {
      case "RuntimeDefault": $0.profileType = .runtimeDefault
      case "Localhost":
        $0.profileType = .localhost
        $0.localhostRef = "/var/lib/kubelet/seccomp/\(profile?.localhostProfile ?? "")"
      default: $0.profileType = .unconfined
      }
    }
  }

  static func apparmor(_ profile: AppArmorProfile) -> CRISecurityProfile {
    .with {
      switch profile.type {
      case "Localhost":
        $0.profileType = .localhost
        $0.localhostRef = profile.localhostProfile
      case "Unconfined": $0.profileType = .unconfined
      default: $0.profileType = .runtimeDefault
      }
    }
  }

  static func selinux(_ options: SELinuxOptions) -> CRISELinuxOption {
    .with {
      $0.user = options.user
      $0.role = options.role
      $0.type = options.type
      $0.level = options.level
    }
  }
}

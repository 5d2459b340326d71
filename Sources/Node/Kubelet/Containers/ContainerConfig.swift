// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeMeta
import SwiftProtobuf

/// Makes the runtime's configuration of one container.
struct ContainerConfig: Sendable {
  /// Paths below /proc and /sys that a container must not read.
  private static let maskedPaths: [String] = [
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
  ]
  /// Paths that a container must not write.
  private static let readOnlyPaths: [String] = [
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
  ]

  let pod: Pod
  let role: ContainerRole
  let attempt: UInt32
  let image: CRIImage
  let imageRef: String
  let variables: [(name: String, value: String)]
  let mounts: [CRIMount]
  let devices: [CRIDevice]
  let resources: CRILinuxContainerResources
  /// For an ephemeral container: the container whose processes it sees.
  var targetID: String?
  /// The numbers of the host that are the users of the pod's user namespace.
  var users: CRIIDMapping?

  func make() throws -> CRIContainerConfig {
    let container: Container = role.container
    let values: [String: String] = Dictionary(variables.map { ($0.name, $0.value) }) { _, new in new }
    var config: CRIContainerConfig = CRIContainerConfig()
    config.metadata = .with {
      $0.name = container.name
      $0.attempt = attempt
    }
    config.image = .with {
      $0.image = imageRef
      $0.userSpecifiedImage = container.image
    }
    config.command = container.command.map { Expansion.expand($0) { values[$0] } }
    config.args = container.args.map { Expansion.expand($0) { values[$0] } }
    config.workingDir = container.workingDir
    config.envs = variables.map { variable in
      .with {
        $0.key = variable.name
        $0.value = .init(variable.value.utf8)
      }
    }
    config.mounts = mounts
    config.devices = devices
    config.labels = [
      RuntimeLabel.containerName: container.name, RuntimeLabel.podName: pod.metadata.name,
      RuntimeLabel.podNamespace: pod.metadata.namespace, RuntimeLabel.podUID: pod.metadata.uid,
    ]
    config.annotations = annotations(container)
    config.logPath = "\(container.name)/\(attempt).log"
    config.stdin = container.stdin
    config.stdinOnce = container.stdinOnce
    config.tty = container.tty
    config.linux.resources = resources
    config.linux.securityContext = try securityContext(container)
    if container.lifecycle.hasStopSignal {
      let name: String = container.lifecycle.stopSignal.lowercased()
      if let signal: CRISignal = CRISignal.allCases.first(where: { "\($0)" == name }) { config.stopSignal = signal }
    }
    return config
  }

  private func annotations(_ container: Container) -> [String: String] {
    var annotations: [String: String] = [
      RuntimeLabel.hash: container.specHash, PodAnnotation.ours: "true",
      RuntimeLabel.restartCount: String(attempt),
      RuntimeLabel.terminationMessagePath: container.terminationMessagePath,
      RuntimeLabel.terminationMessagePolicy: container.terminationMessagePolicy,
      RuntimeLabel.podGracePeriod: String(pod.spec.terminationGracePeriodSeconds),
    ]
    if pod.metadata.hasDeletionGracePeriodSeconds {
      annotations[RuntimeLabel.podDeletionGracePeriod] = String(pod.metadata.deletionGracePeriodSeconds)
    }
    return annotations
  }

  private func securityContext(_ container: Container) throws -> CRILinuxContainerSecurityContext {
    let own: SecurityContext = container.securityContext
    let general: PodSecurityContext = pod.spec.securityContext
    var context: CRILinuxContainerSecurityContext = CRILinuxContainerSecurityContext()
    context.namespaceOptions = SandboxConfig.namespaces(pod, users)
    if let targetID {
      context.namespaceOptions.pid = .target
      context.namespaceOptions.targetID = targetID
    }
    context.privileged = own.privileged
    context.readonlyRootfs = own.readOnlyRootFilesystem
    context.noNewPrivs = own.hasAllowPrivilegeEscalation && !own.allowPrivilegeEscalation
    context.capabilities = .with {
      $0.addCapabilities = own.capabilities.add
      $0.dropCapabilities = own.capabilities.drop
    }
    try setUser(&context, own, general)
    context.supplementalGroups = general.supplementalGroups
    if general.hasFsGroup { context.supplementalGroups.append(general.fsGroup) }
    context.supplementalGroupsPolicy = general.supplementalGroupsPolicy == "Strict" ? .strict : .merge
    let seccomp: SeccompProfile? =
      own.hasSeccompProfile ? own.seccompProfile : general.hasSeccompProfile ? general.seccompProfile : nil
    context.seccomp = SecurityProfiles.seccomp(seccomp)
    if own.hasAppArmorProfile {
      context.apparmor = SecurityProfiles.apparmor(own.appArmorProfile)
    } else if general.hasAppArmorProfile {
      context.apparmor = SecurityProfiles.apparmor(general.appArmorProfile)
    }
    if own.hasSeLinuxOptions {
      context.selinuxOptions = SecurityProfiles.selinux(own.seLinuxOptions)
    } else if general.hasSeLinuxOptions {
      context.selinuxOptions = SecurityProfiles.selinux(general.seLinuxOptions)
    }
    if !own.privileged && own.procMount != "Unmasked" {
      context.maskedPaths = Self.maskedPaths
      context.readonlyPaths = Self.readOnlyPaths
    }
    return context
  }

  /// Chooses the user, and refuses root where the pod does.
  private func setUser(
    _ context: inout CRILinuxContainerSecurityContext, _ own: SecurityContext, _ general: PodSecurityContext
  ) throws {
    let user: Int64? = own.hasRunAsUser ? own.runAsUser : general.hasRunAsUser ? general.runAsUser : nil
    let group: Int64? = own.hasRunAsGroup ? own.runAsGroup : general.hasRunAsGroup ? general.runAsGroup : nil
    let isNonRoot: Bool = own.hasRunAsNonRoot ? own.runAsNonRoot : general.runAsNonRoot
    let place: String = "(pod: \"\(pod.display)\", container: \(role.name))"
    if let user {
      if isNonRoot && user == 0 {
        throw KubeletError(.configuration, "container's runAsUser breaks non-root policy \(place)")
      }
      context.runAsUser.value = user
    } else {
      if isNonRoot {
        if !image.username.isEmpty {
          throw KubeletError(
            .configuration,
            "container has runAsNonRoot and image has non-numeric user (\(image.username)), cannot verify user is non-root \(place)")
        }
        if image.uid.value == 0 {
          throw KubeletError(.configuration, "container has runAsNonRoot and image will run as root \(place)")
        }
      }
      // The image's user; a group alone needs a user beside it.
      if image.hasUid {
        context.runAsUser.value = image.uid.value
      } else if !image.username.isEmpty {
        context.runAsUsername = image.username
      }
    }
    if let group { context.runAsGroup.value = group }
  }
}

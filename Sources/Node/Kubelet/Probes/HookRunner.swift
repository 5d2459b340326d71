// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore

/// Runs the hooks after a container's start and before its end.
struct HookRunner: Sendable {
  /// Upstream gives HTTP hooks no limit of their own; the grace period ends them. This one ends a hung postStart.
  private static let httpTimeout: Duration = .seconds(600)

  let runtime: any RuntimeService
  let http: NodeHTTPClient

  /// Runs a hook and returns when it has ended well.
  func run(_ hook: LifecycleHandler, _ container: Container, _ id: String, _ pod: Pod, podIPs: [String]) async throws {
    if hook.hasExec {
      let answer: CRIExecSyncResponse = try await runtime.execSync(id, command: hook.exec.command, timeout: .zero)
      guard answer.exitCode == 0 else {
        let output: String = String(decoding: answer.stdout + answer.stderr, as: UTF8.self)
        throw KubeletError(
          .runtime, "command '\(hook.exec.command.joined(separator: " "))' exited with \(answer.exitCode): \(output)")
      }
    } else if hook.hasHTTPGet {
      let host: String = pod.spec.hostNetwork ? "127.0.0.1" : podIPs.first ?? "127.0.0.1"
      let outcome: Prober.Outcome = await http.get(
        hook.httpGet, container: container, host: host, timeout: Self.httpTimeout)
      if case .failure(let text) = outcome { throw KubeletError(.runtime, text) }
    } else if hook.hasSleep {
      try await Task.sleep(for: .seconds(hook.sleep.seconds))
    } else if !hook.hasTcpSocket {
      throw KubeletError(.configuration, "invalid handler: it has no action")
    }
  }
}

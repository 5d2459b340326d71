// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeMeta
import SwiftProtobuf

/// A pod's resolver configuration and names.
struct PodDNS: Sendable {
  /// What a resolver configuration says.
  struct Resolver: Sendable, Equatable {
    var servers: [String] = []
    var searches: [String] = []
    var options: [String] = []

    init(servers: [String] = [], searches: [String] = [], options: [String] = []) {
      self.servers = servers
      self.searches = searches
      self.options = options
    }

    /// Reads a resolv.conf(5).
    init(parsing text: String) {
      for line: Substring in text.split(separator: "\n") {
        let words: [String] = line.split { $0 == " " || $0 == "\t" }.map(String.init)
        guard let first: String = words.first, !first.hasPrefix("#"), !first.hasPrefix(";") else { continue }
        let rest: [String] = Array(words.dropFirst())
        switch first {
        case "nameserver": servers += rest.prefix(1)
        case "search": searches = rest.filter { $0 != "." }
        case "options": options = rest
        default: break
        }
      }
    }
  }

  /// musl and old glibc read at most this many.
  private static let serversMax: Int = 3
  private static let searchesMax: Int = 32

  let clusterServers: [String]
  let clusterDomain: String
  let host: Resolver

  /// The resolver configuration of a pod.
  func config(for pod: Pod) -> CRIDNSConfig {
    var policy: String = pod.spec.dnsPolicy.isEmpty ? "ClusterFirst" : pod.spec.dnsPolicy
    if policy == "ClusterFirst" && pod.spec.hostNetwork { policy = "Default" }
    if policy.hasPrefix("ClusterFirst") && clusterServers.isEmpty { policy = "Default" }
    var resolver: Resolver
    switch policy {
    case "None": resolver = Resolver()
    case "Default": resolver = host
    default:
      let searches: [String] =
        clusterDomain.isEmpty
        ? [] : ["\(pod.metadata.namespace).svc.\(clusterDomain)", "svc.\(clusterDomain)", clusterDomain]
      resolver = Resolver(
        servers: clusterServers, searches: searches + host.searches.filter { !searches.contains($0) },
        options: ["ndots:5"])
    }
    if pod.spec.hasDnsConfig {
      resolver.servers += pod.spec.dnsConfig.nameservers.filter { !resolver.servers.contains($0) }
      resolver.searches += pod.spec.dnsConfig.searches.filter { !resolver.searches.contains($0) }
      for option: PodDNSConfigOption in pod.spec.dnsConfig.options {
        resolver.options.removeAll { $0 == option.name || $0.hasPrefix(option.name + ":") }
        resolver.options.append(option.value.isEmpty ? option.name : "\(option.name):\(option.value)")
      }
    }
    return .with {
      $0.servers = Array(resolver.servers.prefix(Self.serversMax))
      $0.searches = Array(resolver.searches.prefix(Self.searchesMax))
      $0.options = resolver.options
    }
  }

  /// The pod's host name, and the domain below which it has a name; the kernel takes 64 bytes.
  func hostname(of pod: Pod, nodeName: String) -> (name: String, domain: String) {
    if pod.spec.hasHostnameOverride { return (pod.spec.hostnameOverride, "") }
    let name: String = String(
      (pod.spec.hostname.isEmpty ? pod.metadata.name : pod.spec.hostname).prefix(63))
    let trimmed: String = String(name.reversed().drop { $0 == "-" || $0 == "." }.reversed())
    let domain: String =
      pod.spec.subdomain.isEmpty
      ? "" : "\(pod.spec.subdomain).\(pod.metadata.namespace).svc.\(clusterDomain)"
    if pod.spec.setHostnameAsFqdn, !domain.isEmpty { return ("\(trimmed).\(domain)", domain) }
    return (trimmed, domain)
  }

  /// The text of the pod's /etc/hosts.
  func hostsFile(for pod: Pod, podIPs: [String], hostFile: String) -> String {
    var text: String
    if pod.spec.hostNetwork {
      text = "# Kubernetes-managed hosts file (host network).\n" + hostFile
      if !text.hasSuffix("\n") { text += "\n" }
    } else {
      text = """
        # Kubernetes-managed hosts file.
        127.0.0.1\tlocalhost
        ::1\tlocalhost ip6-localhost ip6-loopback
        fe00::\tip6-localnet
        fe00::\tip6-mcastprefix
        fe00::1\tip6-allnodes
        fe00::2\tip6-allrouters

        """
      let (name, domain): (String, String) = hostname(of: pod, nodeName: "")
      let short: String = pod.spec.hostname.isEmpty ? name : pod.spec.hostname
      for ip: String in podIPs {
        text += domain.isEmpty ? "\(ip)\t\(name)\n" : "\(ip)\t\(short).\(domain)\t\(short)\n"
      }
    }
    if !pod.spec.hostAliases.isEmpty {
      text += "\n# Entries added by HostAliases.\n"
      for alias: HostAlias in pod.spec.hostAliases {
        text += "\(alias.ip)\t\(alias.hostnames.joined(separator: "\t"))\n"
      }
    }
    return text
  }
}

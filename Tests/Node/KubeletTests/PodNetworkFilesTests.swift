// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import KubeCore
import KubeMeta
import SwiftProtobuf
import Testing

@testable import Kubelet

@Suite struct PodNetworkFilesTests {
  private let dns: PodDNS = PodDNS(
    clusterServers: ["10.96.0.10"], clusterDomain: "cluster.local",
    host: PodDNS.Resolver(parsing: "# x\nnameserver 192.0.2.1\nsearch example.com corp\noptions timeout:1\n"))

  @Test func `cluster names come first, then the machine's`() {
    let config: CRIDNSConfig = dns.config(for: makePod())
    #expect(config.servers == ["10.96.0.10"])
    #expect(config.searches == ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com", "corp"])
    #expect(config.options == ["ndots:5"])
  }

  @Test func `policies and the pod's own configuration are followed`() {
    var pod: Pod = makePod()
    pod.spec.dnsPolicy = "Default"
    #expect(dns.config(for: pod).servers == ["192.0.2.1"])
    pod.spec.dnsPolicy = "ClusterFirst"
    pod.spec.hostNetwork = true
    #expect(dns.config(for: pod).servers == ["192.0.2.1"])
    pod.spec.dnsPolicy = "ClusterFirstWithHostNet"
    #expect(dns.config(for: pod).servers == ["10.96.0.10"])
    pod.spec.dnsPolicy = "None"
    pod.spec.dnsConfig.nameservers = ["1.2.3.4"]
    pod.spec.dnsConfig.options = [
      .with {
        $0.name = "ndots"
        $0.value = "2"
      }
    ]
    let none: CRIDNSConfig = dns.config(for: pod)
    #expect(none.servers == ["1.2.3.4"] && none.options == ["ndots:2"] && none.searches.isEmpty)
  }

  @Test func `the hosts file has the pod's names and aliases`() {
    var pod: Pod = makePod()
    pod.spec.hostname = "h"
    pod.spec.subdomain = "sub"
    pod.spec.hostAliases = [
      .with {
        $0.ip = "1.1.1.1"
        $0.hostnames = ["one", "uno"]
      }
    ]
    let text: String = dns.hostsFile(for: pod, podIPs: ["10.0.0.2"], hostFile: "")
    #expect(text.contains("10.0.0.2\th.sub.default.svc.cluster.local\th\n"))
    #expect(text.hasSuffix("\n# Entries added by HostAliases.\n1.1.1.1\tone\tuno\n"))
  }
}

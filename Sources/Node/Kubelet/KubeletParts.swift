// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CRI
import Glibc
import Kernel
import KubeClient
import KubeCore
import KubeGroups
import KubeMeta
import KubeValues
import Logging
import SwiftProtobuf
import Synchronization

/// All parts of a kubelet, wired together, and the jobs that they run as.
struct KubeletParts: Sendable {
  typealias Job = @Sendable () async throws -> Void

  /// Reached by parts that are made before the supervisor.
  private final class Late: Sendable {
    let supervisor: Mutex<PodSupervisor?> = Mutex(nil)
    var value: PodSupervisor? { supervisor.withLock { $0 } }
  }

  let services: PodServices
  let supervisor: PodSupervisor
  private(set) var jobs: [Job] = []
  let nursery: Nursery

  init(configuration: KubeletConfiguration, runtime: GRPCRuntimeService, runtimeName: String, logger: Logger) throws {
    let nursery: Nursery = Nursery()
    let late: Late = Late()
    let machine: MachineFacts = .read(rootDirectory: configuration.rootDirectory)
    let addresses: [String] = NodeAddresses.find(given: configuration.nodeIPs)
    let client: KubeClient? = try configuration.client.map { try KubeClient(configuration: $0, logger: logger) }
    let recorder: EventRecorder? = client.map { EventRecorder(client: $0, component: "kubelet", host: configuration.nodeName) }
    let serviceInformer: Informer<Service>? = client.map { Informer(client: $0) }
    let tracked: ReferencedObjects? = Self.referencedObjects(client, nursery, serviceInformer, late)
    let objects: any PodObjects = tracked ?? NoObjects()
    let events: any PodEventSink = recorder.map { RecorderEventSink(recorder: $0) } ?? NoPodAPI()
    let api: any PodAPI = client.map { ClientPodAPI(client: $0) } ?? NoPodAPI()
    let paths: PodPaths = PodPaths(root: configuration.rootDirectory)
    let drivers: CSIDrivers = CSIDrivers(directory: paths.pluginsRegistry, logger: logger)
    let http: NodeHTTPClient = try NodeHTTPClient()
    let capacity: ResourceAmounts = machine.capacity(maxPods: configuration.maxPods)
    let groups: PodCgroups = PodCgroups(
      configuration: configuration, logger: logger, memoryCapacity: machine.memoryBytes, hierarchy: CgroupFolders(logger: logger))
    let dns: PodDNS = PodDNS(
      clusterServers: configuration.clusterDNS, clusterDomain: configuration.clusterDomain,
      host: PodDNS.Resolver(parsing: (try? Files.readText(configuration.resolvConf)) ?? ""))
    services = PodServices(
      configuration: configuration, runtime: runtime, objects: objects,
      volumes: PodVolumes(
        paths: paths, objects: objects,
        csi: CSIVolumes(paths: paths, nodeName: configuration.nodeName, objects: objects, drivers: drivers, logger: logger),
        logger: logger),
      images: ImagePuller(runtime: runtime, objects: objects, limit: configuration.maxParallelImagePulls),
      groups: groups, dns: dns,
      sandboxes: SandboxConfig(configuration: configuration, dns: dns, groups: groups),
      probes: ProbeRunner(nursery: nursery, prober: Prober(runtime: runtime, http: http), events: events, logger: logger),
      hooks: HookRunner(runtime: runtime, http: http), api: api, events: events, paths: paths,
      node: NodeFacts(
        hostIPs: addresses, capacity: capacity, allocatable: MachineFacts.allocatable(capacity, configuration),
        runtimeName: runtimeName),
      classes: tracked ?? NoObjects(), logger: logger)
    let supervisor: PodSupervisor = PodSupervisor(
      services: services, nursery: nursery, awaitsAPI: client != nil, awaitsManifests: configuration.staticPodPath != nil
    ) { pods in
      guard let tracked else { return }
      for pod: Pod in pods { tracked.retain(pod) }
    }
    late.supervisor.withLock { $0 = supervisor }
    self.supervisor = supervisor
    self.nursery = nursery
    addRuntimeJobs(runtime, logger)
    var pressure: PressureWatch?
    if let client, let recorder, let serviceInformer {
      let builder: NodeStatusBuilder = NodeStatusBuilder(
        configuration: configuration, machine: machine, addresses: addresses, hostname: configuration.nodeName)
      let keeper: NodeKeeper = addAPIJobs(client, recorder, serviceInformer, builder, runtime, drivers, logger)
      pressure = PressureWatch(services: services, supervisor: supervisor, keeper: keeper)
    }
    addManifestJob(configuration, logger)
    let housekeeping: Housekeeping = Housekeeping(services: services, supervisor: supervisor, tracked: tracked, pressure: pressure)
    jobs.append { try await housekeeping.run() }
    if configuration.enableServer {
      let server: KubeletServer = try KubeletServer(services: services, supervisor: supervisor, client: client)
      jobs.append { try await server.run() }
      if configuration.healthzPort > 0 { jobs.append { try await server.runHealth() } }
    }
  }

  private static func referencedObjects(
    _ client: KubeClient?, _ nursery: Nursery, _ services: Informer<Service>?, _ late: Late
  ) -> ReferencedObjects? {
    guard let client, let services else { return nil }
    return ReferencedObjects(client: client, nursery: nursery, services: services) { users in
      for uid: PodUID in users { await late.value?.wake(uid) }
    }
  }

  private mutating func addRuntimeJobs(_ runtime: any RuntimeService, _ logger: Logger) {
    jobs.append { [nursery] in await nursery.run() }
    let feed: EventFeed = EventFeed(
      runtime: runtime, logger: logger, changed: { [supervisor] uid in await supervisor.wake(uid) },
      returned: { [supervisor] in await supervisor.wakeAll() })
    jobs.append { try await feed.run() }
  }

  private mutating func addManifestJob(_ configuration: KubeletConfiguration, _ logger: Logger) {
    guard let path: String = configuration.staticPodPath else { return }
    let source: StaticPods = StaticPods(path: path, nodeName: configuration.nodeName, logger: logger)
    jobs.append { [supervisor] in
      try await source.run(every: configuration.fileCheckFrequency) { await supervisor.take(statics: $0) }
    }
  }

  private mutating func addAPIJobs(
    _ client: KubeClient, _ recorder: EventRecorder, _ serviceInformer: Informer<Service>, _ builder: NodeStatusBuilder,
    _ runtime: any RuntimeService, _ drivers: CSIDrivers, _ logger: Logger
  ) -> NodeKeeper {
    let name: String = builder.configuration.nodeName
    let pods: Informer<Pod> = Informer(client: client, fieldSelector: "spec.nodeName=\(name)")
    let (changes, continuation) = AsyncStream<InformerEvent<Pod>>.makeStream()
    pods.addHandler { continuation.yield($0) }
    let keeper: NodeKeeper = NodeKeeper(
      client: client, runtime: runtime, builder: builder, events: recorder, logger: logger
    ) { [supervisor] node in
      await supervisor.take(
        node: .with {
          $0.apiVersion = "v1"
          $0.kind = "Node"
          $0.name = node.metadata.name
          $0.uid = node.metadata.uid
          $0.controller = true
        })
    }
    jobs.append { try await recorder.run() }
    jobs.append { try await serviceInformer.run() }
    jobs.append {
      // Containers learn of the Services that are there when they start.
      try await serviceInformer.waitForSync()
      try await pods.run()
    }
    jobs.append { [supervisor] in
      try await pods.waitForSync()
      await supervisor.apiSynced()
      try await Task.sleep(for: .seconds(Int64.max / 4_000_000_000))
    }
    jobs.append { [supervisor] in for await change in changes { await supervisor.take(change) } }
    jobs.append { try await keeper.run() }
    let publisher: CSINodePublisher = CSINodePublisher(client: client, nodeName: name)
    jobs.append { [supervisor] in
      try await drivers.run { registered in
        try await publisher.publish(registered)
        await supervisor.wakeAll()
      }
    }
    return keeper
  }
}

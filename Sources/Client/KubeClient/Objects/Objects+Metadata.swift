// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

public import KubeCore
public import KubeMeta

extension MetaObjectMeta {
  /// The owner that controls the object, where there is one.
  public var controllerReference: MetaOwnerReference? { ownerReferences.first { $0.controller } }

  /// Whether the object with a UID controls this one.
  public func isControlled(by uid: String) -> Bool { controllerReference?.uid == uid }

  /// Whether the object's deletion has begun.
  public var isBeingDeleted: Bool { hasDeletionTimestamp }
}

extension MetaOwnerReference {
  /// A reference to the controller of an object that is about to be made.
  public init<Owner: KubeObject>(controller owner: Owner) {
    self.init(owner: owner)
    controller = true
    blockOwnerDeletion = true
  }

  /// A reference to an owner that does not control.
  public init<Owner: KubeObject>(owner: Owner) {
    self.init()
    apiVersion = Owner.resource.apiVersion
    kind = Owner.resource.kind
    name = owner.metadata.name
    uid = owner.metadata.uid
  }
}

extension KubeObject {
  /// A reference to the object, as events and bindings have it.
  public func reference(fieldPath: String = "") -> ObjectReference {
    var reference: ObjectReference = ObjectReference()
    reference.kind = Self.resource.kind
    reference.apiVersion = Self.resource.apiVersion
    reference.namespace = metadata.namespace
    reference.name = metadata.name
    reference.uid = metadata.uid
    reference.resourceVersion = metadata.resourceVersion
    if !fieldPath.isEmpty { reference.fieldPath = fieldPath }
    return reference
  }
}

extension Pod {
  /// A condition of the pod, by type.
  public func condition(_ type: String) -> PodCondition? { status.conditions.first { $0.type == type } }
  /// Whether the pod's condition Ready is True.
  public var isReady: Bool { condition("Ready")?.status == "True" }
  /// Whether the pod has ended, well or not.
  public var isTerminal: Bool { status.phase == "Succeeded" || status.phase == "Failed" }
  /// Whether the pod has neither ended nor begun to be deleted.
  public var isActive: Bool { !isTerminal && !metadata.isBeingDeleted }
}

extension Node {
  /// A condition of the node, by type.
  public func condition(_ type: String) -> NodeCondition? { status.conditions.first { $0.type == type } }
  /// Whether the node's condition Ready is True.
  public var isReady: Bool { condition("Ready")?.status == "True" }
}

extension Toleration {
  /// Whether the toleration tolerates a taint.
  public func tolerates(_ taint: Taint) -> Bool {
    if !effect.isEmpty, effect != taint.effect { return false }
    if !key.isEmpty, key != taint.key { return false }
    switch `operator` {
    case "", "Equal": return value == taint.value
    case "Exists": return true
    case "Lt", "Gt":
      guard let mine: Int64 = Int64(value), let theirs: Int64 = Int64(taint.value) else { return false }
      return `operator` == "Lt" ? theirs < mine : theirs > mine
    default: return false
    }
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

internal import JSON

/// What is known of a volume; kept beside its data.
struct VolumeRecord: Hashable, Sendable {
  /// What a container sees.
  enum Access: String, Sendable {
    /// A directory.
    case mount
    /// A block device.
    case block
  }

  var id: String
  var name: String
  var capacityBytes: Int64
  var access: Access
  var sourceSnapshotID: String = ""
  var sourceVolumeID: String = ""
  /// Made by NodePublishVolume for one pod, and gone with it.
  var isEphemeral: Bool = false

  init(id: String, name: String, capacityBytes: Int64, access: Access) {
    self.id = id
    self.name = name
    self.capacityBytes = capacityBytes
    self.access = access
  }

  init?(_ json: JSONValue) {
    guard let id: String = json["id"].string, let name: String = json["name"].string,
      let capacity: Int64 = json["capacityBytes"].int, let access: Access = json["access"].string.flatMap(Access.init)
    else { return nil }
    self.init(id: id, name: name, capacityBytes: capacity, access: access)
    sourceSnapshotID = json["sourceSnapshotID"].string ?? ""
    sourceVolumeID = json["sourceVolumeID"].string ?? ""
    isEphemeral = json["isEphemeral"].bool ?? false
  }

  var json: JSONValue {
    [
      "id": .string(id), "name": .string(name), "capacityBytes": .int(capacityBytes),
      "access": .string(access.rawValue),
      "sourceSnapshotID": .string(sourceSnapshotID), "sourceVolumeID": .string(sourceVolumeID),
      "isEphemeral": .bool(isEphemeral),
    ]
  }
}

/// What is known of a snapshot; kept beside its data.
struct SnapshotRecord: Hashable, Sendable {
  var id: String
  var name: String
  var volumeID: String
  var sizeBytes: Int64
  var access: VolumeRecord.Access
  /// Seconds and nanoseconds since 1970.
  var seconds: Int64
  var nanoseconds: Int64
  /// The group that it was made with, and the name of that; empty for a snapshot of its own.
  var groupID: String = ""
  var groupName: String = ""

  init(id: String, name: String, volume: VolumeRecord, seconds: Int64, nanoseconds: Int64) {
    self.id = id
    self.name = name
    self.volumeID = volume.id
    self.sizeBytes = volume.capacityBytes
    self.access = volume.access
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  init?(_ json: JSONValue) {
    guard let id: String = json["id"].string, let name: String = json["name"].string,
      let volumeID: String = json["volumeID"].string, let size: Int64 = json["sizeBytes"].int,
      let access: VolumeRecord.Access = json["access"].string.flatMap(VolumeRecord.Access.init),
      let seconds: Int64 = json["seconds"].int, let nanoseconds: Int64 = json["nanoseconds"].int
    else { return nil }
    (self.id, self.name, self.volumeID, self.sizeBytes, self.access) = (id, name, volumeID, size, access)
    (self.seconds, self.nanoseconds) = (seconds, nanoseconds)
    groupID = json["groupID"].string ?? ""
    groupName = json["groupName"].string ?? ""
  }

  var json: JSONValue {
    [
      "id": .string(id), "name": .string(name), "volumeID": .string(volumeID), "sizeBytes": .int(sizeBytes),
      "access": .string(access.rawValue), "seconds": .int(seconds), "nanoseconds": .int(nanoseconds),
      "groupID": .string(groupID), "groupName": .string(groupName),
    ]
  }
}

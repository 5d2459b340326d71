// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Kernel

/// The options of a mount in the runtime-spec, sorted by what the kernel does with them.
struct MountOptions {
  var flags: MountFlags = []
  /// Attributes of mount_setattr for this mount alone.
  var attributesSet: UInt64 = 0
  var attributesCleared: UInt64 = 0
  /// Attributes for this mount and all below it (`rro`, `rnosuid`, …).
  var recursiveSet: UInt64 = 0
  var recursiveCleared: UInt64 = 0
  var propagation: [MountFlags] = []
  var copiesUp: Bool = false
  var isIDMapped: Bool = false
  /// Whether the mapping is for the mounts below it, too.
  var isIDMappedBelow: Bool = false
  var data: [String] = []

  private static let attributes: [String: (set: UInt64, clear: UInt64)] = [
    "ro": (Mounts.Attribute.readOnly, 0), "rw": (0, Mounts.Attribute.readOnly),
    "nosuid": (Mounts.Attribute.noSetUID, 0), "suid": (0, Mounts.Attribute.noSetUID),
    "nodev": (Mounts.Attribute.noDevices, 0), "dev": (0, Mounts.Attribute.noDevices),
    "noexec": (Mounts.Attribute.noExecute, 0), "exec": (0, Mounts.Attribute.noExecute),
    "nosymfollow": (Mounts.Attribute.noSymbolicLinks, 0), "symfollow": (0, Mounts.Attribute.noSymbolicLinks),
    "nodiratime": (Mounts.Attribute.noDirectoryAccessTime, 0), "diratime": (0, Mounts.Attribute.noDirectoryAccessTime),
    "noatime": (Mounts.Attribute.noAccessTime, Mounts.Attribute.accessTimes),
    "strictatime": (Mounts.Attribute.strictAccessTime, Mounts.Attribute.accessTimes),
    "relatime": (0, Mounts.Attribute.accessTimes), "atime": (0, Mounts.Attribute.accessTimes),
    "norelatime": (0, Mounts.Attribute.accessTimes), "nostrictatime": (0, Mounts.Attribute.accessTimes),
  ]

  private static let plainFlags: [String: MountFlags] = [
    "noatime": .noAccessTime, "nodiratime": .noDirectoryAccessTime, "relatime": .relativeAccessTime,
    "strictatime": .strictAccessTime, "sync": .synchronous, "dirsync": .directorySync, "mand": .mandatoryLocks,
    "ro": .readOnly, "nosuid": .noSetUID, "nodev": .noDevices, "noexec": .noExecute,
    "bind": .bind, "rbind": [.bind, .recursive], "remount": .remount, "nosymfollow": .noSymbolicLinks,
    "silent": .silent, "iversion": .inodeVersions, "lazytime": .lazyTime,
  ]

  private static let propagations: [String: MountFlags] = [
    "private": .isPrivate, "rprivate": [.isPrivate, .recursive], "shared": .shared, "rshared": [.shared, .recursive],
    "slave": .slave, "rslave": [.slave, .recursive], "unbindable": .unbindable,
    "runbindable": [.unbindable, .recursive],
  ]

  private static let meaningless: Set<String> = [
    "defaults", "async", "rw", "suid", "dev", "exec", "loud", "nomand", "noiversion", "nolazytime", "acl", "noacl",
  ]

  /// Every option that is not handed to the file system.
  static var known: [String] {
    Set(attributes.keys).union(attributes.keys.map { "r" + $0 }).union(plainFlags.keys).union(propagations.keys)
      .union(meaningless).union(["tmpcopyup", "idmap", "ridmap"]).sorted()
  }

  init(_ options: [String]) {
    for option: String in options {
      var isKnown: Bool = Self.meaningless.contains(option)
      if let attribute = Self.attributes[option] {
        attributesSet = (attributesSet & ~attribute.clear) | attribute.set
        attributesCleared = (attributesCleared & ~attribute.set) | attribute.clear
        isKnown = true
      } else if option.hasPrefix("r"), let attribute = Self.attributes[String(option.dropFirst())] {
        recursiveSet = (recursiveSet & ~attribute.clear) | attribute.set
        recursiveCleared = (recursiveCleared & ~attribute.set) | attribute.clear
        isKnown = true
      }
      if let flag: MountFlags = Self.plainFlags[option] {
        flags.insert(flag)
        isKnown = true
      }
      if let kind: MountFlags = Self.propagations[option] {
        propagation.append(kind)
        isKnown = true
      }
      if option == "tmpcopyup" {
        copiesUp = true
        isKnown = true
      }
      if option == "idmap" || option == "ridmap" {
        isIDMapped = true
        isIDMappedBelow = option == "ridmap"
        isKnown = true
      }
      if !isKnown { data.append(option) }
    }
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CKernel
import Glibc
import Kernel
import OCISpec

/// A container whose users are those of a user namespace. What only the host's root may do comes first: the mounts in
/// which files keep their numbers on the disk and have others inside, and the directories that only root may enter.
extension ContainerSetup {
  /// The user namespace to join, where there is one.
  private var userNamespacePath: String? { spec.namespaces.first { $0.type == "user" }?.path }

  /// Prepares, as the host's root, what the container will find; a container of the host's users needs nothing.
  mutating func prepareForUsers() throws(ContainerInitError) {
    guard let path: String = userNamespacePath else { return }
    let descriptor: SharedDescriptor = try step("open the user namespace") { () throws(SystemError) in
      SharedDescriptor(try FileDescriptor.open(path))
    }
    userNamespace = descriptor
    // Before this mount namespace is cut off from the host's, from which some mounts are to be shared.
    try keepSources { _ in true }
    try step("make a mount namespace") { () throws(SystemError) in
      try Namespaces.unshare(.mount)
      try Mounts.mount("", on: "/", flags: [.recursive, .slave])
    }
    if let overlay: RuntimeSpec.Overlay = spec.overlay {
      try step("mount the root file system for other users") { () throws(SystemError) in
        try mountMapped(overlay, descriptor.raw)
      }
    }
    try step("enter the root file system") { () throws(SystemError) in
      try systemCall("chdir", spec.rootPath) { chdir(spec.rootPath) }
    }
    let (users, groups) = (hostID(process.user.uid, spec.uidMappings), hostID(process.user.gid, spec.gidMappings))
    for number: Int32 in 0...2 { giveStream(number, uid: users, gid: groups) }
  }

  private func hostID(_ inside: UInt32, _ mappings: [RuntimeSpec.IDMapping]) -> UInt32 {
    for mapping: RuntimeSpec.IDMapping in mappings
    where inside >= mapping.containerID && inside - mapping.containerID < mapping.size {
      return mapping.hostID + (inside - mapping.containerID)
    }
    return inside
  }

  /// The layers of the image are mapped; the writable one holds the host's numbers, as a mapped one would refuse what
  /// overlayfs itself makes in it.
  private func mountMapped(_ overlay: RuntimeSpec.Overlay, _ userNamespace: Int32) throws(SystemError) {
    let root: String = spec.rootPath
    // A place for the layers, which the overlay then hides.
    try Mounts.mount("tmpfs", on: root, type: "tmpfs", options: "mode=755,size=1m")
    var mapped: RuntimeSpec.Overlay = overlay
    for (number, layer) in overlay.lower.enumerated() {
      let place: String = "\(root)/\(number)"
      try Files.makeDirectory(place)
      let copy: FileDescriptor = try Mounts.detachedCopy(layer)
      try Mounts.setAttributes(ofDetached: copy, set: Mounts.Attribute.idMapped, userNamespace: userNamespace)
      try Mounts.attach(copy, on: place)
      mapped.lower[number] = place
    }
    if let upper: String = overlay.upper {
      let status: Files.Status = try Files.status(upper)
      try Files.setOwner(
        upper, uid: hostID(status.uid, spec.uidMappings), gid: hostID(status.gid, spec.gidMappings))
    }
    try OverlayMounting.mount(mapped, on: root)
  }
}

/// Lets a user of a user namespace open /dev/stdout and its kin again. Devices stay whose they are.
func giveStream(_ number: Int32, uid: UInt32, gid: UInt32) {
  var status: stat = stat()
  guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return }
  // A stream that cannot be given away can still be written to.
  _ = fchown(number, uid, gid)
}

/// In a user namespace nobody is anybody until they become root there.
func becomeRootOfUserNamespace() throws(ContainerInitError) {
  try step("become root of the user namespace") { () throws(SystemError) in
    try systemCall("setgroups") { apus_setgroups([], 0) }
    try systemCall("setresgid") { apus_setresgid(0) }
    try systemCall("setresuid") { apus_setresuid(0) }
  }
}

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
// What libarchive finds in an archive's extended attributes is set with these; Swift's Glibc lacks them.
#include <sys/xattr.h>

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc

/// Holds the calling thread for a moment: only for what the kernel finishes by itself within milliseconds.
func pause(milliseconds: Int) {
  usleep(UInt32(clamping: milliseconds * 1000))
}

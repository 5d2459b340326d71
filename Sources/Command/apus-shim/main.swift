// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import PodShim

exit(PodShim.main(arguments: CommandLine.arguments))

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import ContainerInit
import Glibc

exit(ContainerInit.main(arguments: CommandLine.arguments))

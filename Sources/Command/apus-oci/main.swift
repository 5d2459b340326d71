// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Glibc
import OCICommand

exit(OCICommand.main(arguments: CommandLine.arguments))

// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CNIPlugins
import Glibc

exit(PluginMain.run(arguments: CommandLine.arguments))

# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""The programs as `make install` lays them out."""
import os

import stage as stages

TITLE = "the installed programs"


def run(stage, figures):
    stage.run(f"{stages.TOP}/Tools/install.sh", stage.path("installed"), "/usr", "release")
    seen, sizes = set(), {}
    for top, _, names in os.walk(stage.path("installed")):
        for name in names:
            status = os.stat(os.path.join(top, name))
            # The network plugins are one file with several names.
            if status.st_ino not in seen and status.st_mode & 0o111:
                seen.add(status.st_ino)
                sizes[name] = round(status.st_size / 2**20, 1)
    figures.value("size.total", "size of the installed executables", "MiB", sum(sizes.values()), programs=sizes)

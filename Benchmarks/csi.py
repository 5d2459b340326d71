# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""A volume's life at the storage driver's socket: create, stage where the driver stages, publish, and back."""
import os
import time

import kube
import rpc

TITLE = "the storage driver"
CAPABILITY = {"mount": {}, "access_mode": {"mode": 1}}
STAGES = 1  # STAGE_UNSTAGE_VOLUME


def run(stage, figures):
    socket = stage.path("csi.sock")
    stage.start("csi", stage.apus, "csi-hostpath", f"--endpoint=unix://{socket}", "--nodeid=node-1", f"--statedir={stage.path('state')}")
    kube.eventually(lambda: os.path.exists(socket), "the driver's socket")
    driver = rpc.Service(stage, "csi/csi.proto", socket)
    driver.wait()
    stages = any(c.rpc.type == STAGES for c in driver.call("NodeGetCapabilities").capabilities)
    cycles = []
    for turn in range(-3, stage.count(100, 10)):
        if turn == 0:  # the first ones warm up
            driver.times.clear()
            cycles.clear()
        begin = time.perf_counter()
        cycle(driver, stage, turn, stages)
        cycles.append((time.perf_counter() - begin) * 1000)
    figures.series("csi.cycle", "create, publish, unpublish and delete a volume", "ms", cycles)
    for name in ("CreateVolume", "NodePublishVolume", "NodeUnpublishVolume", "DeleteVolume"):
        figures.series(f"csi.{name}", name, "ms", driver.times[name])


def cycle(driver, stage, turn, stages):
    volume = driver.call("CreateVolume", name=f"volume-{turn}", volume_capabilities=[CAPABILITY],
                         capacity_range={"required_bytes": 1 << 20}).volume
    known = {"volume_id": volume.volume_id}
    use = {"volume_capability": CAPABILITY, "volume_context": dict(volume.volume_context)}
    staging, target = stage.path(f"staging-{turn}"), stage.path(f"target-{turn}/mount")
    os.makedirs(os.path.dirname(target))
    if stages:
        os.makedirs(staging)
        use["staging_target_path"] = staging
        driver.call("NodeStageVolume", **known, **use)
    driver.call("NodePublishVolume", **known, **use, target_path=target)
    if not any(line.split()[4] == target for line in open("/proc/self/mountinfo")):
        raise SystemExit(f"{target} is not a mount point")
    driver.call("NodeUnpublishVolume", **known, target_path=target)
    if stages:
        driver.call("NodeUnstageVolume", **known, staging_target_path=staging)
    driver.call("DeleteVolume", **known)

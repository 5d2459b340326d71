# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""CSI with Python's gRPC at the other end: a driver in Python serves a claim through our controller and kubelet, and
our driver answers a Python client."""
import os
import shutil
import subprocess
from concurrent import futures

import grpc
import pytest

from conftest import eventually, kubectl, pod  # noqa: F401
from stubs import channel, stubs

FOLDER = os.environ["APUS_TEST_ROOT"]
KUBELET = f"{FOLDER}/node/var/lib/kubelet"
DRIVER = "python.csi.example"
csi, csi_grpc = stubs("csi/csi.proto", "csi")
registration, registration_grpc = stubs("pluginregistration/api.proto", "pluginregistration")

Capability = csi.ControllerServiceCapability
NodeCapability = csi.NodeServiceCapability


class Driver(csi_grpc.IdentityServicer, csi_grpc.ControllerServicer, csi_grpc.NodeServicer,
             registration_grpc.RegistrationServicer):
    """Volumes are folders. The names of the calls, in order, are kept."""

    def __init__(self, folder):
        self.folder, self.calls, self.registered = str(folder), [], []

    # The kubelet's registration.
    def GetInfo(self, request, context):
        return registration.PluginInfo(type="CSIPlugin", name=DRIVER, endpoint=f"{KUBELET}/plugins/{DRIVER}/csi.sock",
                                       supported_versions=["1.0.0"])

    def NotifyRegistrationStatus(self, request, context):
        self.registered.append((request.plugin_registered, request.error))
        return registration.RegistrationStatusResponse()

    # Identity.
    def GetPluginInfo(self, request, context):
        return csi.GetPluginInfoResponse(name=DRIVER, vendor_version="1")

    def GetPluginCapabilities(self, request, context):
        service = csi.PluginCapability.Service(type=csi.PluginCapability.Service.CONTROLLER_SERVICE)
        return csi.GetPluginCapabilitiesResponse(capabilities=[csi.PluginCapability(service=service)])

    def Probe(self, request, context):
        return csi.ProbeResponse()

    # Controller.
    def ControllerGetCapabilities(self, request, context):
        return csi.ControllerGetCapabilitiesResponse(
            capabilities=[Capability(rpc=Capability.RPC(type=Capability.RPC.CREATE_DELETE_VOLUME))])

    def CreateVolume(self, request, context):
        self.calls.append("create")
        os.makedirs(f"{self.folder}/{request.name}", exist_ok=True)
        return csi.CreateVolumeResponse(volume=csi.Volume(
            volume_id=request.name, capacity_bytes=request.capacity_range.required_bytes,
            volume_context={"color": request.parameters["color"]}))

    def DeleteVolume(self, request, context):
        self.calls.append("delete")
        shutil.rmtree(f"{self.folder}/{request.volume_id}", ignore_errors=True)
        return csi.DeleteVolumeResponse()

    # Node.
    def NodeGetInfo(self, request, context):
        return csi.NodeGetInfoResponse(node_id="python-node-1")

    def NodeGetCapabilities(self, request, context):
        return csi.NodeGetCapabilitiesResponse(
            capabilities=[NodeCapability(rpc=NodeCapability.RPC(type=NodeCapability.RPC.STAGE_UNSTAGE_VOLUME))])

    def NodeStageVolume(self, request, context):
        self.calls.append("stage")
        assert request.volume_context["color"] == "green" and os.path.isdir(request.staging_target_path)
        return csi.NodeStageVolumeResponse()

    def NodeUnstageVolume(self, request, context):
        self.calls.append("unstage")
        return csi.NodeUnstageVolumeResponse()

    def NodePublishVolume(self, request, context):
        self.calls.append("publish")
        os.makedirs(request.target_path, exist_ok=True)
        subprocess.run(["mount", "--bind", f"{self.folder}/{request.volume_id}", request.target_path], check=True)
        return csi.NodePublishVolumeResponse()

    def NodeUnpublishVolume(self, request, context):
        self.calls.append("unpublish")
        subprocess.run(["umount", request.target_path], check=False)
        shutil.rmtree(request.target_path, ignore_errors=True)
        return csi.NodeUnpublishVolumeResponse()


@pytest.fixture
def driver(tmp_path):
    """The driver, served and registered as a driver's pod and its registrar do."""
    driver = Driver(tmp_path)
    os.makedirs(f"{KUBELET}/plugins/{DRIVER}")
    served = grpc.server(futures.ThreadPoolExecutor(8))
    csi_grpc.add_IdentityServicer_to_server(driver, served)
    csi_grpc.add_ControllerServicer_to_server(driver, served)
    csi_grpc.add_NodeServicer_to_server(driver, served)
    served.add_insecure_port(f"unix://{KUBELET}/plugins/{DRIVER}/csi.sock")
    served.start()
    announced = grpc.server(futures.ThreadPoolExecutor(2))
    registration_grpc.add_RegistrationServicer_to_server(driver, announced)
    announced.add_insecure_port(f"unix://{KUBELET}/plugins_registry/{DRIVER}-reg.sock")
    announced.start()
    yield driver
    for server in (announced, served):
        server.stop(None).wait(10)
    shutil.rmtree(f"{KUBELET}/plugins/{DRIVER}")


def test_a_driver_in_python_serves_a_claim(kubectl, driver):  # noqa: F811
    eventually(lambda: driver.registered == [(True, "")], 20, "the kubelet registers the driver")
    node = kubectl.json("get", "csinode", "node-1")
    assert {d["name"]: d["nodeID"] for d in node["spec"]["drivers"]}[DRIVER] == "python-node-1"
    kubectl.apply(
        {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": DRIVER},
         "spec": {"attachRequired": False, "podInfoOnMount": False}},
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "python"},
         "provisioner": DRIVER, "parameters": {"color": "green"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
         "spec": {"storageClassName": "python", "accessModes": ["ReadWriteOnce"],
                  "resources": {"requests": {"storage": "10Mi"}}}},
        pod("writer", "sh", "-c", "echo kept > /data/file; sleep 1000",
            volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]}))
    kubectl("wait", "--for=condition=Ready", "pod/writer", "--timeout=40s")
    volume = kubectl.json("get", "pvc", "data")["spec"]["volumeName"]
    assert driver.calls == ["create", "stage", "publish"]
    with open(f"{driver.folder}/{volume}/file") as file:
        assert file.read() == "kept\n"
    kubectl("delete", "pod", "writer")
    eventually(lambda: driver.calls[3:] == ["unpublish", "unstage"], 20, "the volume is taken from the node")
    kubectl("delete", "pvc", "data")
    eventually(lambda: kubectl("get", "pv", volume, check=False).returncode != 0, 20, "the volume is gone")
    # A driver has to take a second call for the same, as with every provisioner.
    assert set(driver.calls[5:]) == {"delete"}
    kubectl("delete", "storageclass/python", f"csidriver/{DRIVER}")


@pytest.fixture
def ours(tmp_path):
    """The socket of `apus csi-hostpath`, with only its counterpart's flags."""
    process = subprocess.Popen([
        os.environ["APUS"], "csi-hostpath", f"--endpoint=unix://{tmp_path}/csi.sock", "--nodeid=alone",
        f"--statedir={tmp_path}/state", "--drivername=alone.csi.example"])
    yield f"{tmp_path}/csi.sock"
    process.terminate()
    assert process.wait(10) == 0


def test_our_driver_answers_python(ours, tmp_path):
    with channel(ours) as opened:
        identity, controller, node = (csi_grpc.IdentityStub(opened), csi_grpc.ControllerStub(opened),
                                      csi_grpc.NodeStub(opened))
        assert identity.GetPluginInfo(csi.GetPluginInfoRequest()).name == "alone.csi.example"
        assert identity.Probe(csi.ProbeRequest()).ready.value
        assert node.NodeGetInfo(csi.NodeGetInfoRequest()).node_id == "alone"
        capability = csi.VolumeCapability(
            mount=csi.VolumeCapability.MountVolume(),
            access_mode=csi.VolumeCapability.AccessMode(mode=csi.VolumeCapability.AccessMode.SINGLE_NODE_WRITER))
        request = csi.CreateVolumeRequest(name="one", volume_capabilities=[capability],
                                          capacity_range=csi.CapacityRange(required_bytes=1 << 20))
        volume = controller.CreateVolume(request).volume
        assert controller.CreateVolume(request).volume.volume_id == volume.volume_id
        target, staging = str(tmp_path / "target"), str(tmp_path / "staging")
        os.makedirs(staging)
        arguments = {"volume_id": volume.volume_id, "staging_target_path": staging, "volume_capability": capability}
        can_stage = NodeCapability.RPC.STAGE_UNSTAGE_VOLUME in [
            c.rpc.type for c in node.NodeGetCapabilities(csi.NodeGetCapabilitiesRequest()).capabilities]
        if can_stage:
            node.NodeStageVolume(csi.NodeStageVolumeRequest(**arguments))
        for _ in range(2):
            node.NodePublishVolume(csi.NodePublishVolumeRequest(target_path=target, **arguments))
        (tmp_path / "target" / "file").write_text("kept")
        for _ in range(2):
            node.NodeUnpublishVolume(csi.NodeUnpublishVolumeRequest(volume_id=volume.volume_id, target_path=target))
        assert not os.path.exists(f"{target}/file")
        if can_stage:
            node.NodeUnstageVolume(csi.NodeUnstageVolumeRequest(volume_id=volume.volume_id, staging_target_path=staging))
        for _ in range(2):
            controller.DeleteVolume(csi.DeleteVolumeRequest(volume_id=volume.volume_id))
        for wrong, code in (
                (lambda: controller.CreateVolume(csi.CreateVolumeRequest()), grpc.StatusCode.INVALID_ARGUMENT),
                (lambda: node.NodePublishVolume(csi.NodePublishVolumeRequest(target_path=target, **arguments)),
                 grpc.StatusCode.NOT_FOUND)):
            with pytest.raises(grpc.RpcError) as failure:
                wrong()
            assert failure.value.code() == code, failure.value.details()

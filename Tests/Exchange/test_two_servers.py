# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Two API servers on one etcd: what one has written the other serves at once."""
import os
import subprocess

import kubernetes
import pytest

from conftest import eventually, kubectl  # noqa: F401

SECOND = "https://10.240.0.1:6444"


@pytest.fixture(scope="module")
def second():
    """A second server with the flags of the first, but for the port; a client for each."""
    found = subprocess.run(["pgrep", "--full", "--", " apiserver --etcd-servers"], capture_output=True, text=True, check=True)
    with open(f"/proc/{found.stdout.split()[0]}/cmdline") as file:
        words = file.read().split("\0")[:-1]
    words = ["--secure-port=6444" if word.startswith("--secure-port") else word for word in words]
    with open(f"{os.environ['APUS_TEST_ROOT']}/second.log", "w") as log:
        process = subprocess.Popen(words, stderr=log)
    kubernetes.config.load_kube_config()
    first = kubernetes.client.ApiClient()
    configuration = kubernetes.client.Configuration.get_default_copy()
    configuration.host = SECOND
    other = kubernetes.client.ApiClient(configuration)
    eventually(lambda: ready(other), 20, "the second server is ready")
    yield kubernetes.client.CoreV1Api(first), kubernetes.client.CoreV1Api(other)
    process.terminate()
    assert process.wait(20) == 0


def ready(client):
    try:
        return kubernetes.client.CoreV1Api(client).list_namespace(limit=1) is not None
    except Exception:  # noqa: BLE001 (not yet)
        return False


def test_each_reads_what_the_other_wrote(second, kubectl):  # noqa: F811
    space = kubectl.namespace
    for number in range(60):
        writer, reader = second[number % 2], second[1 - number % 2]
        name = f"shared-{number}"
        made = writer.create_namespaced_config_map(space, {"metadata": {"name": name}, "data": {"n": "1"}})
        # Lists and reads without a resourceVersion show everything that was acknowledged, whoever took it.
        assert name in {item.metadata.name for item in reader.list_namespaced_config_map(space).items}
        read = reader.read_namespaced_config_map(name, space)
        assert read.metadata.resource_version == made.metadata.resource_version
        read.data["n"] = "2"
        reader.replace_namespaced_config_map(name, space, read)
        # The writer's own idea of it is old now.
        with pytest.raises(kubernetes.client.ApiException) as refused:
            writer.replace_namespaced_config_map(name, space, made)
        assert refused.value.status == 409
        writer.delete_namespaced_config_map(name, space)
        assert name not in {item.metadata.name for item in reader.list_namespaced_config_map(space).items}

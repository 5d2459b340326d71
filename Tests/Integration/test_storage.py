# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Volumes of every kind that a pod can have."""
from conftest import BUSYBOX, eventually, pod


def claim(name):
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }


def test_a_claim_becomes_a_mounted_volume_and_outlives_its_pod(kubectl):
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
              "container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}}
    kubectl.apply(claim("data"), pod("writer", "sh", "-c", "echo kept > /data/file; sleep 1000", **volume))
    kubectl("wait", "--for=condition=Ready", "pod/writer", "--timeout=40s")
    assert kubectl.json("get", "pvc", "data")["status"]["phase"] == "Bound"
    kubectl("delete", "pod", "writer")
    volume["container"] = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    kubectl.apply(pod("reader", "sleep", "1000", **volume))
    kubectl("wait", "--for=condition=Ready", "pod/reader", "--timeout=40s")
    assert kubectl("exec", "reader", "--", "cat", "/data/file").strip() == "kept"
    kubectl("delete", "pod", "reader")
    name = kubectl.json("get", "pvc", "data")["spec"]["volumeName"]
    kubectl("delete", "pvc", "data")
    eventually(lambda: kubectl("get", "pv", name, check=False).returncode != 0)


def test_settings_and_secrets_are_files_and_variables(kubectl):
    kubectl("create", "configmap", "settings", "--from-literal=color=green")
    kubectl("create", "secret", "generic", "hidden", "--from-literal=word=sesame")
    kubectl.apply(pod(
        "reader", "sleep", "1000",
        volumes=[{"name": "all", "projected": {"sources": [
            {"configMap": {"name": "settings"}}, {"secret": {"name": "hidden"}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}},
            {"name": "scratch", "emptyDir": {"medium": "Memory"}}],
        container={
            "volumeMounts": [{"name": "all", "mountPath": "/all"}, {"name": "scratch", "mountPath": "/scratch"}],
            "env": [{"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "color"}}},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
            "envFrom": [{"secretRef": {"name": "hidden"}}],
        }))
    kubectl("wait", "--for=condition=Ready", "pod/reader", "--timeout=30s")
    seen = kubectl("exec", "reader", "--", "sh", "-c", "cat /all/color; echo; cat /all/word; echo; cat /all/labels; echo; "
                   "echo $COLOR $NODE $word; grep -c ' /scratch tmpfs' /proc/mounts")
    assert seen.split() == ["green", "sesame", 'app="reader"', "green", "node-1", "sesame", "1"]

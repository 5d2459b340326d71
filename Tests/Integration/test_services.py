# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Services, names and the guestbook."""
import json
import pathlib
import urllib.parse
import urllib.request

from conftest import BUSYBOX, NGINX, eventually, pod

NODE = "10.240.0.1"
GUESTBOOK = pathlib.Path(__file__).parents[2] / "deploy/guestbook/guestbook.yaml"


def service(name, **spec):
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}], **spec},
    }


def test_a_service_is_reached_by_address_by_name_and_from_the_node(kubectl):
    kubectl.apply(pod("web", image=NGINX), service("web", type="NodePort"), pod("client", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/web", "pod/client", "--timeout=30s")
    spec = kubectl.json("get", "service", "web")["spec"]
    fetch = ["exec", "client", "--", "timeout", "3", "wget", "-q", "-O", "-"]
    eventually(lambda: kubectl(*fetch, f"http://{spec['clusterIP']}/"))
    eventually(lambda: kubectl(*fetch, "http://web/"))
    eventually(lambda: kubectl(*fetch, f"http://web.{kubectl.namespace}.svc.cluster.local/"))
    port = spec["ports"][0]["nodePort"]
    with urllib.request.urlopen(f"http://{NODE}:{port}/", timeout=5) as answer:
        assert answer.status == 200


def test_a_headless_service_names_its_pods(kubectl):
    kubectl.apply(
        pod("db-0", "sleep", "1000", labels={"app": "db"}, hostname="db-0", subdomain="db"),
        service("db", clusterIP="None"), pod("client", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/db-0", "pod/client", "--timeout=30s")
    address = kubectl.json("get", "pod", "db-0")["status"]["podIP"]
    name = f"db-0.db.{kubectl.namespace}.svc.cluster.local"
    eventually(lambda: address in kubectl("exec", "client", "--", "nslookup", name, check=False).stdout)


def test_pods_reach_the_api_server_with_their_own_token(kubectl):
    kubectl.apply(pod("client", "sleep", "1000"))
    kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=30s")
    script = "ls /var/run/secrets/kubernetes.io/serviceaccount; echo $KUBERNETES_SERVICE_HOST"
    answer = kubectl("exec", "client", "--", "sh", "-c", script).split()
    assert answer[:3] == ["ca.crt", "namespace", "token"] and answer[3] == "10.96.0.1"


def test_the_guestbook(kubectl):
    kubectl("apply", "-f", str(GUESTBOOK))
    for name in ("redis-leader", "redis-follower", "frontend"):
        kubectl("rollout", "status", f"deployment/{name}", "--timeout=90s", timeout=100)
    message = "Hi Kubernetes!"

    def ask(**query):
        url = f"http://{NODE}:30001/guestbook.php?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)

    assert eventually(lambda: ask(cmd="set", key="messages", value=message)) == {"message": "Updated"}
    eventually(lambda: all(ask(cmd="get", key="messages") == {"data": message} for _ in range(9)))
    pods = kubectl.json("get", "pods", "-l", "tier=frontend")["items"]
    assert len(pods) == 3
    for one in pods:
        answer = kubectl("exec", one["metadata"]["name"], "--", "wget", "-q", "-O", "-",
                         "http://127.0.0.1/guestbook.php?cmd=get&key=messages", check=False)
        assert message in answer.stdout, answer.stderr

# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""`apus-oci` runs the same bundles as Debian's runc, side by side: states, exit codes, and what a program finds."""
import array
import contextlib
import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import uuid

import pytest

from conftest import eventually

APUS_OCI = os.path.join(os.path.dirname(os.environ["APUS"]), "apus-oci")
RUNTIMES = {"apus-oci": APUS_OCI, "runc": "runc"}


class Runtime:
    """One of the two programs with a root of its own."""

    def __init__(self, name, folder):
        self.name, self.root = name, f"{folder}/root-{name}"
        self.environment = dict(os.environ)

    def __call__(self, *words, check=True, **options):
        options = {"capture_output": True, "text": True, "timeout": 30, "env": self.environment,
                   "stdin": subprocess.DEVNULL, **options}
        if "stdout" in options:
            del options["capture_output"]
        done = subprocess.run([RUNTIMES[self.name], "--root", self.root, *words], **options)
        assert not check or done.returncode == 0, f"{self.name} {words}: {done.returncode} {done.stdout} {done.stderr}"
        return done

    def create(self, bundle, name, *words, **options):
        # Not to a pipe: the container keeps it open.
        with open(f"{bundle}/output", "w+") as output:
            done = self("create", "--bundle", bundle, *words, name, stdout=output, stderr=output, **options)
            output.seek(0)
            return done, output.read()

    def status(self, name):
        return json.loads(self("state", name).stdout)["status"]


@pytest.fixture(params=sorted(RUNTIMES))
def runtime(request, tmp_path):
    yield Runtime(request.param, tmp_path)


@pytest.fixture
def both(tmp_path):
    return [Runtime(name, tmp_path) for name in sorted(RUNTIMES)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root file system of busybox alone."""
    folder = tmp_path_factory.mktemp("oci") / "rootfs"
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc"):
        (folder / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), folder / "bin/busybox")
    for applet in subprocess.check_output(["busybox", "--list"], text=True).split():
        if applet != "busybox":
            (folder / "bin" / applet).symlink_to("busybox")
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return folder


@pytest.fixture
def bundle(tmp_path, root):
    """Makes bundles: the configuration that runc begins with, changed."""
    subprocess.run(["runc", "spec"], cwd=tmp_path, check=True)
    base = json.loads((tmp_path / "config.json").read_text())
    base["process"]["terminal"] = False
    base["root"]["path"] = str(root)
    base["linux"]["cgroupsPath"] = f"/apus-oci-{uuid.uuid4().hex[:8]}"

    def make(*args, change=lambda config: None):
        config = copy.deepcopy(base)
        config["process"]["args"] = list(args)
        change(config)
        folder = tmp_path / f"bundle-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        return str(folder)

    make.group = base["linux"]["cgroupsPath"]
    return make


def groups(path):
    return [f"{top}/{path.lstrip('/')}" for top, _, _ in os.walk("/sys/fs/cgroup")
            if os.path.isdir(f"{top}/{path.lstrip('/')}")]


def test_a_life(runtime, bundle):
    """The states and the exit codes of a whole life are the same, and so are those of what may not be done."""
    folder, name = bundle("sleep", "60"), "life"
    seen = []

    def step(*words):
        done = runtime(*words, name, check=False)
        status = runtime("state", name, check=False)
        seen.append((words[0], done.returncode, json.loads(status.stdout)["status"] if status.returncode == 0 else None))

    runtime.create(folder, name, "--pid-file", f"{folder}/pid")
    state = json.loads(runtime("state", name).stdout)
    assert state["pid"] == int(open(f"{folder}/pid").read())
    assert {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"} == set(state)
    assert state["status"] == "created" and state["bundle"] == folder
    assert runtime.create(folder, name, check=False)[0].returncode == 1
    for words in [("start",), ("start",), ("resume",), ("pause",), ("pause",), ("resume",), ("delete",)]:
        step(*words)
    assert os.readlink(f"/proc/{state['pid']}/exe") == "/bin/busybox"
    assert [row["id"] for row in json.loads(runtime("list", "--format", "json").stdout)] == [name]
    assert runtime("list", "--quiet").stdout == f"{name}\n"
    assert state["pid"] in json.loads(runtime("ps", "--format", "json", name).stdout)
    assert "sleep 60" in runtime("ps", name).stdout
    runtime("kill", name, "KILL")
    eventually(lambda: runtime.status(name) == "stopped")
    for words in [("kill",), ("start",), ("exec",), ("pause",), ("delete",), ("delete",), ("kill",), ("delete", "--force")]:
        step(*words)
    assert seen == [
        ("start", 0, "running"), ("start", 1, "running"), ("resume", 1, "running"), ("pause", 0, "paused"),
        ("pause", 1, "paused"), ("resume", 0, "running"), ("delete", 1, "running"),
        ("kill", 1, "stopped"), ("start", 1, "stopped"), ("exec", 255, "stopped"), ("pause", 1, "stopped"),
        ("delete", 0, None), ("delete", 1, None), ("kill", 1, None), ("delete", 0, None)], runtime.name
    assert not groups(bundle.group)


LOOK = """
id; hostname; pwd; umask; ulimit -n; ulimit -c; echo "$0 $*"; env | sort
grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status
cut -d' ' -f3-6 /proc/self/mountinfo | cut -d' ' -f2- | grep -v /sys/fs/cgroup | sort
ls -l /dev | awk '{print $1, $3, $4, $5, $6, $NF}' | sort
cat /proc/self/oom_score_adj; cat /proc/sys/net/ipv4/ip_forward; ls /proc/keys /proc/kcore -l | awk '{print $1}'
echo x > /proc/sys/kernel/domainname || echo read-only; chmod 700 /tmp || echo no chmod; ls -l /proc/self/fd | wc -l
"""


def test_what_a_program_finds(both, bundle):
    """User, capabilities, limits, mounts, devices, filter and environment are those that runc makes."""
    def change(config):
        process = config["process"]
        process.update(cwd="/tmp", oomScoreAdj=321, user={"uid": 7, "gid": 8, "additionalGids": [9], "umask": 0o27})
        process["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 77, "soft": 66},
                              {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}]
        process["env"].append("HOME=/nowhere")
        process["capabilities"]["ambient"] = ["CAP_KILL"]
        process["capabilities"]["inheritable"] = ["CAP_KILL"]
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640,
                                       "uid": 3, "gid": 4}]
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                      "syscalls": [{"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO"}]}
        config["mounts"] += [
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "noexec", "mode=1777"]},
            {"destination": "/etc/hosts", "source": "/etc/hosts", "options": ["rbind", "ro", "nosuid"]}]
    folder = bundle("sh", "-c", LOOK, "zero", "one", "two", change=change)
    found = [runtime("run", "--bundle", folder, "look").stdout.splitlines() for runtime in both]
    assert len(found[0]) > 40 and "uid=7 gid=8 groups=9" in found[0]
    assert found[0] == found[1]


def test_exit_codes_and_errors(both, bundle):
    """A run ends as its program does; what cannot be run fails with the same code and leaves nothing."""
    def without_pivot(config):
        del config["root"]

    cases = [(bundle("sh", "-c", "exit 7"), 7), (bundle("sh", "-c", "sh -c 'kill -9 $$'; exit $?"), 137),
             (bundle("nosuch"), None), (bundle("/etc/passwd"), None), (bundle("true", change=without_pivot), None),
             (bundle("true", change=lambda c: c["process"].update(cwd="relative")), None),
             (bundle("true", change=lambda c: c["linux"]["namespaces"].append({"type": "uts", "path": "/proc/self/ns/ipc"})), None),
             (bundle("true", change=lambda c: c["mounts"].append({"destination": "/x", "type": "nosuch"})), None)]
    for folder, expected in cases:
        for runtime in both:
            done = runtime("run", "--bundle", folder, "codes", check=False)
            if expected is None:
                assert done.returncode != 0 and done.stderr, (runtime.name, folder)
            else:
                assert done.returncode == expected, (runtime.name, done.stderr)
            assert runtime("list", "--quiet").stdout == ""
    assert not groups(bundle.group)
    for words in [("state", "nosuch"), ("kill", "nosuch"), ("start", "nosuch"), ("start",), ("state", "../x"),
                  ("create", "--bundle", "/nosuch", "x"), ("--systemd-cgroup", "--log-format", "xml", "list")]:
        assert {runtime(*words, check=False).returncode for runtime in both} == {1}, words


def test_the_log_is_what_engines_read(both, bundle, tmp_path):
    for runtime in both:
        log = tmp_path / f"{runtime.name}.json"
        runtime("--log", str(log), "--log-format", "json", "state", "nosuch", check=False)
        line = json.loads(log.read_text().splitlines()[-1])
        assert set(line) == {"level", "msg", "time"} and line["level"] == "error"
        assert line["msg"] == "container does not exist"


def test_hooks(both, bundle, tmp_path):
    """Every hook runs at its time, with the state of that time; a failing one ends the container."""
    kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
    seen = {}
    for runtime in both:
        log = tmp_path / f"{runtime.name}.hooks"
        log.touch()

        def change(config):
            config["annotations"] = {"a": "b"}
            config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(tmp_path), "options": ["bind"]})
            config["hooks"] = {kind: [{
                "path": "/bin/sh", "env": ["PATH=/bin:/usr/bin"],
                "args": ["sh", "-c", f"echo {kind} $(cat) >> "
                         + (f"/tmp/{log.name}" if kind == "startContainer" else str(log))]}] for kind in kinds}
        folder = bundle("true", change=change)
        runtime("run", "--bundle", folder, "hooks")
        lines = [line.split(" ", 1) for line in log.read_text().splitlines()]
        states = [json.loads(state) for _, state in lines]
        assert all(state["id"] == "hooks" and state["bundle"] == folder for state in states)
        assert states[0]["annotations"] == {"a": "b"} and states[0]["pid"] > 1
        seen[runtime.name] = [(kind, state["status"]) for (kind, _), state in zip(lines, states)]
    # Of the start's two, runc runs the second while the first still runs, and says "created" in both.
    assert sorted(kind for kind, _ in seen["runc"]) == sorted(kinds)
    assert seen["apus-oci"] == list(zip(kinds, ["creating"] * 3 + ["created", "running", "stopped"]))
    for kind in kinds[:5]:
        folder = bundle("sleep", "60", change=lambda config: config.update(
            hooks={kind: [{"path": "/bin/false", "args": ["false"]}]}))
        for runtime in both:
            done = runtime("run", "--bundle", folder, "failing", check=False)
            assert done.returncode == 1 and "hook" in done.stderr, (runtime.name, kind, done)
            assert runtime("list", "--quiet").stdout == "", (runtime.name, kind)


@contextlib.contextmanager
def running(runtime, folder, name, *words):
    runtime.create(folder, name, *words)
    runtime("start", name)
    try:
        yield
    finally:
        runtime("delete", "--force", name)


def test_exec(both, bundle, tmp_path):
    """Further programs in a container: who they are, where, and how they end."""
    folder = bundle("sleep", "60")
    process = {"args": ["sh", "-c", "id -u; exit 4"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 5, "gid": 6}}
    (tmp_path / "process.json").write_text(json.dumps(process))
    cases = [(["x", "sh", "-c", "exit 9"], 9), (["x", "sh", "-c", "kill -15 $$"], 143),
             (["--cwd", "/etc", "--env", "A=1", "--user", "3:4", "-g", "5", "x", "sh", "-c", "pwd; echo $A; id"], 0),
             (["--process", f"{tmp_path}/process.json", "x"], 4), (["x", "sh", "-c", "grep memory /proc/self/cgroup; ls /proc/1"], 0),
             (["--cap", "CAP_CHOWN", "x", "grep", "-E", "Cap(Prm|Eff|Bnd)", "/proc/self/status"], 0)]
    answers = []
    for runtime in both:
        with running(runtime, folder, "x"):
            found = [runtime("exec", *words, check=False) for words, _ in cases]
            assert [done.returncode for done in found] == [code for _, code in cases], runtime.name
            answers.append([done.stdout for done in found])
            assert runtime("exec", "x", "nosuch", check=False).returncode == 255
            runtime("exec", "--detach", "--pid-file", f"{tmp_path}/pid", "x", "sleep", "50", stdout=subprocess.DEVNULL)
            pid = int((tmp_path / "pid").read_text())
            assert pid in json.loads(runtime("ps", "--format", "json", "x").stdout)
            runtime("kill", "--all", "x", "KILL")
            eventually(lambda: runtime.status("x") == "stopped")
    assert answers[0] == answers[1]


def test_exec_with_a_terminal(bundle, tmp_path):
    """What the program writes to its terminal comes out of the command's output; input is typed."""
    runtime = Runtime("apus-oci", tmp_path)
    with running(runtime, bundle("sleep", "60"), "x"):
        done = runtime("exec", "--tty", "x", "sh", "-c", "tty; read line; echo got $line; exit 3", check=False, stdin=None,
                       input="typed\n")
        assert done.returncode == 3
        assert "/dev/pts/" in done.stdout and "got typed" in done.stdout


def test_limits(both, bundle):
    """The same files of the same controllers hold the same, at first and after an update."""
    def change(config):
        config["linux"]["resources"].update(
            memory={"limit": 64 << 20, "reservation": 32 << 20}, pids={"limit": 33},
            cpu={"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"})
    folder = bundle("sleep", "60", change=change)
    names = ["memory.limit_in_bytes", "memory.soft_limit_in_bytes", "pids.max", "cpu.shares", "cpu.cfs_quota_us",
             "cpu.cfs_period_us", "cpuset.cpus", "devices.list", "memory.max", "memory.low", "cpu.weight", "cpu.max"]

    def held():
        found = {}
        for group in sorted(set(groups(bundle.group))):
            for name in names:
                with contextlib.suppress(OSError), open(f"{group}/{name}") as file:
                    found[name] = sorted(file.read().split("\n"))
        found.get("devices.list", []).sort()
        # Terminals of the host and network tunnels: runc's defaults differ from version to version.
        found["devices.list"] = [line for line in found.get("devices.list", []) if not line.startswith("c 10:200")]
        return found

    seen = []
    for runtime in both:
        with running(runtime, folder, "limits"):
            before = held()
            runtime("update", "--memory", str(96 << 20), "--pids-limit", "44", "limits")
            runtime("update", "--resources", "-", "limits", stdin=None, input='{"cpu": {"shares": 256}}')
            seen.append((before, held()))
            assert "total" in json.loads(runtime("events", "--stats", "limits").stdout)["data"]["cpu"]["usage"]
    assert len(seen[0][0]) > 5 and seen[0][0] != seen[0][1]
    assert seen[0] == seen[1]


def test_a_terminal_goes_to_the_console_socket(both, bundle, tmp_path):
    folder = bundle("sh", "-c", "tty; stty size; read line; echo got $line", change=lambda config: config["process"].update(
        terminal=True, consoleSize={"height": 11, "width": 22}))
    for runtime in both:
        assert runtime.create(folder, "terminal", check=False)[0].returncode == 1, "nobody takes the terminal"
        path = f"{tmp_path}/{runtime.name}.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            received = []

            def take():
                connection, _ = listener.accept()
                with connection:
                    _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
                    received.append(array.array("i", ancillary[0][2])[0])
            thread = threading.Thread(target=take)
            thread.start()
            runtime.create(folder, "terminal", "--console-socket", path)
            thread.join(10)
        runtime("start", "terminal")
        with os.fdopen(received[0], "r+b", buffering=0) as master:
            master.write(b"hello\n")
            text = b""
            with contextlib.suppress(OSError):
                while chunk := master.read(4096):
                    text += chunk
        assert b"/dev/pts/0" in text or b"/dev/console" in text, runtime.name
        assert b"11 22" in text and b"got hello" in text, (runtime.name, text)
        runtime("delete", "--force", "terminal")


def test_descriptors_are_preserved(both, bundle, tmp_path):
    folder = bundle("sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd")
    for name, text in [("a", "first\n"), ("b", "second\n")]:
        (tmp_path / name).write_text(text)
    found = []
    for runtime in both:
        command = ["sh", "-c", f"exec 3<{tmp_path}/a 4<{tmp_path}/b; exec \"$@\"", "sh", RUNTIMES[runtime.name], "--root",
                   runtime.root, "run", "--preserve-fds", "2", "--bundle", folder, "preserve"]
        found.append(subprocess.check_output(command, text=True, timeout=30, stdin=subprocess.DEVNULL))
    assert found[0].startswith("first\nsecond\n") and found[0] == found[1]


def test_a_user_namespace(runtime, bundle):
    if runtime.name == "runc":
        pytest.skip("runc 1.1 needs a root that the mapped user owns")

    def change(config):
        config["linux"]["namespaces"] += [{"type": "user"}, {"type": "time"}]
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1_000_000_000}}
        config["linux"]["personality"] = {"domain": "LINUX32"}
        for kind in ("uidMappings", "gidMappings"):
            config["linux"][kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    folder = bundle("sh", "-c", "id -u; cat /proc/self/uid_map; cut -d. -f1 /proc/uptime; echo $$; uname -m", change=change)
    words = runtime("run", "--bundle", folder, "users").stdout.split()
    assert words[:4] == ["0", "0", "100000", "65536"]
    assert int(words[4]) > 1_000_000_000 and words[5] == "1" and words[6] == "i686"


def test_a_mount_is_mapped_alone(bundle, tmp_path):
    """Files that are root's on the host are another's in one mount, without a user namespace of the container."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").touch()
    mapping = [{"containerID": 0, "hostID": 1234, "size": 10}]
    folder = bundle("sh", "-c", "stat -c %u:%g /tmp/file /etc/passwd", change=lambda config: config["mounts"].append(
        {"destination": "/tmp", "type": "bind", "source": f"{tmp_path}/data", "options": ["bind", "idmap"],
         "uidMappings": mapping, "gidMappings": mapping}))
    assert Runtime("apus-oci", tmp_path)("run", "--bundle", folder, "mapped").stdout == "1234:1234\n0:0\n"


@pytest.mark.parametrize("point", ["recorded", "grouped", "spawned", "mounted"])
def test_a_killed_creation_is_taken_away(point, bundle, tmp_path):
    """Whenever `create` dies, `delete --force` leaves no process, no group, no mount and no state."""
    runtime = Runtime("apus-oci", tmp_path)
    runtime.environment["APUS_FAILPOINTS"] = str(tmp_path)
    (tmp_path / f"OCI.{point}").touch()
    folder = bundle("sleep", "61")
    before = open("/proc/self/mountinfo").read()
    assert runtime.create(folder, "killed", check=False)[0].returncode == -signal.SIGKILL
    assert os.listdir(runtime.root) == ["killed"]
    assert runtime.create(folder, "killed", check=False)[0].returncode == 1
    runtime("delete", "--force", "killed")
    assert os.listdir(runtime.root) == [] and not groups(bundle.group)
    assert open("/proc/self/mountinfo").read() == before
    runtime("run", "--bundle", bundle("true"), "killed")

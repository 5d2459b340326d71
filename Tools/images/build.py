#!/usr/bin/env python3
# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Build container images from Debian packages, without a container engine.

An image holds a program, the shared libraries it needs, and a few files of ours. Programs are taken from this
machine where they are installed, else from packages that are downloaded and unpacked but not installed (an
installed redis-server or nginx would start a service). Layers are reproducible: the same packages give the
same digests, so that a second run pushes nothing.
"""
import argparse
import gzip
import hashlib
import http.client
import io
import json
import os
import platform
import struct
import subprocess
import sys
import tarfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "s390x": "s390x",
                "ppc64le": "ppc64le"}.get(platform.machine(), platform.machine())
TRIPLET = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu",
           "s390x": "s390x-linux-gnu", "ppc64le": "powerpc64le-linux-gnu"}.get(ARCHITECTURE, "")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SEARCH = ["usr/local/bin", "usr/local/sbin", "usr/bin", "usr/sbin", "bin", "sbin"]
LIBRARIES = [f"lib/{TRIPLET}", f"usr/lib/{TRIPLET}", "lib64", "lib", "usr/lib"]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Packages:
    """Files of Debian packages: this machine's, and those of packages that were only unpacked."""

    def __init__(self, cache):
        self.roots = ["/"]
        self.cache = cache

    def find(self, path):
        for root in self.roots:
            full = os.path.join(root, path.lstrip("/"))
            # A link in an unpacked package points into that package, not into this machine.
            for _ in range(8):
                if not os.path.islink(full):
                    break
                target = os.readlink(full)
                full = os.path.join(root, target.lstrip("/")) if target.startswith("/") else os.path.normpath(
                    os.path.join(os.path.dirname(full), target))
            if os.path.isfile(full):
                return full
        return None

    def program(self, name, package):
        for attempt in range(2):
            for directory in SEARCH:
                found = self.find(f"{directory}/{name}")
                if found:
                    return found
            if attempt == 0:
                self.unpack(package)
        sys.exit(f"build.py: the package {package} has no program {name}")

    def unpack(self, package):
        """Downloads a package and what it depends on, and unpacks them side by side."""
        root = os.path.join(self.cache, package)
        if not os.path.isdir(root):
            print(f"  fetching {package}", flush=True)
            downloads = root + ".debs"
            os.makedirs(downloads, exist_ok=True)
            listing = subprocess.run(
                ["apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks",
                 "--no-replaces", "--no-enhances", package], check=True, capture_output=True, text=True).stdout
            # Lines that are not indented name a package; those in angle brackets are virtual.
            names = sorted({line.strip() for line in listing.splitlines() if line and line[0] not in " <|"})
            # Programs that maintainer scripts use are not needed: libraries and the package's own kin are.
            kin = ("lib", "zlib", package.split("-")[0])
            wanted = [name for name in names if name.startswith(kin) and "perl" not in name]
            subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download"] + wanted, cwd=downloads, check=True)
            for deb in sorted(os.listdir(downloads)):
                subprocess.run(["dpkg-deb", "-x", os.path.join(downloads, deb), root + ".new"], check=True)
            os.rename(root + ".new", root)
        if root not in self.roots:
            self.roots.append(root)

    def library(self, name):
        for directory in LIBRARIES:
            found = self.find(f"{directory}/{name}")
            if found:
                return f"{directory}/{name}", found
        sys.exit(f"build.py: no library {name}")


def elf_needs(path):
    """The interpreter and the libraries that an ELF file names; of a file that is none, nothing."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"\x7fELF" or data[4] != 2:
        return None, []
    order = "<" if data[5] == 1 else ">"
    header_offset, = struct.unpack_from(order + "Q", data, 32)
    header_size, header_count = struct.unpack_from(order + "HH", data, 54)
    interpreter, dynamic, loads = None, None, []
    for index in range(header_count):
        kind, _, offset, address, _, size = struct.unpack_from(order + "IIQQQQ", data, header_offset + index * header_size)
        if kind == 3:
            interpreter = data[offset:offset + size].rstrip(b"\0").decode()
        elif kind == 2:
            dynamic = (offset, size)
        elif kind == 1:
            loads.append((address, offset, size))
    if not dynamic:
        return interpreter, []
    entries = list(struct.iter_unpack(order + "qQ", data[dynamic[0]:dynamic[0] + dynamic[1] // 16 * 16]))
    strings = next((value for tag, value in entries if tag == 5), 0)
    for address, offset, size in loads:
        if address <= strings < address + size:
            strings = strings - address + offset
            break
    names = []
    for tag, value in entries:
        if tag == 1:
            names.append(data[strings + value:data.index(b"\0", strings + value)].decode())
    return interpreter, names


class Layer:
    """The files of a layer; each path once, with its parents before it."""

    def __init__(self, packages):
        self.packages = packages
        self.entries = {}

    def _add(self, path, kind, mode, data=b"", link="", owner=(0, 0)):
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.directory(parent)
        self.entries.setdefault(path, (kind, mode, data, link, owner))

    def directory(self, path, mode=0o755, owner=(0, 0)):
        self._add(path, tarfile.DIRTYPE, mode, owner=owner)

    def file(self, path, data, mode=0o644):
        self._add(path, tarfile.REGTYPE, mode, data.encode() if isinstance(data, str) else data)

    def copy(self, path, source, mode=0o644):
        with open(source, "rb") as file:
            self.file(path, file.read(), mode)

    def link(self, path, target):
        self._add(path, tarfile.SYMTYPE, 0o777, link=target)

    def program(self, path, source):
        """A program with its interpreter and the closure of its libraries."""
        self.copy(path, source, 0o755)
        pending = [source]
        while pending:
            interpreter, names = elf_needs(pending.pop())
            if interpreter and interpreter.strip("/") not in self.entries:
                self.copy(interpreter, self.packages.find(interpreter), 0o755)
            for name in names:
                where, found = self.packages.library(name)
                if where not in self.entries:
                    self.copy(where, found, 0o755)
                    pending.append(found)

    def archive(self):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path, (kind, mode, data, link, owner) in self.entries.items():
                info = tarfile.TarInfo(path)
                info.type, info.mode, info.size, info.linkname = kind, mode, len(data), link
                info.uid, info.gid = owner
                tar.addfile(info, io.BytesIO(data))
        return buffer.getvalue()


class Image:
    def __init__(self, name, layers, **config):
        self.name = name
        tars = [layer.archive() for layer in layers]
        blobs = [gzip.compress(tar, compresslevel=6, mtime=0) for tar in tars]
        config.setdefault("Env", ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        document = json.dumps({
            "architecture": ARCHITECTURE, "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
        }, sort_keys=True).encode()
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(document), "size": len(document)},
            "layers": [{"mediaType": LAYER, "digest": digest(blob), "size": len(blob)} for blob in blobs],
        }, sort_keys=True).encode()
        self.blobs = {digest(blob): blob for blob in blobs + [document]}

    def size(self):
        return sum(len(blob) for blob in self.blobs.values())


class Registry:
    """Pushes to a registry on plain HTTP (distribution-spec, Push)."""

    def __init__(self, address):
        self.address = address

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response

    def push(self, image):
        repository, tag = image.name.rsplit(":", 1)
        for name, blob in image.blobs.items():
            if self.request("HEAD", f"/v2/{repository}/blobs/{name}").status == 200:
                continue
            location = self.request("POST", f"/v2/{repository}/blobs/uploads/", b"").getheader("Location")
            parts = urllib.parse.urlsplit(location or sys.exit(f"build.py: {self.address} does not take uploads"))
            query = "&".join(filter(None, [parts.query, urllib.parse.urlencode({"digest": name})]))
            answer = self.request("PUT", f"{parts.path}?{query}", blob, Content_Type="application/octet-stream")
            if answer.status != 201:
                sys.exit(f"build.py: pushing {image.name}: {answer.status} {answer.reason}")
        answer = self.request("PUT", f"/v2/{repository}/manifests/{tag}", image.manifest, Content_Type=MANIFEST)
        if answer.status not in (200, 201):
            sys.exit(f"build.py: pushing {image.name}: {answer.status} {answer.reason}")


def write_layout(directory, images):
    """Writes an OCI image layout, which `skopeo` and the runtime can read."""
    os.makedirs(f"{directory}/blobs/sha256", exist_ok=True)
    manifests = []
    for image in images:
        for name, blob in {**image.blobs, digest(image.manifest): image.manifest}.items():
            with open(f"{directory}/blobs/sha256/{name.split(':')[1]}", "wb") as file:
                file.write(blob)
        manifests.append({"mediaType": MANIFEST, "digest": digest(image.manifest), "size": len(image.manifest),
                          "annotations": {"org.opencontainers.image.ref.name": image.name}})
    with open(f"{directory}/oci-layout", "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with open(f"{directory}/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": manifests}, file)


def base(packages):
    """Busybox and what programs expect of a machine."""
    layer = Layer(packages)
    for path, mode in (("dev", 0o755), ("proc", 0o755), ("sys", 0o755), ("run", 0o755), ("tmp", 0o1777), ("root", 0o700),
                       ("var/log", 0o755)):
        layer.directory(path, mode)
    layer.link("var/run", "../run")
    busybox = packages.program("busybox", "busybox-static")
    layer.program("bin/busybox", busybox)
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in sorted(set(applets) - {"busybox"}):
        layer.link(f"bin/{applet}", "busybox")
    layer.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n"
               "redis:x:999:999:redis:/data:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    layer.file("etc/group", "root:x:0:\nwww-data:x:33:\nredis:x:999:\nnogroup:x:65534:\n")
    layer.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    return layer


def redis(packages):
    layer = Layer(packages)
    layer.directory("data", 0o755, owner=(999, 999))
    layer.program("usr/bin/redis-server", packages.program("redis-server", "redis-server"))
    layer.program("usr/bin/redis-cli", packages.program("redis-cli", "redis-tools"))
    # Without the delay, which waits for more replicas, a new replica has its data at once.
    serve = 'exec redis-server --protected-mode no --save "" --repl-diskless-sync-delay 0'
    layer.file("usr/bin/redis-leader", f'#!/bin/sh\n{serve} "$@"\n', 0o755)
    layer.file("usr/bin/redis-follower", "#!/bin/sh\n# A replica of $REDIS_LEADER_HOST (redis-leader).\n"
               + serve + ' --replicaof "${REDIS_LEADER_HOST:-redis-leader}" 6379 "$@"\n', 0o755)
    return layer


def nginx(packages):
    layer = Layer(packages)
    layer.program("usr/sbin/nginx", packages.program("nginx", "nginx-light"))
    for path in ("var/log/nginx", "var/lib/nginx"):
        layer.directory(path)
    layer.link("var/log/nginx/access.log", "/dev/stdout")
    layer.link("var/log/nginx/error.log", "/dev/stderr")
    layer.file("etc/nginx/mime.types", "types { text/html html htm; text/css css; application/javascript js; image/png png; }\n")
    layer.file("etc/nginx/nginx.conf",
               "user www-data;\nworker_processes 1;\npid /run/nginx.pid;\nevents {}\n"
               "http {\n  include mime.types;\n  include conf.d/*.conf;\n"
               "  server { listen 80 default_server; root /usr/share/nginx/html; }\n}\n")
    layer.directory("etc/nginx/conf.d")
    layer.file("usr/share/nginx/html/index.html", "<!DOCTYPE html>\n<title>Welcome to nginx!</title>\n<h1>Welcome to nginx!</h1>\n")
    return layer


def guestbook(packages):
    layer = Layer(packages)
    layer.copy("var/www/index.html", os.path.join(HERE, "guestbook/index.html"))
    layer.copy("var/www/cgi-bin/guestbook", os.path.join(HERE, "guestbook/guestbook.cgi"), 0o755)
    # Requests for *.php are run by the same program, as clients of the well-known example expect.
    layer.file("var/www/guestbook.php", "run by /etc/httpd.conf\n")
    layer.file("etc/httpd.conf", "*.php:/var/www/cgi-bin/guestbook\n")
    return layer


def build(names, cache, tag):
    packages = Packages(cache)
    common = base(packages)
    images = []
    for name in names:
        print(f"  building {name}:{tag}", flush=True)
        full = f"{name}:{tag}"
        if name == "busybox":
            images.append(Image(full, [common], Cmd=["sh"]))
        elif name == "pause":
            # For runtimes of others, which keep a pod's namespaces with a container.
            images.append(Image(full, [common], Entrypoint=["sleep", "1000000000"]))
        elif name == "redis":
            images.append(Image(full, [common, redis(packages)], WorkingDir="/data", ExposedPorts={"6379/tcp": {}},
                                Cmd=["redis-leader"]))
        elif name == "nginx":
            images.append(Image(full, [common, nginx(packages)], ExposedPorts={"80/tcp": {}}, StopSignal="SIGQUIT",
                                Cmd=["nginx", "-g", "daemon off;"]))
        elif name == "guestbook":
            images.append(Image(full, [common, guestbook(packages)], ExposedPorts={"80/tcp": {}}, WorkingDir="/var/www",
                                Cmd=["httpd", "-f", "-v", "-p", "80", "-h", "/var/www", "-c", "/etc/httpd.conf"]))
    return images


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = ["busybox", "pause", "redis", "nginx", "guestbook"]
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="which images: " + ", ".join(everything) + " (all)")
    parser.add_argument("--push", metavar="HOST:PORT", help="push to this registry, on plain HTTP")
    parser.add_argument("--layout", metavar="DIRECTORY", help="write an OCI image layout")
    parser.add_argument("--tag", default="v1", help="the tag (v1)")
    parser.add_argument("--cache", default=os.path.expanduser("~/.cache/apus/packages"), help="where packages are unpacked")
    options = parser.parse_args()
    unknown = set(options.images) - set(everything)
    if unknown:
        parser.error(f"unknown images: {', '.join(sorted(unknown))}")
    if not options.push and not options.layout:
        parser.error("say where to: --push or --layout")
    images = build(options.images or everything, options.cache, options.tag)
    if options.layout:
        write_layout(options.layout, images)
    for image in images:
        if options.push:
            Registry(options.push).push(image)
        print(f"{image.name} {digest(image.manifest)} {image.size() // 1024} KiB")


if __name__ == "__main__":
    main()

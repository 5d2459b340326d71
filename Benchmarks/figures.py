# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Figures: what one benchmark found, summed up, and the machine it was found on."""
import os
import platform
import subprocess
import sys
import time


def percentile(values, p):
    """The nearest rank: a value that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * p // 100) - 1))]


class Figures:
    """The figures of one benchmark, in the order in which they were found."""

    def __init__(self):
        self.found = []

    def series(self, name, title, unit, values):
        """Several measurements of one thing."""
        self.found.append({
            "name": name, "title": title, "unit": unit, "n": len(values),
            "p50": round(percentile(values, 50), 3), "p90": round(percentile(values, 90), 3),
            "p99": round(percentile(values, 99), 3), "least": round(min(values), 3), "most": round(max(values), 3)})
        say(f"  {title}: p50 {percentile(values, 50):.2f} {unit}, p99 {percentile(values, 99):.2f}, n {len(values)}")

    def value(self, name, title, unit, value, **more):
        """One measurement; `more` is kept beside it."""
        self.found.append({"name": name, "title": title, "unit": unit, "value": round(value, 3), **more})
        say(f"  {title}: {value:.2f} {unit}")


def say(text):
    """Progress, for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def load():
    """The number of processes that wanted to run in the last minute."""
    return float(open("/proc/loadavg").read().split()[0])


def busy(seconds=1.0):
    """The share of all cores in use over some time, in percent."""
    def read():
        words = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
        return sum(words), words[3] + words[4]
    total, idle = read()
    time.sleep(seconds)
    total_after, idle_after = read()
    return round(100 * (1 - (idle_after - idle) / max(1, total_after - total)), 1)


def command(*words):
    answer = subprocess.run(words, capture_output=True, text=True)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def machine():
    """What a reader needs to know of the machine before comparing."""
    cpu = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1])
    system = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    return {
        "cpu": cpu[0] if cpu else platform.machine(), "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(), "system": system.get("PRETTY_NAME", "").strip('"'),
        "virtualization": command("systemd-detect-virt"),
        "cgroups": "v2" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "v1 or hybrid",
        "file_system": command("stat", "--file-system", "--format=%T", "."),
    }

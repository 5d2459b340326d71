#!/usr/bin/env python3
# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Measures Apus and shows the figures beside those of the reference parts. Tools/bench.sh starts it."""
import argparse
import datetime
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from figures import Figures, busy, load, machine, say

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
NAMES = ("size", "boot", "footprint", "pods", "cri", "cni", "api", "scheduler", "proxy", "csi")


def main():
    parser = argparse.ArgumentParser(prog="Tools/bench.sh", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {' '.join(NAMES)}; without one, all")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="what is printed at the end")
    parser.add_argument("--smoke", action="store_true", help="a few seconds each: shows that all works, and keeps no results")
    parser.add_argument("--list", action="store_true", help="what there is to measure")
    parser.add_argument("--results", default=HERE, help="the folder of results.json and results.md")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if wrong := [name for name in options.names if name not in NAMES]:
        parser.error(f"no benchmark {wrong[0]}; there are {' '.join(NAMES)}")
    if options.list:
        for name in NAMES:
            print(f"{name:12s} {importlib.import_module(name).TITLE}")
    elif options.inside:
        inside(options)
    else:
        outside(options)


def inside(options):
    """One benchmark, in the namespaces that were made for it; its figures go to <folder>/figures.json."""
    from stage import Stage
    name = options.names[0]
    found = Figures()
    with Stage(os.path.join(options.inside, "stage"), options.smoke) as stage:
        importlib.import_module(name).run(stage, found)
    with open(os.path.join(options.inside, "figures.json"), "w") as file:
        json.dump(found.found, file)


def outside(options):
    names = options.names or NAMES
    measured, failed = {}, []
    for place, name in enumerate(names, 1):
        say(f"[{place}/{len(names)}] {name}: {importlib.import_module(name).TITLE}")
        begin = time.monotonic()
        result = isolated(name, options.smoke)
        if result is None:
            failed.append(name)
            say(f"  {name} FAILED after {time.monotonic() - begin:.0f} s")
            continue
        measured[name] = result
        say(f"  {time.monotonic() - begin:.0f} s")
    document = merged(options, measured)
    if not options.smoke:
        write(options.results, document)
    print(json.dumps(document, indent=1) if options.output == "json" else table(document, measured))
    wrong = list(insane(measured))
    for line in wrong:
        say(f"not sane: {line}")
    sys.exit(1 if failed or wrong else 0)


def isolated(name, smoke):
    """Runs one benchmark in namespaces of its own, in a folder that is removed."""
    folder = tempfile.mkdtemp(prefix=f"apus-bench-{name}.")
    try:
        state = {"load": load(), "busy_percent": busy(0.2 if smoke else 2)}
        words = [f"{TOP}/Tools/isolate.sh", sys.executable, os.path.join(HERE, "bench.py"), "--inside", folder, name]
        if subprocess.run(words + (["--smoke"] if smoke else [])).returncode:
            return None
        with open(os.path.join(folder, "figures.json")) as file:
            return {"before": state, "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                    "revision": revision(), "figures": json.load(file)}
    finally:
        if os.environ.get("KEEP"):
            say(f"  kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def revision():
    answer = subprocess.run(["git", "-C", TOP, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return answer.stdout.strip() or "unknown"


def merged(options, measured):
    """The document of all results: what was measured now in the place of what was measured before."""
    path = os.path.join(options.results, "results.json")
    document = {}
    if not options.smoke and os.path.exists(path):
        with open(path) as file:
            document = json.load(file)
    return {"machine": machine(), "benchmarks": {
        name: measured.get(name) or document.get("benchmarks", {}).get(name)
        for name in NAMES if name in measured or name in document.get("benchmarks", {})}}


def write(folder, document):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.json"), "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    facts = document["machine"]
    with open(os.path.join(folder, "results.md"), "w") as file:
        file.write(
            "# Results\n\nWritten by `make bench`; `results.json` has all of it. How to read it: [docs/figures.md](../docs/figures.md).\n\n"
            f"Machine: {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}, "
            f"kernel {facts['kernel']}, {facts['virtualization']}, cgroups {facts['cgroups']}.\n\n")
        file.write(table(document, document["benchmarks"], markdown=True) + "\n")
        for name, result in document["benchmarks"].items():
            before = result["before"]
            file.write(f"\n`{name}` at {result['at']}, revision {result['revision']}; just before, "
                       f"{before['busy_percent']} % of all cores were busy, load {before['load']}.\n")


def insane(measured):
    """What cannot be true, or cannot be right: an aim missed tenfold."""
    aims = constants("aims.json")
    for result in measured.values():
        if not result["figures"]:
            yield "a benchmark without figures"
        for figure in result["figures"]:
            value = figure.get("p50", figure.get("value"))
            if value < 0 or (value == 0 and figure["name"] not in ("footprint.cpu", "footprint.cpu-children")):
                yield f"{figure['title']}: {value}"
            aim = aims.get(figure["name"], {})
            if value > 10 * aim.get("most", value) or value < aim.get("least", value) / 10:
                yield f"{figure['title']}: {value} {figure['unit']}, the aim is {aim}"


def constants(name):
    with open(os.path.join(HERE, name)) as file:
        return json.load(file)


def table(document, measured, markdown=False):
    """The figures beside those of the reference: measured in the same run where it was, else as restated in peers.json."""
    aims, peers = constants("aims.json"), constants("peers.json")["figures"]
    rows = [("figure", "unit", "Apus p50", "p99", "reference p50", "p99", "aim", "")]
    for name in NAMES:
        found = {f["name"]: f for f in measured.get(name, {}).get("figures", [])}
        for key, figure in found.items():
            if key.split(".")[0].endswith("-peer"):
                continue
            peer = found.get(key.replace(".", "-peer.", 1)) or peers.get(key, {})
            aim = aims.get(key, {})
            rows.append((figure["title"], figure["unit"], *shown(figure), *shown(peer), *judged(figure, aim)))
    return lined(rows, markdown)


def shown(figure):
    """(the middle or the one value, the slowest but one in a hundred) as text."""
    if "range" in figure:
        return figure["range"], ""
    middle, last = figure.get("p50", figure.get("value")), figure.get("p99")
    return tuple("" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for value in (middle, last))


def judged(figure, aim):
    value = figure.get("p50", figure.get("value"))
    if "most" in aim:
        return f"at most {aim['most']:,g}", "met" if value <= aim["most"] else "MISSED"
    if "least" in aim:
        return f"at least {aim['least']:,g}", "met" if value >= aim["least"] else "MISSED"
    return "", ""


def lined(rows, markdown):
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join("  ".join(
        word.ljust(width) if place < 2 or place > 5 else word.rjust(width) for place, (word, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What each optional feature costs an edge-hub: bytes of its program, and memory on amd64.

usage: bench_features.py [--pods 10] [--starts 3]

Builds the edge-hub once for each option, with everything but that one feature, and the minimal one with nothing but it. All of them run in
turn on one node with a real containerd, joined to a real cloud-hub, the pods adopted, each started --starts times; the median is shown.
Two features are settings and not options, and are measured as such: peer health, and OpenAPI documents once a client asked for them.
"""

import argparse
import pathlib
import statistics
import subprocess

import figures
from harness import objects, wait
from harness.world import World

OPTIONS = ("MANUAL", "OPENAPI", "TPM2")
BUILDS = figures.ROOT / "build" / "features"
LOCAL = "/var/lib/holdfast/edge/edge.sock"


def build(name, minimal, **options):
    """An edge-hub with these options; the path of its stripped program."""
    where = BUILDS / name
    words = [f"-DHOLDFAST_{option}={'ON' if wanted else 'OFF'}" for option, wanted in {"MINIMAL": minimal, **options}.items()]
    where.mkdir(parents=True, exist_ok=True)
    with open(where / "build.log", "w", encoding="utf-8") as log:
        for command in (["cmake", "-S", figures.ROOT, "-B", where, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *words],
                        ["ninja", "-C", where, "edge-hub"]):
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                raise SystemExit(f"building without a feature failed: {where / 'build.log'}")
    stripped = where / "stripped-hub"
    subprocess.run(["strip", "--strip-all", "-o", stripped, where / "bin" / "edge-hub"], check=True)
    return stripped


def variants():
    """(name, program, settings, what a client asks for first)"""
    full = build("full", False, **{option: True for option in OPTIONS})
    none = build("minimal", True, **{option: False for option in OPTIONS})
    yield "full", full, "", None
    for option in OPTIONS:
        yield f"full without {option}", build(f"full-{option}", False, **{o: o != option for o in OPTIONS}), "", None
    yield "full, peer health off", full, "health:\n  enabled: false\n", None
    yield "full, OpenAPI version 2 asked for", full, "", "/openapi/v2"
    yield "full, OpenAPI version 3 of the core asked for", full, "", "/openapi/v3/api/v1"
    yield "minimal", none, "", None
    for option in OPTIONS[:2]:  # a static program loads no TPM libraries
        yield f"minimal with {option}", build(f"minimal-{option}", True, **{o: o == option for o in OPTIONS}), "", None
    yield "minimal, peer health off", none, "health:\n  enabled: false\n", None


def weigh(edge, program, settings, asked, pods):
    """{"Rss": ..., "Private_Dirty": ...} of a hub that was started anew and has settled."""
    if edge.hub.alive():
        assert edge.hub.stop() == 0
    edge.program = [program]
    config = edge.dir / "edge.yaml"
    config.write_text(settings or "{}\n")
    edge.start_hub("--config", config)
    wait.until("up, with its pods", lambda: edge.status()["link"]["state"] == "up" and
               edge.status()["pods"]["runningContainers"] == pods, 60)
    if asked:
        answer = edge.run(["curl", "-sS", "--fail", "-o", "/dev/null", "-w", "%{size_download}", "--unix-socket", LOCAL,
                           f"http://edge{asked}"])
        assert int(answer.stdout) > 10000, answer.stdout
    figures.settled("the hub", lambda: edge.status()["replica"]["commits"], 3)
    return figures.memory(edge.hub.pid)


def main():
    figures.must_be_root()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=10)
    parser.add_argument("--starts", type=int, default=3)
    args = parser.parse_args()
    print(f"bench_features on {figures.noise()}")
    found = list(variants())
    rows = []
    with World(edges=1).up() as world:
        edge = world.edges[0]
        sleeper = [{"name": "main", "image": "localhost/tool:1", "command": ["/bin/sleep", "2147483647"]}]
        world.cloud.apply([objects.pod(f"sleep-{i}", edge.name, sleeper) for i in range(args.pods)])
        wait.until("the pods run", lambda: edge.status()["pods"]["runningContainers"] == args.pods, 120, 0.5)
        for name, program, settings, asked in found:
            weighed = [weigh(edge, program, settings, asked, args.pods) for _ in range(args.starts)]
            rss = [w["Rss"] / figures.KIB for w in weighed]
            dirty = [w["Private_Dirty"] / figures.KIB for w in weighed]
            rows.append((name, figures.spread(rss, "KiB"), f"{statistics.median(dirty):.0f} KiB of its own, dirty; program of "
                         f"{pathlib.Path(program).stat().st_size} bytes"))
    figures.table(f"an edge-hub with {args.pods} pods: RSS", rows)


main()

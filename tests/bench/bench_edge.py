#!/usr/bin/env python3
"""What an edge-hub costs the node it runs on: memory, threads, disk, and what it does when there is nothing to do.

usage: bench_edge.py [--seconds 120] [--pods 30] [--maps]

One edge host with a real containerd, joined to a real cloud-hub over a veth cable. Measured with no pod and with --pods running
pods of one sleeping process each, just after they were started and again after the hub was restarted and adopted them.
"""

import argparse
import time

import figures
from harness import machines, objects, wait
from harness.world import World

HOUR = 3600
EVERYBODYS = ("libc.so", "libm.so", "ld-linux")


def observe(world, edge, seconds):
    """What happens in that many idle seconds, as rows of the table."""

    def read():
        status = edge.status()  # asked over the local socket: costs the hub one request, which is taken off below
        return {"cpu": figures.cpu_seconds(edge.hub.pid), "in": status["link"]["bytesIn"], "out": status["link"]["bytesOut"],
                "commits": status["replica"]["commits"], "cable": figures.cable(world.switch, edge),
                "io": figures.process_io(edge.hub.pid), "pods": status["pods"]["runningContainers"]}

    # One reading costs CPU, and is part of the observation: measured by two in a row.
    first = read()
    before = read()
    reading = before["cpu"] - first["cpu"]
    time.sleep(seconds)
    after = read()
    hourly = HOUR / seconds
    cpu = max(0.0, after["cpu"] - before["cpu"] - reading)
    wire_in, wire_out = after["in"] - before["in"], after["out"] - before["out"]
    cable = [now - then for now, then in zip(after["cable"], before["cable"])]
    commits = after["commits"] - before["commits"]
    written = after["io"]["write_bytes"] - before["io"]["write_bytes"]
    kb = 1000
    return [
        (f"CPU in {seconds} s", f"{cpu * 1000:.1f} ms = {cpu * hourly:.2f} s an hour", "-"),
        (f"link, bytes in and out in {seconds} s",
         f"{wire_in} + {wire_out} = {(wire_in + wire_out) * hourly / kb:.1f} KB an hour",
         "aim 40 KB an hour; KubeEdge 0.25 kbit/s up = 112 KB an hour (published)"),
        (f"cable, bytes to and from the host in {seconds} s",
         f"{cable[0]} + {cable[1]} = {sum(cable) * hourly / kb:.1f} KB an hour",
         "the same with TCP, IP and Ethernet headers, ARP, IPv6 discovery"),
        (f"SQLite commits in {seconds} s", f"{commits} = {commits * hourly:.0f} an hour", "aim none"),
        (f"bytes written to disk in {seconds} s", f"{written} = {written * hourly / kb:.1f} KB an hour", "-"),
    ]


def weigh(edge, note):
    pid = edge.hub.pid
    found = figures.memory(pid)
    own = found["Rss"] - sum(rss for name, rss, *_ in figures.mappings(pid) if name.startswith(EVERYBODYS))
    return [
        (f"RSS {note}", figures.mb(found["Rss"]), "aim 8 MB now; edgecore 61-74 MB, kubelet 105-120 MB"),
        (f"PSS {note}", figures.mb(found["Pss"]), "shared with other hubs here; aim 5.24 MB (5 MiB) in the end; Greengrass lite 14.8 MB, mosquitto 6.8 MB, Ankaios agent 5.9 MB"),
        (f"RSS without libc, libm, ld.so {note}", figures.mb(own), "what it adds on a node of its own, where every program maps those"),
        (f"of it dirty and its own {note}", figures.mb(found["Private_Dirty"]), "what no page cache can share or drop"),
        (f"threads {note}", figures.threads(pid), "-"),
    ]


def show_maps(edge, note):
    print(f"\nmappings {note}: name, RSS, PSS, private dirty (KiB)")
    for name, *sizes in figures.mappings(edge.hub.pid)[:16]:
        print(f"  {name:40}" + "".join(f"{size // figures.KIB:8}" for size in sizes))


def activity(edge):
    status = edge.status()
    return status["replica"]["commits"], status["outbox"]["entries"], status["outbox"]["acknowledged"]


def run_pods(world, edge, count):
    sleeper = [{"name": "main", "image": "localhost/tool:1", "command": ["/bin/sleep", "2147483647"]}]
    world.cloud.apply([objects.pod(f"sleep-{i}", edge.name, sleeper) for i in range(count)])
    wait.until(f"{count} pods run", lambda: edge.status()["pods"]["runningContainers"] == count, 300, 0.5)
    wait.until(f"{count} pods are reported", lambda: sum(
        pod["status"].get("phase") == "Running" for pod in world.pods()) == count, 120, 0.5)


def main():
    figures.must_be_root()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, help="idle seconds observed each time")
    parser.add_argument("--pods", type=int, default=30)
    parser.add_argument("--maps", action="store_true", help="show where the memory is")
    args = parser.parse_args()
    print(f"bench_edge on {figures.noise()}")
    rows = [("edge-hub, stripped", figures.mb(figures.stripped_size(machines.BIN / "edge-hub")),
             "aim 2 MB; edgecore 99 MB, kubelet 110 MB (shared libraries extra here, static there)")]
    with World(edges=1).up() as world:
        edge = world.edges[0]
        for count in (0, args.pods):
            if count:
                run_pods(world, edge, count)
            figures.settled("the edge-hub", lambda: activity(edge))
            note = f"with {count} pods"
            rows += weigh(edge, note)
            if args.maps:
                show_maps(edge, note)
            rows += [(f"{what} {note}", *rest) for what, *rest in observe(world, edge, args.seconds)]
        edge.hub.stop()
        edge.start_hub()
        wait.until("the pods are adopted", lambda: edge.status()["pods"]["runningContainers"] == args.pods, 60)
        wait.until("the link is up", lambda: edge.status()["link"]["state"] == "up", 60)
        figures.settled("the edge-hub", lambda: activity(edge))
        note = f"with {args.pods} pods, hub restarted"
        rows += weigh(edge, note)
        if args.maps:
            show_maps(edge, note)
    figures.table("edge-hub", rows)
    print("PSS: on this machine other programs share most of its libraries; on a node of its own it lies between this and RSS.")
    print("An hour is extrapolated from the seconds observed. Anchors: shared measurements on a machine of this kind, or published; "
          "edgecore, kubelet: resident with no or few pods, so flattering to them.")


main()

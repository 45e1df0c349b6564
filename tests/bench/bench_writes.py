#!/usr/bin/env python3
"""What a node writes to its disk while nothing happens: flash wear, as the kernel counts it.

usage: bench_writes.py [--seconds 1800] [--pods 30]

Three edge hosts of one region, joined to a cloud-hub: one without a pod, two with --pods, of which a third sleep, a third have a TCP
probe and a third an exec probe, every ten seconds. For each exec containerd's shim writes a file for a moment, into /tmp as a rule; the
third host has it in memory (XDG_RUNTIME_DIR of containerd). Each host has disks of its own (ext4 on loop devices, mounted as Debian
does): for the hub, for containerd and the containers' logs, and for such passing files. Counted are the bytes that reached the disks,
journal and metadata included, and what /proc/PID/io says of the hub, of containerd and of its shims. Two rounds of that many seconds: the
first begins with the hub's copy of its replica (ten minutes after a start, then daily when something changed; its size is told) and has in
it that superseded versions are let go, the second begins when that is over.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

import figures
from harness import machines, objects, wait
from harness.world import World

DAY = 86400
SECTOR = 512
DISKS = {"hub": "2G", "runtime": "8G", "passing": "1G"}
MEANING = {"hub": "with ext4's journal and metadata", "runtime": "containerd's store, snapshots, logs of containers",
           "passing": "a file for each exec, gone at once"}
FIRST_COPY = 11 * 60
COMPACTED = 22 * 60  # and by then a store that fell quiet has let old versions go, once (cache.c)


class Edge(machines.EdgeHost):
    """An edge host whose state lies on disks of its own; they go when its power goes, the files behind them with the world."""

    passing_in_memory = False

    def start(self, name, argv, env=None):
        if name == "containerd":
            where = {"XDG_RUNTIME_DIR": "/run"} if self.passing_in_memory else {"TMPDIR": str(self.dir / "passing")}
            env = {**(env or {}), **where}
        return super().start(name, argv, env)

    def power_on(self):
        super().power_on()
        places = [(name, source, target) for source, target in self.binds
                  for name in ["hub" if source.name == "holdfast" else "runtime"]]
        for disk, size in DISKS.items():
            image, mounted = self.dir / f"{disk}.img", self.dir / disk
            with open(image, "wb") as file:
                file.truncate(int(size[:-1]) << 30)
            mounted.mkdir()
            subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
            self.run(["mount", "-o", "loop,errors=remount-ro", image, mounted])
        for disk, source, target in places:
            inside = self.dir / disk / source.name
            self.run(["mkdir", "-p", inside])
            self.run(["mount", "--bind", inside, source])
            self.run(["mount", "--bind", inside, target])

    @property
    def data_inside(self):
        return pathlib.Path(f"/proc/{self.pid}/root/var/lib/holdfast/edge")

    def device(self, disk):
        found = subprocess.run(["losetup", "-n", "-O", "NAME", "-j", self.dir / f"{disk}.img"], check=True, capture_output=True, text=True)
        return found.stdout.split()[0].rsplit("/", 1)[-1]

    def reached(self, disk):
        """Bytes written to the disk since it was made."""
        return int(pathlib.Path(f"/sys/block/{self.device(disk)}/stat").read_text(encoding="ascii").split()[6]) * SECTOR

    def parts(self):
        """{part: pids}: the hub with its children, containerd, the shims."""
        found = {"edge-hub": [], "containerd": [], "shims": []}
        for top in self.cgroup.dirs:
            for procs in top.rglob("cgroup.procs"):
                for pid in procs.read_text(encoding="ascii").split():
                    name = program(pid)
                    part = "shims" if name.startswith("containerd-shim") else name
                    if part in found and pid not in found[part]:
                        found[part].append(pid)
        return found

    def changed_since(self, then):
        """Files on its disks whose content was changed after that time: (disk, path, allocated bytes)."""
        found = []
        for disk in DISKS:
            top = pathlib.Path(f"/proc/{self.pid}/root{self.dir}/{disk}")
            for folder, _, files in os.walk(top):
                for name in files:
                    path = pathlib.Path(folder) / name
                    try:
                        stat = path.lstat()
                    except OSError:
                        continue
                    if stat.st_mtime > then:
                        found.append((disk, str(path.relative_to(top)), stat.st_blocks * SECTOR))
        return sorted(found)

    def said_since(self, then):
        """Lines of its log from that time on: why something was written."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(then))
        return [line for line in self.hub.log.read_text().splitlines() if line >= stamp]


def program(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def io(pid):
    try:
        return figures.process_io(pid)["write_bytes"]
    except OSError:
        return 0


def read(edge):
    status = edge.status()
    return {"disks": {disk: edge.reached(disk) for disk in DISKS},
            "parts": {part: sum(io(pid) for pid in pids) for part, pids in edge.parts().items()},
            "commits": status["replica"]["commits"], "running": status["pods"]["runningContainers"],
            "restarts": status["pods"]["restarts"]}


def rows_of(before, after, seconds, pods):
    daily = DAY / seconds

    def row(what, written, beside="-"):
        return f"{what}, {pods} pods", f"{written} in {seconds} s = {written * daily / figures.MB:.2f} MB a day", beside

    rows = [row(f"reached the disk: {disk}", after["disks"][disk] - before["disks"][disk], MEANING[disk]) for disk in DISKS]
    rows += [row(f"write_bytes of {part}", after["parts"][part] - before["parts"][part]) for part in after["parts"]]
    rows.append((f"SQLite commits of the hub, {pods} pods", after["commits"] - before["commits"], "aim none"))
    return rows


def pods_of(edge, count):
    often = {"periodSeconds": 10, "timeoutSeconds": 10}  # a busy machine is no reason to restart one
    probes = [{}, {"livenessProbe": {"tcpSocket": {"port": 8080}, **often}},
              {"livenessProbe": {"exec": {"command": ["/bin/true"]}, **often}}]
    command = ["/bin/httpd", "-f", "-p", "8080", "-h", "/"]
    return [objects.pod(f"{edge.name}-{i}", edge.name, [{"name": "main", "image": "localhost/web:1", "command": command, **probes[i % 3]}])
            for i in range(count)]


def calm(edge, seconds=30):
    """The hub has made its copy and has nothing more to say; caches have been written back."""
    copy = edge.data_inside / "replica.db.good"
    wait.until(f"{edge.name}: the first copy", lambda: os.path.exists(copy), FIRST_COPY + 120, 1)
    figures.settled(f"{edge.name}'s hub", lambda: edge.status()["replica"]["commits"], seconds, 300)
    os.sync()
    return os.stat(copy).st_size


def show(world, start, before, after, seconds, note):
    rows = []
    for edge, then, now in zip(world.edges, before, after):
        rows += [(f"{edge.name}: {what}", *rest) for what, *rest in rows_of(then, now, seconds, then["running"])]
        if now["restarts"] != then["restarts"]:
            print(f"{edge.name}: not idle: {now['restarts'] - then['restarts']} containers were started anew")
    figures.table(f"bytes written to disk, idle, {note}", rows)
    for edge in world.edges:
        print(f"\n{edge.name}: what its hub said meanwhile, and files whose content changed, with their size on the disk")
        for line in edge.said_since(start):
            print(f"  hub: {line}")
        for disk, path, size in edge.changed_since(start):
            print(f"  {disk}: {path}  {size}")
    sys.stdout.flush()


def observe(world, seconds, note):
    start = time.time()
    before = [read(edge) for edge in world.edges]
    time.sleep(seconds)
    os.sync()
    show(world, start, before, [read(edge) for edge in world.edges], seconds, note)


def main():
    figures.must_be_root()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=1800, help="idle seconds observed")
    parser.add_argument("--pods", type=int, default=30)
    args = parser.parse_args()
    print(f"bench_writes on {figures.noise()}")
    world = World(edges=3)
    world.edges = [Edge(world, name, e.address, e.region, e.pods) for name, e in zip(("empty", "busy", "busy-tmpfs"), world.edges)]
    world.edges[2].passing_in_memory = True
    with world.up():
        for busy in world.edges[1:]:
            world.cloud.apply(pods_of(busy, args.pods))
            wait.until(f"{args.pods} pods run", lambda e=busy: e.status()["pods"]["runningContainers"] == args.pods, 600, 0.5)
        for edge in world.edges:
            print(f"{edge.name}: a copy of its replica is {calm(edge)} bytes", flush=True)
        ran = time.monotonic()
        observe(world, args.seconds, "after the first copy")
        time.sleep(max(0, COMPACTED - (time.monotonic() - ran)))
        observe(world, args.seconds, "once old versions are gone")


main()

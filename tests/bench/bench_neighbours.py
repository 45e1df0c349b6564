#!/usr/bin/env python3
"""Neighbours on real sockets: edge-hubs of one region beside as many serf agents, on the same machines at the same time.

usage: bench_neighbours.py [--members 40] [--seconds 120] [--tries 5] [--only edge-hub|serf]

Each member is a machine of its own (network namespace, veth cable, switch) that runs a joined edge-hub, whole and with its tunnel to
a real cloud-hub, and a `serf agent` of Debian with its LAN profile. Measured in the same seconds for both: CPU time, memory and bytes
on the cable while nothing happens; then, for --tries members each, how long it takes until every survivor has logged that a member
is gone: its plug pulled, its processes killed, its processes stopped.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shutil
import signal
import statistics
import time

import figures
from harness import wait
from harness.world import World

COUNTERS = """table inet bytes {
    counter edge-hub { }
    counter serf { }
    chain out { type filter hook output priority 0;
        meta l4proto { tcp, udp } th dport 51005 counter name "edge-hub" return
        meta l4proto { tcp, udp } th sport 51005 counter name "edge-hub" return
        meta l4proto { tcp, udp } th dport 7946 counter name "serf" return
        meta l4proto { tcp, udp } th sport 7946 counter name "serf" return
    }
}
"""
POLL = 0.02
QUIET = 20  # after a storm of changes a hub leaves lines out of its log for a while
ROUTER = "10.88.255.254"
# What each of them logs about a member.
GONE = {"edge-hub": r"view member={name} state=(dead|agent-down)\b", "serf": r"EventMemberFailed: {name} "}
BACK = {"edge-hub": r"view member={name} state=alive\b", "serf": r"EventMemberJoin: {name} "}


def route(switch):
    switch.run(["ip", "addr", "add", f"{ROUTER}/16", "dev", "lan"])
    for knob, value in (("ip_forward", 1), ("conf/all/send_redirects", 0), ("conf/lan/send_redirects", 0)):
        switch.run(["sh", "-c", f"echo {value} > /proc/sys/net/ipv4/{knob}"])


class Member:
    """One machine with what runs on it."""

    def __init__(self, world, edge, kinds):
        self.world, self.edge, self.kinds = world, edge, kinds
        self.name = edge.name
        self.running, self.read = {}, {}

    def boot(self):
        self.edge.power_on()
        figures.favour(self.edge)
        self.world.switch.plug(self.edge, self.edge.address)
        # Through a router: the kernel's table of neighbours holds 1,024 for all namespaces together, and a flat network of 40 needs more.
        self.edge.run(["ip", "-batch", "-"], stdin=f"""link set lo up
            addr flush dev eth0
            addr add {self.edge.address}/32 dev eth0
            route add {ROUTER} dev eth0 scope link
            route add default via {ROUTER} src {self.edge.address}
        """)
        self.edge.run(["nft", "-f", "-"], stdin=COUNTERS)

    def start(self, kind):
        if kind == "edge-hub":
            self.edge.start_hub()
            self.running[kind] = self.edge.hub
        else:
            first = self.world.edges[0] if self.edge is not self.world.edges[0] else self.world.edges[1]
            self.running[kind] = self.edge.start("serf", [
                "serf", "agent", f"-node={self.name}", f"-bind={self.edge.address}:7946", "-profile=lan",
                f"-retry-join={first.address}", "-retry-interval=1s"])

    def start_all(self):
        for kind in self.kinds:
            self.start(kind)

    def cpu(self, kind):
        return figures.cpu_seconds(self.running[kind].pid)

    def switches(self, kind):
        """Times that it was given a core because something came up."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.running[kind].pid}/task").iterdir():
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(encoding="ascii"), re.M).group(1))
        return total

    def sent(self):
        shown = self.edge.run(["nft", "-j", "list", "counters"]).stdout
        return {item["counter"]["name"]: (item["counter"]["packets"], item["counter"]["bytes"])
                for item in json.loads(shown)["nftables"] if "counter" in item}

    def log(self, kind):
        """What it logged since this was asked last."""
        with open(self.running[kind].log, "rb") as file:
            file.seek(self.read.get(kind, 0))
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.read[kind] = self.read.get(kind, 0) + len(whole)
        return whole.decode(errors="replace")


    def meets(self, members):
        """Does it see all the others alive? (Its log leaves out what comes in storms.)"""
        if "edge-hub" in self.kinds:
            seen = {member["name"]: member["view"] for member in self.edge.status()["health"]["members"]}
            missing = [f"{name}: {view}" for name, view in seen.items() if view not in ("alive", "self")]
            assert not missing and len(seen) == len(members), (len(seen), missing)
        if "serf" in self.kinds:
            shown = self.edge.run(["serf", "members", "-status=alive"]).stdout.splitlines()
            assert len(shown) == len(members), shown
        return True


def settle(members, who):
    """They have found everybody. How long that took."""
    begin = time.monotonic()
    for member in who:
        wait.until(f"{member.name} knows everybody", lambda m=member: m.meets(members), 180, 0.5)
    return time.monotonic() - begin


def idle(members, kinds, seconds):
    before = {m.name: (m.sent(), {k: (m.cpu(k), m.switches(k)) for k in kinds}) for m in members}
    start = time.monotonic()
    time.sleep(seconds)
    rows = {kind: {"cpu": [], "wakes": [], "packets": [], "bytes": [], "rss": []} for kind in kinds}
    for member in members:
        took = time.monotonic() - start
        sent, used = before[member.name]
        for kind in kinds:
            row, cpu, wakes = rows[kind], *used[kind]
            row["cpu"].append((member.cpu(kind) - cpu) / took)
            row["wakes"].append((member.switches(kind) - wakes) / took)
            row["rss"].append(figures.memory(member.running[kind].pid)["Rss"])
    for member in members:  # reading these costs CPU, so it comes after
        took = time.monotonic() - start
        now = member.sent()
        for kind in kinds:
            for i, what in enumerate(("packets", "bytes")):
                rows[kind][what].append((now[kind][i] - before[member.name][0][kind][i]) / took)
    return rows


def watch(members, victim, kinds, patterns, timeout=90):
    """Seconds until the first and until the last survivor logged it, by kind; None where some never did."""
    begin = time.monotonic()
    searched = {kind: re.compile(patterns[kind].format(name=re.escape(victim.name))) for kind in kinds}
    missing = {(kind, member) for kind in kinds for member in members if member is not victim}
    first, last = {}, {}
    while missing and time.monotonic() < begin + timeout:
        for kind, member in list(missing):
            if searched[kind].search(member.log(kind)):
                missing.remove((kind, member))
                first.setdefault(kind, time.monotonic() - begin)
                last[kind] = time.monotonic() - begin
        time.sleep(POLL)
    silent = {kind for kind, _ in missing}
    return {kind: None if kind in silent else (first[kind], last[kind]) for kind in kinds}


def drain(members, kinds):
    for member in members:
        for kind in kinds:
            member.log(kind)


def pull_the_plug(member):
    member.edge.power_off()


def kill(member):
    for process in member.running.values():
        process.signal(signal.SIGKILL)


def stop(member):
    for process in member.running.values():
        process.signal(signal.SIGSTOP)


def recover(member, way):
    if way is stop:
        for process in member.running.values():
            process.signal(signal.SIGCONT)
        return
    if way is pull_the_plug:
        member.boot()
    member.read.clear()
    for kind in member.kinds:
        log = member.edge.dir / f"{kind}.log"
        member.read[kind] = log.stat().st_size
    member.start_all()


def losses(members, kinds, way, tries):
    times = {kind: {"first": [], "last": []} for kind in kinds}
    for i in range(tries):
        victim = members[(1 + 7 * i) % len(members)]
        drain(members, kinds)
        way(victim)
        for kind, seen in watch(members, victim, kinds, GONE).items():
            if seen:
                times[kind]["first"].append(seen[0])
                times[kind]["last"].append(seen[1])
            else:
                print(f"note: {kind}: not every survivor said that {victim.name} was gone")
        drain(members, kinds)
        recover(victim, way)
        watch(members, victim, kinds, BACK)
        settle(members, [victim])  # it would not miss whom it never saw
        time.sleep(QUIET)
    return times


def mean(values):
    return statistics.mean(values) if values else float("nan")


def table(kinds, rows, times):
    ratio = len(kinds) == 2

    def line(what, values, show):
        cells = [show(value) for value in values]
        if ratio:
            cells.append(f"{values[0] / values[1]:.2f}" if values[1] else "")
        print(f"| {what} | " + " | ".join(cells) + " |")

    print(f"\n| each of {len(rows[kinds[0]]['cpu'])} members | " + " | ".join(kinds) + (" | ratio |" if ratio else " |"))
    print("|---" * (1 + len(kinds) + ratio) + "|")
    line("CPU, share of a core", [mean(rows[k]["cpu"]) for k in kinds], lambda v: f"{v * 100:.3f} %")
    line("wake-ups a second", [mean(rows[k]["wakes"]) for k in kinds], lambda v: f"{v:.1f}")
    line("RSS", [mean(rows[k]["rss"]) for k in kinds], figures.mb)
    line("packets sent a second", [mean(rows[k]["packets"]) for k in kinds], lambda v: f"{v:.2f}")
    line("bytes sent a second, IP and UDP or TCP included", [mean(rows[k]["bytes"]) for k in kinds], lambda v: f"{v:.0f}")
    for what, seen in times.items():
        for which, text in (("first", "first survivor"), ("last", "all survivors")):
            values = [seen[k][which] for k in kinds]
            cells = [f"{statistics.median(v):.1f} s ({min(v):.1f}-{max(v):.1f}, {len(v)})" if v else "-" for v in values]
            if ratio:
                cells.append(f"{statistics.median(values[0]) / statistics.median(values[1]):.2f}" if all(values) else "")
            print(f"| {what}: {text} | " + " | ".join(cells) + " |")


def main():
    figures.must_be_root()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=120, help="idle seconds observed")
    parser.add_argument("--tries", type=int, default=5, help="members lost in each way")
    parser.add_argument("--only", choices=["edge-hub", "serf"])
    args = parser.parse_args()
    kinds = [args.only] if args.only else ["edge-hub", "serf"]
    if "serf" in kinds and not shutil.which("serf"):
        print("serf is not installed (apt-get install serf): the edge-hubs alone")
        kinds = ["edge-hub"]
    ways = {"plug pulled": pull_the_plug, "killed (SIGKILL)": kill, "stopped (SIGSTOP)": stop}
    print(f"bench_neighbours on {figures.noise()}")
    # What a thread starts ends with the thread (harness.box): these outlive the world.
    with concurrent.futures.ThreadPoolExecutor(4) as pool, World(edges=args.members) as world:
        def all_at_once(work, members):
            list(pool.map(work, members))

        members = [Member(world, edge, kinds) for edge in world.edges]
        route(world.switch)
        if "edge-hub" in kinds:
            world.cloud.start_hub()
            token = world.cloud.token("--region", "east", "--uses", str(args.members))
        all_at_once(Member.boot, members)
        if "edge-hub" in kinds:
            all_at_once(lambda member: member.edge.join(token), members)
        all_at_once(Member.start_all, members)
        print(f"all know all {settle(members, members):.0f} s after the last one was started")
        time.sleep(20)
        rows = idle(members, kinds, args.seconds)
        print(f"after {args.seconds} idle seconds: {figures.noise()}")
        times = {what: losses(members, kinds, way, args.tries) for what, way in ways.items() if args.tries}
        table(kinds, rows, times)
        print(f"at the end: {figures.noise()}")


main()

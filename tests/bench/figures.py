"""figures: what the benchmarks in Python share: the way to the harness, readings of /proc, and tables with their anchors."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
os.environ.setdefault("HOLDFAST_BIN", str(ROOT / "build" / "bin"))
os.environ.setdefault("HOLDFAST_TOOLS", str(ROOT / "build" / "tools" / "bin"))
KIB, MB = 1024, 1000 * 1000


def program(name):
    """A program that was built beside the benchmarks: load_api, load_edges."""
    for place in (os.environ.get("HOLDFAST_LOAD"), ROOT / "build" / "release" / "bin"):
        if place and (pathlib.Path(place) / name).exists():
            return pathlib.Path(place) / name
    raise SystemExit(f"{name} is not built; ./dev bench builds it")


def must_be_root():
    if os.geteuid() != 0:
        raise SystemExit("benchmarks make network namespaces and containers: root is needed")


def favour(box):
    """Gives a box most of the CPU when there is more to do than cores, so that neighbours disturb the figures less."""
    for top in box.cgroup.dirs:
        for knob, value in (("cpu.shares", "65536"), ("cpu.weight", "5000")):
            if (top / knob).exists():
                (top / knob).write_text(value, encoding="ascii")


# --- readings ---

def memory(pid):
    """{"Rss": bytes, "Pss": ..., "Private_Dirty": ...} of a process now."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, value, *_ = line.split()
        found[name.rstrip(":")] = int(value) * KIB
    return found


def mappings(pid):
    """[(name, Rss, Pss, Private_Dirty)] by file or kind, the largest PSS first."""
    sums, name = {}, ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="ascii").splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            name = words[5] if len(words) > 5 else "[anonymous]"
            if name.startswith("/"):
                name = name.rsplit("/", 1)[-1]
            sums.setdefault(name, {"Rss": 0, "Pss": 0, "Private_Dirty": 0})
        elif words[0].rstrip(":") in sums[name]:
            sums[name][words[0].rstrip(":")] += int(words[1]) * KIB
    rows = [(key, value["Rss"], value["Pss"], value["Private_Dirty"]) for key, value in sums.items()]
    return sorted(rows, key=lambda row: -row[2])


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def cpu_seconds(pid):
    """CPU time of all threads that are there, to the nanosecond."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


def process_io(pid):
    """{"write_bytes": ..., "wchar": ..., "syscw": ...}"""
    lines = pathlib.Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


def cable(switch, box):
    """(bytes towards the box, bytes from it) as the switch's port counted them, every header included."""
    shown = json.loads(switch.run(["ip", "-s", "-j", "link", "show", switch.ports[box.name]]).stdout)[0]["stats64"]
    return shown["tx"]["bytes"], shown["rx"]["bytes"]


def stripped_size(path):
    """Bytes of the program without symbols, whatever the file at hand has."""
    target = f"/tmp/holdfast-stripped-{os.getpid()}"
    try:
        subprocess.run(["strip", "--strip-all", "-o", target, path], check=True)
        return os.stat(target).st_size
    finally:
        pathlib.Path(target).unlink(missing_ok=True)


def settled(what, read, quiet=5.0, timeout=120):
    """Waits until `read()` has not changed for `quiet` seconds; the value."""
    deadline = time.monotonic() + timeout
    value, since = read(), time.monotonic()
    while time.monotonic() - since < quiet:
        if time.monotonic() > deadline:
            print(f"note: {what} did not settle in {timeout} s", file=sys.stderr)
            break
        time.sleep(0.25)
        now = read()
        if now != value:
            value, since = now, time.monotonic()
    return value


# --- tables ---

def spread(values, unit="ms", digits=0):
    """Median, smallest and largest of repeated measurements."""
    return (f"{statistics.median(values):.{digits}f} {unit} (min {min(values):.{digits}f}, "
            f"max {max(values):.{digits}f}, n={len(values)})")


def mb(value):
    return f"{value / MB:.2f} MB"


def table(title, rows):
    """rows: (what, measured, anchor or aim)."""
    rows = [tuple(str(cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in rows + [("what", "measured", "beside")]) for i in range(3)]
    print(f"\n{title}")
    for row in [("what", "measured", "beside"), tuple("-" * width for width in widths)] + rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    sys.stdout.flush()


def noise():
    """One line that says how quiet the machine is."""
    with open("/proc/loadavg", encoding="ascii") as file:
        return f"{os.cpu_count()} cores, load average {' '.join(file.read().split()[:3])}"

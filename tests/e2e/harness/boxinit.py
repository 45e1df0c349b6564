"""PID 1 of a box: a machine made of namespaces.

Run by harness.box inside fresh pid, mount, net, uts, ipc and cgroup namespaces. It gives the box
its own /run, /tmp, /proc, cgroup tree and bind-mounted state directories, says "ready", and from
then on only reaps orphans, as init does. When it is killed the kernel ends everything in the box:
that is what a power cut looks like, and why nothing is ever left behind.

usage: boxinit.py HOSTNAME [SOURCE:TARGET ...]
"""

import ctypes
import os
import signal
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18


def mount(source, target, fstype=None, flags=0, data=None):
    def enc(text):
        return text.encode() if text is not None else None

    if libc.mount(enc(source), enc(target), enc(fstype), flags, enc(data)) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}: {os.strerror(ctypes.get_errno())}")


def mount_cgroups():
    """Remounts what the host has under /sys/fs/cgroup, rooted at the box's own cgroup."""
    with open("/proc/self/mountinfo", encoding="ascii") as info:
        rows = [line.split() for line in info]
    mounts = []
    for row in rows:
        dash = row.index("-")
        if row[dash + 1] in ("cgroup", "cgroup2"):
            mounts.append((row[4], row[dash + 1], row[dash + 3]))
    unified = any(target == "/sys/fs/cgroup" for target, _, _ in mounts)
    if not unified:
        mount("tmpfs", "/sys/fs/cgroup", "tmpfs")
    for target, fstype, options in mounts:
        os.makedirs(target, exist_ok=True)
        if fstype == "cgroup2":
            mount("cgroup2", target, "cgroup2")
            continue
        wanted = [o for o in options.split(",") if o not in ("rw", "ro", "xattr") and not o.startswith("release_agent")]
        mount("cgroup", target, "cgroup", 0, ",".join(wanted))


def main():
    hostname, binds = sys.argv[1], sys.argv[2:]
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    ctypes.CDLL(None).sethostname(hostname.encode(), len(hostname))
    mount("proc", "/proc", "proc")
    mount_cgroups()
    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755")
    os.makedirs("/run/netns", exist_ok=True)
    for bind in binds:
        source, target = bind.split(":")
        os.makedirs(source, exist_ok=True)
        os.makedirs(target, exist_ok=True)
        mount(source, target, None, MS_BIND | MS_REC)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for knob in ("ipv4/ip_forward", "ipv4/conf/all/forwarding"):
        with open(f"/proc/sys/net/{knob}", "w", encoding="ascii") as file:
            file.write("1")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    while True:
        signal.sigwait([signal.SIGCHLD])
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


main()

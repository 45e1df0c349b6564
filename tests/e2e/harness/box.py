"""box: one machine of the test world, made of Linux namespaces, and the processes in it.

A box has its own pids, mounts, network, host name and cgroup tree; its state directories live in
the world's temporary folder and survive a power cut. Killing its PID 1 ends everything in it.
"""

import ctypes
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
CGROUP_ROOT = pathlib.Path("/sys/fs/cgroup")
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cgroup_hierarchies():
    """Mount points of every cgroup hierarchy (v1 has many, v2 one, hybrid hosts both)."""
    found = []
    with open("/proc/self/mountinfo", encoding="ascii") as info:
        for line in info:
            row = line.split()
            if row[row.index("-") + 1] in ("cgroup", "cgroup2"):
                found.append(pathlib.Path(row[4]))
    return found


class Cgroup:
    """The box's cgroup in every hierarchy of the host."""

    def __init__(self, name):
        self.dirs = [mount / name for mount in cgroup_hierarchies()]
        for path in self.dirs:
            path.mkdir(parents=True, exist_ok=True)
            for knob in ("cpuset.cpus", "cpuset.mems"):
                mine, parents = path / knob, path.parent / knob
                if mine.exists() and parents.exists() and parents.read_text().strip():
                    mine.write_text(parents.read_text())

    def join(self):
        for path in self.dirs:
            (path / "cgroup.procs").write_text("0")

    def remove(self):
        for top in self.dirs:
            for path, _, _ in os.walk(top, topdown=False):
                for _ in range(200):
                    try:
                        os.rmdir(path)
                        break
                    except FileNotFoundError:
                        break
                    except OSError:  # a killed process is still on its way out
                        time.sleep(0.01)


class Process:
    """A long-running program in a box, with its output in a log file.

    Entering the box's pids takes a fork, so popen is nsenter's, which ends as the program does; signals go to its child.
    """

    def __init__(self, popen, log, name):
        self.popen, self.log, self.name = popen, log, name
        self._pid = None

    def alive(self):
        return self.popen.poll() is None

    @property
    def pid(self):
        """The host's pid of the program; None when it ended before it could be seen."""
        while self._pid is None and self.alive():
            try:
                children = pathlib.Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()
            except OSError:
                break
            if children:
                self._pid = int(children[0])
            else:
                time.sleep(0.001)  # not forked yet
        return self._pid

    def signal(self, number):
        if self.alive() and self.pid is not None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
            if number == signal.SIGCONT:
                self.popen.send_signal(number)  # nsenter stops with its child

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, timeout=20):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.popen.wait(timeout)

    def tail(self, lines=30):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


class Box:
    def __init__(self, world, name, binds=()):
        """binds: pairs (name of a folder of this box, where it appears in the box)."""
        self.world, self.name = world, name
        self.dir = world.dir / name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.binds = [(self.dir / folder, target) for folder, target in binds]
        self.cgroup = None
        self.init = None
        self.pid = None
        self.processes = []

    def power_on(self):
        assert self.init is None, f"{self.name} is on"
        self.cgroup = Cgroup(f"{self.world.id}-{self.name}")
        argv = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
                sys.executable, str(HERE / "boxinit.py"), self.name]
        argv += [f"{source}:{target}" for source, target in self.binds]

        def before_exec():
            die_with_parent()
            self.cgroup.join()

        self.init = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=before_exec,
                                     start_new_session=True)
        assert self.init.stdout.readline() == b"ready\n", f"{self.name} did not start"
        children = pathlib.Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text().split()
        self.pid = int(children[0])

    def power_off(self):
        """Pulls the plug: every process in the box ends at once, and /run is gone."""
        if self.init is None:
            return
        first = os.pidfd_open(self.pid)  # still there, and the last of the box to end
        self.init.kill()  # unshare --kill-child takes PID 1 of the box along
        self.init.wait()
        select.select([first], [], [], 30)
        os.close(first)
        for process in self.processes:
            process.popen.wait()
        self.processes.clear()
        self.cgroup.remove()
        self.init = self.pid = None

    def _enter(self, argv):
        return ["nsenter", f"--target={self.pid}", "--all", "--wd=/"] + [str(word) for word in argv]

    def _before_exec(self):
        die_with_parent()
        self.cgroup.join()

    def start(self, name, argv, env=None):
        """Starts a long-running program; its output goes to <box>/<name>.log."""
        log = self.dir / f"{name}.log"
        with open(log, "ab") as out:
            popen = subprocess.Popen(self._enter(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                     env={**os.environ, **(env or {})}, preexec_fn=self._before_exec,
                                     start_new_session=True)  # a Ctrl-C is for the test, which ends the rest in order
        process = Process(popen, log, name)
        self.processes.append(process)
        return process

    def run(self, argv, check=True, timeout=60, stdin=None, env=None):
        """Runs a command to its end; returns CompletedProcess with text output."""
        done = subprocess.run(self._enter(argv), input=stdin, capture_output=True, text=True, timeout=timeout,
                              env={**os.environ, **(env or {})}, preexec_fn=self._before_exec)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def socket(self):
        """A TCP socket that lives in the box's network; it may be used from any thread here."""
        made = []

        def make():  # only this thread changes its network, and ends with it
            here = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            if _libc.setns(here, CLONE_NEWNET) == 0:
                made.append(socket.socket())
            os.close(here)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not made:
            raise RuntimeError(f"{self.name}: no way into its network")
        return made[0]

    def dial(self, address, timeout=10):
        """A TCP connection from the box to (host, port)."""
        sock = self.socket()
        sock.settimeout(timeout)
        try:
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock

    def wipe(self):
        shutil.rmtree(self.dir, ignore_errors=True)

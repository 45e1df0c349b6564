"""The Debian packages, in a tree of Debian as bare as debootstrap makes it: installed, started as a service manager starts them, joined,
upgraded, removed and purged."""

import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess

from harness import objects, wait
from harness.world import World

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGES = pathlib.Path(os.environ.get("HOLDFAST_PACKAGES", ROOT / "build/packages"))
TREE = pathlib.Path(os.environ.get("HOLDFAST_TREE", ROOT / "build/tools/debian"))
TOOLS = ROOT / "tests/tools"


def architecture():
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


def package(side):
    found = sorted(PACKAGES.glob(f"holdfast-{side}_*_{architecture()}.deb"))
    assert found, f"no package of {side} in {PACKAGES}: ./dev package makes it"
    return found[-1]


def field(path, name):
    return subprocess.run(["dpkg-deb", "-f", path, name], check=True, capture_output=True, text=True).stdout.strip()


def tree():
    """The bare Debian with what the packages depend on, as apt would have installed it first."""
    names = {"systemd"}
    for side in ("edge", "cloud"):
        for alternatives in field(package(side), "Depends").split(","):
            names.add(re.match(r"\s*([a-z0-9.+-]+)", alternatives).group(1))
    subprocess.run([TOOLS / "debian-tree", TREE, *sorted(names)], check=True, timeout=900)
    return TREE


def newer(side, directory):
    """The same package as a later release: what an upgrade installs."""
    at = directory / f"newer-{side}"
    subprocess.run(["dpkg-deb", "-R", package(side), at], check=True)
    control = at / "DEBIAN/control"
    version = field(package(side), "Version")
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}+1", control.read_text(), flags=re.M))
    out = directory / f"holdfast-{side}_newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", at, out], check=True, capture_output=True)
    shutil.rmtree(at)
    return out


class Debian:
    """A machine of the world whose root is a fresh copy of the tree."""

    def __init__(self, box):
        self.box = box
        self.root = box.dir / "root"
        self.shared = box.dir / "shared"  # seen in the tree as /mnt
        for name in ("root", "upper", "work", "shared"):
            (box.dir / name).mkdir(exist_ok=True)
        # The world's folder may lie on an overlay itself, which takes no other: a filesystem in memory carries it.
        box.run(["mount", "-t", "tmpfs", "tmpfs", box.dir / "upper"])
        box.run(["mkdir", box.dir / "upper/up", box.dir / "upper/work"])
        box.run(["mount", "-t", "overlay", "overlay", "-o",
                 f"lowerdir={tree()},upperdir={box.dir}/upper/up,workdir={box.dir}/upper/work", self.root])
        for name in ("proc", "dev"):
            box.run(["mount", "--rbind", f"/{name}", self.root / name])
        box.run(["mount", "--bind", self.shared, self.root / "mnt"])

    def share(self, *places):
        """Folders of the box that are the tree's, too: mounts that either makes there are seen by both."""
        for place in places:
            here, there = pathlib.Path(place), self.root / place.lstrip("/")
            self.box.run(["mkdir", "-p", here, there])
            self.box.run(["mount", "--rbind", "--make-rshared", here, here])
            self.box.run(["mount", "--rbind", here, there])

    def run(self, *words, check=True, stdin=None, env=None):
        return self.box.run(["chroot", self.root, *words], check, 300, stdin,
                            {"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})})

    def exists(self, path):
        return self.run("test", "-e", path, check=False).returncode == 0

    def install(self, deb):
        shutil.copy(deb, self.shared / "package.deb")
        return self.run("dpkg", "-i", "/mnt/package.deb")

    def unit(self, name):
        """The unit's settings, as far as a service manager without sandboxing goes."""
        found = {}
        for line in self.run("cat", f"/usr/lib/systemd/system/{name}.service").stdout.splitlines():
            key, sep, value = line.partition("=")
            if sep and not line.startswith("#"):
                found.setdefault(key, []).append(value)
        return found


class Service:
    """A unit's ExecStart run as systemd runs Type=notify with WatchdogSec."""

    def __init__(self, debian, name):
        self.debian, self.name = debian, name
        self.start()

    def start(self):
        debian, name = self.debian, self.name
        unit = debian.unit(name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = debian.shared / f"{name}.notify"
        self.path.unlink(missing_ok=True)
        self.socket.bind(str(self.path))
        os.chmod(self.path, 0o777)
        words = ["chroot", debian.root]
        if "User" in unit:
            for command in unit.get("ExecStartPre", []):
                debian.run(*command.lstrip("+").split())
            words = ["chroot", f"--userspec={unit['User'][0]}:{unit['Group'][0]}", debian.root]
        self.process = debian.box.start(name.split("-")[1] + "-hub", [*words, *unit["ExecStart"][0].split()],
                                        {"NOTIFY_SOCKET": f"/mnt/{name}.notify", "WATCHDOG_USEC": "400000"})
        self.messages = []
        self.until("READY=1")

    def until(self, wanted, timeout=30):
        """The next message that says so; the ones before it are remembered."""
        while True:
            ready, _, _ = select.select([self.socket], [], [], timeout)
            assert ready, f"no {wanted} within {timeout} s; said: {self.messages}\n{self.process.tail()}"
            text = self.socket.recv(4096).decode()
            self.messages.append(text)
            if wanted in text:
                return

    def stop(self):
        assert self.process.stop(30) == 0, self.process.tail()
        self.socket.close()

    def restart(self):
        self.stop()
        self.start()


def advertised(debian, address):
    """The cloud's configuration as an operator edits it."""
    config = debian.run("cat", "/etc/holdfast/cloud.yaml").stdout
    config = re.sub(r"^advertise:.*$", f"advertise: [\"{address}\"]", config, flags=re.M)
    assert address in config
    debian.run("tee", "/etc/holdfast/cloud.yaml", stdin=config)


def test_an_upgrade_restarts_the_service_and_no_pod_notices():
    with World(edges=1) as world:
        edge = world.edges[0]
        world.start_edge(edge)
        here, there = Debian(world.cloud), Debian(edge)
        here.install(package("cloud"))
        # The tree has the hub; the runtime and its networks are the box's.
        there.share("/run", "/sys", "/var/lib/holdfast", "/var/log/pods")
        there.install(package("edge"))
        advertised(here, world.cloud.address)
        cloud = Service(here, "holdfast-cloud")
        token = here.run("cloud-hub", "token", "create").stdout.strip()
        there.run("edge-hub", "join", "--cloud", f"{world.cloud.address}:7443", "--token", token)
        node = Service(there, "holdfast-edge")

        def kubectl(*words, stdin=None):
            config = here.root / "var/lib/holdfast/cloud/admin.kubeconfig"
            return world.cloud.kubectl(f"--kubeconfig={config}", *words, stdin=stdin)

        def running(count):
            status = json.loads(there.run("edge-hub", "status", "-o", "json").stdout)
            return status["link"]["state"] == "up" and status["pods"]["runningContainers"] == count
        pods = [objects.pod(f"work-{i}", edge.name, volumes=[{"name": "s", "secret": {"secretName": "keys"}}],
                            containers=[objects.shell_container("sleep 1000000 & wait", volumeMounts=[{"name": "s", "mountPath": "/s"}])])
                for i in range(3)]
        pods[0]["metadata"]["annotations"] = {"holdfast.io/exclusive": "true"}
        kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [objects.secret("keys", {"a": "b"}), *pods]}))
        wait.until("the pods run", lambda: running(3), 90)
        before = edge.containers()

        def guards():
            return edge.run(["pgrep", "-x", "fence-guard"], check=False).stdout.split()
        wait.until("one of them is watched over", lambda: len(guards()) == 1, 20)
        guard = guards()
        assert there.unit("holdfast-edge")["KillMode"] == ["process"], "the end of the service would end the guard"

        # Both ways: to the newer one and, where the data is of the same schema, back. dpkg replaces the program under the running hub.
        for deb in (newer("edge", world.dir), package("edge")):
            there.install(deb)
            assert edge.containers() == before
            node.restart()
            wait.until("the link is up", lambda: running(3), 60)
            assert edge.containers() == before, "the upgrade touched a container"
        # A hub that is killed, as by the watchdog, is started again: the same.
        node.process.kill()
        node = Service(there, "holdfast-edge")
        wait.until("the link is up", lambda: running(3), 60)
        assert edge.containers() == before
        found = json.loads(kubectl("get", "pods", "-o", "json").stdout)["items"]
        assert [c["restartCount"] for pod in found for c in pod["status"]["containerStatuses"]] == [0, 0, 0]
        node.stop()
        assert edge.containers() == before, "the end of the service touched a container"
        assert guards() == guard, "who watches over the pod that must run only once is another one, or nobody"
        cloud.stop()


def test_installed_started_joined_upgraded_removed_and_purged():
    with World(edges=1) as world:
        edge = world.edges[0]
        edge.power_on()
        world.switch.plug(edge, edge.address)
        here, there = Debian(world.cloud), Debian(edge)
        here.install(package("cloud"))
        there.install(package("edge"))

        # What a person finds.
        for debian, side in ((here, "cloud"), (there, "edge")):
            assert debian.run("stat", "-c", "%a", f"/var/lib/holdfast/{side}").stdout.strip() == "700"
            assert "dataDir" in debian.run("cat", f"/etc/holdfast/{side}.yaml").stdout
            assert debian.exists(f"/usr/share/man/man8/{side}-hub.8.gz") or debian.exists("/etc/dpkg/dpkg.cfg.d")
            shown = debian.run("systemd-analyze", "verify", f"/usr/lib/systemd/system/holdfast-{side}.service", check=False)
            complaints = [line for line in shown.stderr.splitlines() if "holdfast" in line and "man" not in line]
            assert not complaints, complaints
        assert here.run("stat", "-c", "%U", "/var/lib/holdfast/cloud").stdout.strip() == "holdfast-cloud"
        # Not joined: the service has nothing to run, and says so.
        assert there.unit("holdfast-edge")["ConditionPathExists"] == ["/var/lib/holdfast/edge/identity"]
        assert not there.exists("/var/lib/holdfast/edge/identity")

        # Started as a service manager does; the watchdog is fed.
        advertised(here, world.cloud.address)
        cloud = Service(here, "holdfast-cloud")
        cloud.until("WATCHDOG=1")
        token = here.run("cloud-hub", "token", "create", "--region", "east").stdout.strip()
        there.run("edge-hub", "join", "--cloud", f"{world.cloud.address}:7443", "--token", token)
        node = Service(there, "holdfast-edge")
        node.until("WATCHDOG=1")

        def linked():
            status = there.run("edge-hub", "status", "-o", "json", check=False)
            return status.returncode == 0 and json.loads(status.stdout)["link"]["state"] == "up"
        wait.until("the node is linked", linked, 30)

        # A hub that hangs is not fed for.
        node.process.signal(19)  # SIGSTOP
        while select.select([node.socket], [], [], 1.5)[0]:
            node.socket.recv(4096)
        node.process.signal(18)  # SIGCONT
        node.until("WATCHDOG=1")

        # Upgraded: settings and state stay.
        there.run("tee", "-a", "/etc/holdfast/edge.yaml", stdin="# mine\n")
        there.install(newer("edge", world.dir))
        assert "# mine" in there.run("cat", "/etc/holdfast/edge.yaml").stdout
        node.stop()
        node = Service(there, "holdfast-edge")
        wait.until("linked after the upgrade", linked, 30)

        # Removed: the program goes, identity and settings stay; purged: only what was asked.
        node.stop()
        there.run("dpkg", "-r", "holdfast-edge")
        assert not there.exists("/usr/bin/edge-hub")
        assert there.exists("/etc/holdfast/edge.yaml") and there.exists("/var/lib/holdfast/edge/identity")
        there.run("dpkg", "-P", "holdfast-edge")
        assert not there.exists("/etc/holdfast/edge.yaml")
        assert there.exists("/var/lib/holdfast/edge/identity"), "a purge took the state without being asked"

        there.install(package("edge"))
        there.run("debconf-set-selections", stdin="holdfast-edge holdfast-edge/purge-state boolean true\n")
        there.run("dpkg", "-P", "holdfast-edge")
        assert not there.exists("/var/lib/holdfast/edge"), "a purge that was asked to left the state"
        cloud.stop()

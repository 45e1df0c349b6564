#!/usr/bin/env python3
"""pods_real: the pod agent (podsrun) against a real containerd, in namespaces of its own.

    pods_real.py PODSRUN [--keep]

Builds its images from busybox, starts a containerd with private root, state and socket, and plays what happens to a
node: start, probe, configuration change, crash, restart of agent and runtime, changed image, replacement, deletion,
power cut. Exits 77 where it cannot run (no root, no containerd). Everything ends with this process's pid namespace.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from harness import images, tasks  # noqa: E402

CONTAINERD = """version = 2
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{dir}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{dir}/cni"
"""


class Failed(Exception):
    pass


class Node:
    def __init__(self, directory, podsrun):
        self.dir, self.podsrun = pathlib.Path(directory), podsrun
        for name in ("cni", "pods/configmaps", "pods/secrets", "data", "logs"):
            (self.dir / name).mkdir(parents=True)
        (self.dir / "containerd.toml").write_text(CONTAINERD.format(dir=self.dir))
        (self.dir / "cni" / "10.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [{
                "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.7.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}],
                         "dataDir": f"{self.dir}/ipam"}}]}))
        self.containerd = self.agent = None
        self.uids = {}

    # --- processes ---
    def start_containerd(self):
        with open(self.dir / "containerd.log", "ab") as log:
            self.containerd = subprocess.Popen(["containerd", "--config", self.dir / "containerd.toml"], stdout=log, stderr=log)
        self.until("containerd answers", lambda: self.ctr("version", check=False).returncode == 0)

    def import_images(self):
        archive = self.dir / "images.tar"
        images.build(archive, images.STANDARD)
        self.ctr("images", "import", archive)

    def start_agent(self, **environment):
        self.out = self.dir / f"agent-{time.monotonic_ns()}.out"
        with open(self.out, "wb") as out, open(self.dir / "agent.log", "ab") as log:
            self.agent = subprocess.Popen([self.podsrun, f"unix://{self.dir}/containerd.sock", self.dir / "data", self.dir / "logs",
                                           self.dir / "pods"], stdout=out, stderr=log, env={**os.environ, "LOG_MAX": "65536", **environment})

    def stop(self, process, number):
        process.send_signal(number)
        process.wait(20)

    def ctr(self, *words, check=True):
        return subprocess.run(["ctr", "-a", self.dir / "containerd.sock", "-n", "k8s.io", *words], check=check,
                              capture_output=True, text=True, timeout=60)

    # --- what the agent said ---
    def said(self):
        text = self.out.read_text(errors="replace")
        return [line for line in text.split("\n")[:-1]]

    def status(self, name):
        found = None
        for line in self.said():
            if line.startswith(f"status default/{name} "):
                found = json.loads(line.split(" ", 2)[2])
        return found

    def ready(self, name):
        return any(c["type"] == "Ready" and c["status"] == "True" for c in (self.status(name) or {}).get("conditions", []))

    def container(self, name):
        return self.status(name)["containerStatuses"][0]

    def until(self, what, test, seconds=30):
        end = time.monotonic() + seconds
        while True:
            try:
                value = test()
            except (TypeError, KeyError, IndexError, OSError, ValueError):
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"not within {seconds} s: {what}\n" + "\n".join(self.said()[-5:]) +
                             "\n" + (self.dir / "agent.log").read_text()[-2000:])
            time.sleep(0.05)

    # --- what there is ---
    def put_pod(self, name, uid, image="localhost/web:1", extra=None):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "default", "name": name, "uid": uid, "labels": {"app": name}},
               "spec": {"terminationGracePeriodSeconds": 2, "containers": [{
                   "name": "web", "image": image, "imagePullPolicy": "IfNotPresent",
                   "env": [{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "s", "key": "pw"}}},
                           {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                   "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
                   "volumeMounts": [{"name": "page", "mountPath": "/www"}, {"name": "sec", "mountPath": "/sec"},
                                    {"name": "dir", "mountPath": "/dir", "subPath": "a/b"}],
                   "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                   "lifecycle": {"postStart": {"exec": {"command": ["/bin/touch", "/dir/started"]}}, "preStop": {"sleep": {"seconds": 1}}},
                   "readinessProbe": {"httpGet": {"port": 8080, "path": "/", "httpHeaders": [{"name": "Host", "value": "web.test"}]},
                                      "periodSeconds": 1},
                   "livenessProbe": {"exec": {"command": ["/bin/true"]}, "periodSeconds": 5}}],
                   "volumes": [{"name": "page", "configMap": {"name": "page"}}, {"name": "sec", "secret": {"secretName": "s"}},
                               {"name": "dir", "emptyDir": {}}]}}
        pod["spec"].update(extra or {})
        last = self.status(name) if self.agent else None
        if last and self.uids.get(name) == uid:
            pod["status"] = last
        self.uids[name] = uid
        path = self.dir / "pods" / f"{name}.json"
        path.with_suffix(".tmp").write_text(json.dumps(pod))
        path.with_suffix(".tmp").rename(path)

    def put_tool(self, name, uid, command, **spec):
        pod = {"metadata": {"namespace": "default", "name": name, "uid": uid}, "spec": {
            "terminationGracePeriodSeconds": 1, "containers": [{
                "name": "tool", "image": "localhost/tool:1", "imagePullPolicy": "IfNotPresent", "command": ["/bin/sh", "-c", command]}], **spec}}
        (self.dir / "pods" / f"{name}.json").write_text(json.dumps(pod))

    def put_page(self, text):
        (self.dir / "pods/configmaps/default.page.json").write_text(json.dumps({"data": {"index.html": text}}))

    def page(self, name):
        with urllib.request.urlopen(f"http://{self.status(name)['podIP']}:8080/", timeout=3) as answer:
            return answer.read().decode()

    def tasks(self):
        return tasks.running(lambda *words: self.ctr(*words).stdout)

    def container_id(self, name):
        return self.container(name)["containerID"].removeprefix("containerd://")


def memory_kb(process):
    rows = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":" in line)
    return int(rows["VmRSS"].split()[0])


def scenario(n, tell):
    n.put_page("one")
    (n.dir / "pods/secrets/default.s.json").write_text(json.dumps({"data": {"pw": "c2VjcmV0"}}))
    n.start_agent()
    n.until("runtime is up", lambda: any(line.startswith("runtime up=1 ready=1 network=1") for line in n.said()))
    tell("agent idle, KB resident", memory_kb(n.agent))

    # Writes without end; what is kept of it is looked at when the other things were shown.
    n.put_tool("talker", "t-1", "while true; do echo a line of some length that fills the log of this container; done")
    n.put_tool("once", "t-2", "echo last words > /dev/termination-log; exit 3", restartPolicy="Never")
    n.put_tool("crash", "t-3", "exit 1")

    begun = time.monotonic()
    n.put_pod("web", "u-1")
    n.put_pod("other", "u-2")
    n.until("both pods are ready", lambda: n.ready("web") and n.ready("other"))
    tell("two pods told to ready, s", round(time.monotonic() - begun, 2))
    assert n.page("web") == "one"
    env = n.ctr("tasks", "exec", "--exec-id", "e1", n.container_id("web"), "/bin/sh", "-c", "echo $PW $ME; cat /sec/pw").stdout
    assert env == "secret web\nsecret", env
    assert n.container("web")["imageID"].startswith("sha256:"), n.container("web")
    n.until("the job has failed", lambda: n.status("once")["phase"] == "Failed")
    ended = n.container("once")["state"]["terminated"]
    assert ended["exitCode"] == 3 and ended["message"] == "last words\n", ended
    n.until("the crashing pod is backed off", lambda: n.container("crash")["state"]["waiting"]["reason"] == "CrashLoopBackOff")
    n.until("the talker talks", lambda: n.status("talker")["phase"] == "Running")
    for name in ("once", "crash"):
        (n.dir / "pods" / f"{name}.json").unlink()
    n.until("jobs are gone", lambda: sum(x.startswith("terminated ") for x in n.said()) == 2 and len(n.tasks()) == 6)

    n.put_page("two")
    n.put_pod("web", "u-1")
    n.until("the page changes", lambda: n.page("web") == "two")

    other = n.container_id("other")
    begun = time.monotonic()
    os.kill(n.tasks()[n.container_id("web")], signal.SIGKILL)
    n.until("the killed process is back", lambda: n.container("web")["restartCount"] == 1 and n.ready("web"), 10)
    tell("process killed to ready again, s", round(time.monotonic() - begun, 2))
    assert n.container("web")["lastState"]["terminated"]["exitCode"] == 137

    before = n.tasks()
    n.put_pod("web", "u-1")
    n.stop(n.agent, signal.SIGKILL)
    n.start_agent()
    n.until("adopted after a kill of the agent", lambda: n.ready("web") and n.ready("other"))
    assert n.tasks() == before, "something was restarted"
    assert n.container("web")["restartCount"] == 1
    assert not any("Killing" in line for line in n.said())

    n.stop(n.containerd, signal.SIGTERM)
    n.until("runtime is down", lambda: any(line.startswith("runtime up=0") for line in n.said()))
    time.sleep(1)
    n.start_containerd()
    n.until("runtime is back", lambda: [x for x in n.said() if x.startswith("runtime ")][-1].startswith("runtime up=1 ready=1"))
    time.sleep(2)
    assert n.tasks() == before, "the runtime's restart cost a container"

    n.containerd.send_signal(signal.SIGSTOP)
    n.until("a runtime that hangs is noticed", lambda: [x for x in n.said() if x.startswith("runtime ")][-1].startswith("runtime up=0"), 60)
    n.containerd.send_signal(signal.SIGCONT)
    n.until("it answers again", lambda: [x for x in n.said() if x.startswith("runtime ")][-1].startswith("runtime up=1 ready=1"), 40)
    time.sleep(3)
    assert n.tasks() == before, "a runtime that hung cost a container"
    assert not any("Killing" in line for line in n.said())
    logs = list((n.dir / "logs/default_talker_t-1/tool").iterdir())
    assert 2 <= len(logs) <= 3, logs
    (n.dir / "pods/talker.json").unlink()
    n.until("the talker is gone", lambda: len(n.tasks()) == 4)

    n.put_pod("web", "u-1", image="localhost/web:2")
    n.until("the changed image runs", lambda: n.container("web")["image"] == "localhost/web:2" and n.ready("web"), 20)
    assert n.container_id("other") == other

    n.put_pod("web", "u-3")
    n.until("another UID replaces the pod", lambda: any("terminated default/web u-1" in x for x in n.said()) and
            n.container("web")["restartCount"] == 0 and n.ready("web"), 20)
    assert not (n.dir / "data/pods/u-1").exists()
    assert n.container_id("other") == other

    # A pause process that dies alone: what runs in the sandbox stays for a while, then all of it is made anew.
    pauses = set(n.tasks()) - {n.container_id("web"), other}
    infos = {task: json.loads(n.ctr("containers", "info", task).stdout)["Labels"] for task in pauses}
    pause = next(task for task in pauses if infos[task]["io.kubernetes.pod.name"] == "web")
    os.kill(n.tasks()[pause], signal.SIGKILL)
    n.until("a lost sandbox is replaced", lambda: n.container("web")["restartCount"] == 1 and n.ready("web"), 40)
    assert n.container_id("other") == other

    # Removed while nobody looked: kept until somebody says that it is to go.
    n.stop(n.agent, signal.SIGKILL)
    (n.dir / "pods/web.json").rename(n.dir / "web.away")
    n.start_agent()
    n.until("the orphan is found", lambda: any(x.startswith("unknown default/web u-3") for x in n.said()))
    time.sleep(2)
    assert len(n.tasks()) == 4 and n.container_id("other") == other
    n.stop(n.agent, signal.SIGKILL)
    (n.dir / "data/pods/x-9/volumes").mkdir(parents=True)  # left by a process that died while it cleaned
    (n.dir / "logs/default_old_x-9/web").mkdir(parents=True)
    n.start_agent(RELEASE_UNKNOWN="1")
    n.until("what was left is cleaned", lambda: not (n.dir / "data/pods/x-9").exists() and not (n.dir / "logs/default_old_x-9").exists())
    n.until("the orphan is released", lambda: any(x.startswith("terminated default/web u-3") for x in n.said()) and len(n.tasks()) == 2)
    assert n.container_id("other") == other
    n.put_tool("net", "h-1", "sleep 1000", hostNetwork=True)
    n.until("a pod on the host's network runs", lambda: n.status("net")["phase"] == "Running" and n.status("net")["podIP"] == "192.0.2.7")
    n.put_tool("root", "r-1", "sleep 1000", securityContext={"runAsNonRoot": True})
    n.until("root is refused", lambda: n.container("root")["state"]["waiting"]["reason"] == "CreateContainerConfigError")
    n.put_tool("late", "l-1", "cat /c/k; sleep 1000", volumes=[{"name": "c", "configMap": {"name": "late"}}])
    n.until("a missing ConfigMap is told", lambda: any("FailedMount" in x and "late" in x for x in n.said()))
    assert n.status("late")["phase"] == "Pending"
    (n.dir / "pods/configmaps/default.late.json").write_text(json.dumps({"data": {"k": "v"}}))
    n.until("it runs when the ConfigMap is there", lambda: n.status("late")["phase"] == "Running", 40)
    for name in ("net", "root", "late"):
        (n.dir / "pods" / f"{name}.json").unlink()
    n.until("they are gone", lambda: len(n.tasks()) == 2)
    n.put_pod("web", "u-4")
    n.until("the name is used again", lambda: n.ready("web"))

    # Replaced while the agent was down: the old one goes first, and the new one is not taken for it.
    n.stop(n.agent, signal.SIGKILL)
    n.put_pod("web", "u-5")
    n.start_agent(RELEASE_UNKNOWN="1")
    n.until("replaced after a restart", lambda: any(x.startswith("terminated default/web u-4") for x in n.said()) and n.ready("web"))
    said = n.said()
    gone = next(i for i, x in enumerate(said) if x.startswith("terminated default/web u-4"))
    assert not any("Started container web" in x and "default/web" in x for x in said[:gone]), "both ran at once"
    assert not any(x.startswith("terminated default/web u-5") for x in said)

    # Power cut: every process gone, disks kept; the runtime's own state directory is a tmpfs on a real machine.
    n.put_pod("web", "u-5")
    n.put_pod("other", "u-2")
    n.stop(n.agent, signal.SIGKILL)
    pids = list(n.tasks().values())
    n.stop(n.containerd, signal.SIGKILL)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    subprocess.run(["pkill", "-9", "-x", "containerd-shim"], check=False)
    time.sleep(0.5)
    begun = time.monotonic()
    n.start_containerd()
    n.start_agent()
    n.until("both run again after a power cut", lambda: n.ready("web") and n.ready("other") and len(n.tasks()) == 4, 40)
    tell("power back to both ready, s", round(time.monotonic() - begun, 2))
    assert n.container("other")["restartCount"] == 1, n.container("other")
    assert n.page("web") == "two"

    for name in ("web", "other"):
        (n.dir / "pods" / f"{name}.json").unlink()
    n.until("both are gone", lambda: sum(x.startswith("terminated ") for x in n.said()) == 2, 20)
    assert not n.tasks() and not n.ctr("containers", "ls", "-q").stdout.strip()
    n.until("no files are left", lambda: not list((n.dir / "data/pods").iterdir()) and not list((n.dir / "logs").iterdir()))

    for i in range(30):
        n.put_pod(f"p{i}", f"m-{i}")
    n.until("thirty pods are ready", lambda: all(n.ready(f"p{i}") for i in range(30)), 120)
    time.sleep(3)
    tell("agent with 30 pods, KB resident", memory_kb(n.agent))
    for i in range(30):
        (n.dir / "pods" / f"p{i}.json").unlink()
    n.until("all thirty are gone", lambda: sum(x.startswith("terminated ") for x in n.said()) == 32, 90)  # the two before them, too
    n.stop(n.agent, signal.SIGTERM)
    assert n.agent.returncode == 0, n.agent.returncode


def inside(podsrun, keep):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    directory = tempfile.mkdtemp(prefix="holdfast-pods-real-")
    told = []
    node = Node(directory, podsrun)
    try:
        node.start_containerd()
        node.import_images()
        scenario(node, lambda what, figure: told.append((what, figure)))
        for what, figure in told:
            print(f"{what:40} {figure}")
        print("pods_real: ok")
        return 0
    except (Failed, AssertionError) as problem:
        import traceback
        traceback.print_exc()
        return 1
    finally:
        for process in (node.agent, node.containerd):
            if process and process.poll() is None:
                process.kill()
        if keep:
            print(f"kept: {directory}")
        else:
            points = [row.split()[4] for row in open("/proc/self/mountinfo", encoding="ascii")]
            for point in sorted((p for p in points if p.startswith(directory)), reverse=True):
                subprocess.run(["umount", "-l", point], check=False)
            shutil.rmtree(directory, ignore_errors=True)


def main():
    arguments = [word for word in sys.argv[1:] if not word.startswith("--")]
    if "--inside" in sys.argv:
        return inside(arguments[0], "--keep" in sys.argv)
    if os.geteuid() != 0 or not shutil.which("containerd") or not pathlib.Path("/usr/lib/cni/bridge").exists():
        print("pods_real: skipped: needs root, containerd and CNI plugins")
        return 77
    return subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                           __file__, "--inside", *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

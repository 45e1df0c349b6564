"""machines: the two kinds of machine of a Holdfast installation, each in a box, with real parts inside."""

import http.client
import json
import os
import pathlib
import shutil

from harness import tasks, wait
from harness.box import Box

BIN = pathlib.Path(os.environ.get("HOLDFAST_BIN", "build/bin")).resolve()
TOOLS = pathlib.Path(os.environ.get("HOLDFAST_TOOLS", "build/tools/bin")).resolve()
CONTAINERD_CONFIG = """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
"""


def kubectl_binary():
    """The newest kubectl there is, unless KUBECTL names one."""
    fetched = [str(path) for path in (TOOLS / "kubectl-1.32", TOOLS / "kubectl-1.20") if path.exists()]
    return os.environ.get("KUBECTL") or (fetched or [shutil.which("kubectl")])[0]


class CloudHost(Box):
    """The data centre: a cloud-hub, and the operator's kubectl."""

    def __init__(self, world, name, address):
        super().__init__(world, name, [("holdfast", "/var/lib/holdfast")])
        self.address = address
        self.data = self.dir / "holdfast" / "cloud"
        self.hub = None
        self.under = []  # words before our programs: see clock.Clock
        self.options = []  # of every start of the hub

    def configure(self, text):
        """Every start of the hub from now on reads this configuration."""
        path = self.dir / "cloud.yaml"
        path.write_text(text)
        self.options = ["--config", path]

    def start_hub(self, *options):
        self.hub = self.start("cloud-hub", [*self.under, BIN / "cloud-hub", "run", "--advertise", self.address, *self.options, *options])
        wait.until("cloud-hub ready", self.ready, 30, 0.05)

    def ready(self):
        if not self.hub.alive():
            raise wait.Hopeless(f"cloud-hub ended with {self.hub.popen.returncode}:\n{self.hub.tail()}")
        return self.kubectl("get", "--raw", "/readyz", check=False).returncode == 0

    def operate(self, *words, check=True):
        """An operator's verb on the cloud's machine."""
        return self.run([BIN / "cloud-hub", *words], check)

    def token(self, *options):
        return self.run([BIN / "cloud-hub", "token", "create", *options]).stdout.strip()

    @property
    def kubeconfig(self):
        return self.data / "admin.kubeconfig"

    def kubectl(self, *words, check=True, timeout=60, stdin=None, binary=None, env=None):
        binary = binary or kubectl_binary()
        home = self.dir / "home"
        return self.run([binary, "--kubeconfig", self.kubeconfig, *words], check, timeout, stdin,
                        {"HOME": str(home), **(env or {})})

    def get(self, *words):
        """kubectl get ... -o json, decoded."""
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def apply(self, manifest):
        """Applies YAML text, or an object (or list of objects) as JSON."""
        if isinstance(manifest, list):
            manifest = {"apiVersion": "v1", "kind": "List", "items": manifest}
        if not isinstance(manifest, str):
            manifest = json.dumps(manifest)
        return self.kubectl("apply", "-f", "-", stdin=manifest)


class EdgeHost(Box):
    """An edge server: containerd with CNI, and an edge-hub."""

    def __init__(self, world, name, address, region, pods):
        super().__init__(world, name, [("holdfast", "/var/lib/holdfast"), ("containerd", "/var/lib/containerd"),
                                       ("kubelet-pods-logs", "/var/log/pods")])
        self.address, self.region, self.pods = address, region, pods
        self.data = self.dir / "holdfast" / "edge"
        self.containerd = self.hub = None
        self.program = [BIN / "edge-hub"]  # or another build of it, with what it runs under
        self.under = []  # words before our programs: see clock.Clock
        cni = self.dir / "cni"
        cni.mkdir()
        (cni / "10-pods.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [
                {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}],
                          "dataDir": "/run/cni-ipam"}}]}))
        (self.dir / "containerd.toml").write_text(CONTAINERD_CONFIG.format(cni=cni))

    def start_containerd(self):
        self.containerd = self.start("containerd", ["containerd", "--config", self.dir / "containerd.toml"])
        wait.until("containerd ready", lambda: self.ctr("version", check=False).returncode == 0, 30, 0.05)
        have = self.ctr("images", "ls", "-q").stdout.split()
        if "localhost/pause:1" not in have:
            self.ctr("images", "import", self.world.images)

    def ctr(self, *words, check=True):
        return self.run(["ctr", "-n", "k8s.io", *words], check)

    def join(self, token, *options, cloud=None):
        return self.run([*self.under, *self.program, "join", "--cloud", f"{cloud or self.world.cloud.address}:7443", "--token", token,
                         "--region", self.region, *options])

    def start_hub(self, *options):
        self.hub = self.start("edge-hub", [*self.under, *self.program, "run", *options])

    def status(self):
        """edge-hub status -o json on the node, decoded."""
        return json.loads(self.run([*self.program, "status", "-o", "json"]).stdout)

    def containers(self):
        """{container id: {"name":..., "pod":..., "uid":..., "pid": host pid}} of running containers, sandboxes left out."""
        found = {}
        for ident, pid in tasks.running(lambda *words: self.ctr(*words).stdout).items():
            info = json.loads(self.ctr("containers", "info", ident).stdout)
            labels = info.get("Labels", {})
            if labels.get("io.cri-containerd.kind") != "container":
                continue
            found[ident] = {"name": labels.get("io.kubernetes.container.name"), "pod": labels.get("io.kubernetes.pod.name"),
                            "namespace": labels.get("io.kubernetes.pod.namespace"),
                            "uid": labels.get("io.kubernetes.pod.uid"), "pid": pid}
        return found

    def kill_inside(self, container_id):
        """Kills the first process of a container, as a crash would."""
        pid = self.containers()[container_id]["pid"]
        self.run(["kill", "-9", str(pid)])

    def pod_address(self, pid):
        """The address of the pod in which this process runs."""
        shown = self.run(["nsenter", f"--target={pid}", "--net", "ip", "-4", "-o", "addr", "show", "eth0"]).stdout
        return shown.split()[3].split("/")[0]

    def page(self, path="/"):
        """What the web server among the running containers answers to a client on this host; None when there is none."""
        for container in self.containers().values():
            if container["name"] == "web":
                return self.http(self.pod_address(container["pid"]), path)
        return None

    def http(self, address, path="/", port=8080):
        """The body that a web server answers with, asked from this host; None when it does not answer 200."""
        connection = http.client.HTTPConnection(address, port, timeout=5)
        connection.sock = self.socket()
        connection.sock.settimeout(5)
        try:
            connection.sock.connect((address, port))
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
            return body if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def reboot(self):
        """Power cut and boot: all processes and containers gone, /run empty, the disks kept. The cable stays as it was."""
        self.power_off()
        self.power_on()
        self.world.switch.plug(self, self.address)

    def block_cloud(self):
        """Packets to and from the cloud vanish without a trace: a half-open link."""
        rules = f"""table inet cut {{
            chain in {{ type filter hook input priority 0; ip saddr {self.world.cloud.address} drop; }}
            chain out {{ type filter hook output priority 0; ip daddr {self.world.cloud.address} drop; }}
        }}
        """
        self.run(["nft", "-f", "-"], stdin=rules)

    def unblock_cloud(self):
        self.run(["nft", "delete", "table", "inet", "cut"])

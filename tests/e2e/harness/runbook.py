"""runbook: the commands of docs/security.md, taken from the page and run on the machines of a test, as an operator would type them.

A fenced block of the page is tagged with the runbook's name and the machine it is typed on:

    ```sh stolen cloud

Blocks of one runbook are run in order. Shell variables are set by the test, kept from block to block, and shared by the
machines: the operator carries a token from one to the other. There is no systemd in a box, so lines that begin with
`systemctl` are done by the harness, which starts and stops the hubs of these machines.
"""

import os
import pathlib
import re

from harness import wait
from harness.machines import BIN, CloudHost, kubectl_binary

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
PAGE = REPOSITORY / "docs" / "security.md"
KUBECONFIG = "/var/lib/holdfast/cloud/admin.kubeconfig"
BLOCK = re.compile(r"^```sh ([a-z-]+) ([a-z]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UNITS = {"holdfast-cloud", "holdfast-edge"}


def blocks():
    """[(runbook, machine, text)] of the page, in its order."""
    return [found.groups() for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


def names():
    return {name for name, _, _ in blocks()}


class Runbook:
    def __init__(self, name, machines, options=None, **variables):
        """machines: {name on the page: box}; options: {box's name: words after `run`}; variables: what the operator fills in."""
        self.steps = [(machine, text) for found, machine, text in blocks() if found == name]
        assert self.steps, f"no runbook {name} in {PAGE}"
        self.name, self.machines, self.options, self.variables = name, machines, options or {}, variables
        self.folder = next(iter(machines.values())).world.dir / "runbook"
        (self.folder / "bin").mkdir(parents=True, exist_ok=True)
        for program, path in (("cloud-hub", BIN / "cloud-hub"), ("edge-hub", BIN / "edge-hub"), ("kubectl", kubectl_binary())):
            if not (self.folder / "bin" / program).exists():
                (self.folder / "bin" / program).symlink_to(pathlib.Path(path).resolve())

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert kind is not None or not self.steps, f"{self.name}: {len(self.steps)} blocks of the page were not run"

    def step(self):
        """Runs the next block; what it printed."""
        machine, text = self.steps.pop(0)
        box, printed, lines = self.machines[machine], "", []
        for line in text.splitlines():
            if line.startswith("systemctl "):
                printed += self._shell(box, lines)
                self._systemctl(box, line.split())
                lines = []
            else:
                lines.append(line)
        return printed + self._shell(box, lines)

    def _shell(self, box, lines):
        if not lines:
            return ""
        after = self.folder / "environment"
        env = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "KUBECONFIG": KUBECONFIG, "HOME": str(self.folder),
               **self.variables}
        script = "\n".join(["set -eua", "cd \"$HOME\"", *lines, f"env -0 > {after}"])
        done = box.run(["sh", "-c", script], env=env, timeout=120)
        for item in after.read_text(encoding="utf-8").split("\0"):
            name, _, value = item.partition("=")
            if name.isupper() and name not in os.environ and name not in ("PATH", "KUBECONFIG", "HOME", "PWD", "OLDPWD"):
                self.variables[name] = value
        return done.stdout

    def _systemctl(self, box, words):
        """`systemctl start|stop|restart|enable --now UNIT`."""
        verb = "start" if words[1] == "enable" else words[1]
        assert verb in ("start", "stop", "restart") and words[-1] in UNITS, words
        assert (words[-1] == "holdfast-cloud") == isinstance(box, CloudHost), words
        if verb in ("stop", "restart"):
            assert box.hub.stop() == 0, box.hub.tail()
        if verb in ("start", "restart"):
            box.start_hub(*self.options.get(box.name, ()))
            if not isinstance(box, CloudHost):  # Type=notify: systemctl comes back when the hub serves
                wait.until(f"{box.name} serves", box.status, 30)

"""network: the cables of the test world: a switch in a box of its own, and a port for every machine.

The host's own network is never touched: bridge and cable ends live in the switch's namespace and
go with it.
"""

import subprocess

from harness.box import Box


class Switch(Box):
    def __init__(self, world):
        super().__init__(world, "switch")
        self.ports = {}

    def power_on(self):
        super().power_on()
        self.run(["ip", "link", "add", "lan", "type", "bridge"])
        self.run(["ip", "link", "set", "lan", "up"])

    def plug(self, box, address):
        """A cable from the switch to eth0 of the box. Called again after a power cut."""
        port = f"p-{box.name}"[:15]
        self.run(["ip", "link", "del", port], check=False)
        # The pid is the host's, which means nothing inside the switch: so both ends are sent from outside.
        subprocess.run(["ip", "link", "add", port, "netns", str(self.pid), "type", "veth",
                        "peer", "name", "eth0", "netns", str(box.pid)], check=True)
        self.run(["ip", "link", "set", port, "master", "lan", "up"])
        box.run(["ip", "addr", "add", f"{address}/16", "dev", "eth0"])
        box.run(["ip", "link", "set", "eth0", "up"])
        self.ports[box.name] = port

    def cut(self, box):
        """Pulls the cable: carrier down, packets gone."""
        self.run(["ip", "link", "set", self.ports[box.name], "down"])

    def mend(self, box):
        self.run(["ip", "link", "set", self.ports[box.name], "up"])

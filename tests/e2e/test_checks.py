"""What a node knows against itself: the checks that its operator defines, what they cost it, and who is told."""

import json
import sys

from harness import figures, wait
from harness.machines import BIN
from harness.world import World

SERVE = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(open(sys.argv[1]).read()))
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8090), Page).serve_forever()
"""

LISTEN = """
import socket
s = socket.create_server(("127.0.0.1", 502))
while True:
    s.accept()[0].close()
"""


def start_node(world, edge, checks, **settings):
    """A node with these checks and without a container runtime, joined and running."""
    edge.power_on()
    world.switch.plug(edge, edge.address)
    edge.join(world.cloud.token("--region", edge.region))
    configure(edge, checks, **settings)


def configure(edge, checks, **settings):
    path = edge.dir / "edge.yaml"
    path.write_text(json.dumps({"health": {"checks": checks}, **settings}))  # JSON is YAML
    edge.start_hub("--config", path)


def script(edge, name, text):
    path = edge.dir / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def check(edge, name):
    return next(c for c in edge.status()["health"]["self"]["checks"] if c["name"] == name)


def said(world, edge):
    """(status, reason, message) of the node's own word about its checks."""
    for condition in world.cloud.get("node", edge.name)["status"].get("conditions", []):
        if condition["type"] == "ChecksFailing":
            return condition["status"], condition["reason"], condition["message"]
    return None


def metric(edge, name):
    done = edge.run(["curl", "-sS", "--fail", "--unix-socket", "/var/lib/holdfast/edge/edge.sock", "http://edge/metrics"])
    return figures.read(done.stdout)[f"holdfast_health_{name}"]


def test_connections_requests_and_programs_are_asked_and_what_fails_is_told():
    with World(edges=1) as world:
        edge, = world.edges
        world.cloud.start_hub()
        state = edge.dir / "state"
        status = edge.dir / "http-status"
        state.write_text("0 fine\n")
        status.write_text("204")
        program = script(edge, "check-line", 'read code words < "$1"\necho "line $words"\nexit $code\n')
        world.start_edge(edge)
        edge.start("hmi", [sys.executable, "-c", SERVE, status])
        plc = edge.start("plc", [sys.executable, "-c", LISTEN])
        quick = {"interval": "1s", "timeout": "900ms", "threshold": 2}
        edge.join(world.cloud.token("--region", edge.region))
        configure(edge, [{"name": "plc", "tcp": "127.0.0.1:502", "weight": 100, **quick},
                         {"name": "hmi", "http": "http://localhost:8090/healthz", **quick},
                         {"name": "line", "exec": [program, str(state)], **quick}])
        wait.until("all is well", lambda: said(world, edge) == ("False", "ChecksPassing", "score 100 of 100"), 60)
        wait.until("Ready", lambda: world.node_ready(edge.name), 60)

        plc.kill()
        wait.until("the node knows", lambda: check(edge, "plc")["state"] == "failing")
        wait.until("the cloud knows", lambda: said(world, edge)[:2] == ("True", "PlcFailing"), 30)
        assert "score 54 of 100; plc: " in said(world, edge)[2] and "refused" in said(world, edge)[2], said(world, edge)
        assert world.node_ready(edge.name)  # what an operator checks is his own affair
        text = edge.run([BIN / "edge-hub", "status"]).stdout
        assert "score 54 of 100" in text and "trouble   plc: " in text, text
        assert edge.status()["health"]["trouble"] == 3, edge.status()["health"]
        assert metric(edge, 'check{name="plc"}') == 0 and metric(edge, 'check{name="hmi"}') == 1
        assert metric(edge, "score") == 54

        status.write_text("503")
        state.write_text("3 stands still\n")
        wait.until("the cloud knows of all", lambda: "hmi: answered with status 503; line: exit status 3: line stands still"
                   in said(world, edge)[2], 40)
        shown = world.cloud.kubectl("describe", "node", edge.name).stdout
        assert "ChecksFailing" in shown and "CheckFailing" in shown and "line: exit status 3: line stands still" in shown, shown

        state.write_text("0 fine\n")
        status.write_text("200")
        edge.start("plc", [sys.executable, "-c", LISTEN])
        wait.until("well again", lambda: said(world, edge)[0] == "False", 40)
        events = world.cloud.get("events", "--field-selector", f"involvedObject.name={edge.name}")["items"]
        told = {(e["type"], e["reason"], e["message"].split(":")[0]) for e in events if e["reason"].startswith("Check")}
        for name in ("plc", "hmi", "line"):
            assert ("Warning", "CheckFailing", name) in told and ("Normal", "CheckPassing", name) in told, told

        # Nothing changes: nothing is written and nothing is sent about it, however often it is asked.
        before = world.cloud.get("node", edge.name)["metadata"]["resourceVersion"]
        wait.holds("silence", lambda: world.cloud.get("node", edge.name)["metadata"]["resourceVersion"] == before, 12)


def test_what_hangs_is_killed_with_its_children_and_holds_nothing_up():
    with World(edges=1) as world:
        edge, = world.edges
        world.cloud.start_hub()
        hangs = script(edge, "hangs", "trap '' TERM HUP\nsleep 98765 &\nsleep 98765\n")
        loud = script(edge, "loud", "exec yes\n")
        start_node(world, edge, [
            {"name": "hangs", "exec": [hangs], "interval": "1s", "timeout": "500ms", "threshold": 2},
            {"name": "loud", "exec": [loud], "interval": "1s", "timeout": "500ms", "threshold": 2},
            {"name": "gone", "exec": ["/nonexistent/check"], "interval": "1s", "timeout": "500ms", "threshold": 2}])
        wait.until("hangs fails", lambda: check(edge, "hangs")["state"] == "failing")
        wait.until("gone is not asked", lambda: check(edge, "gone")["state"] == "not-asked")
        assert check(edge, "hangs")["why"] == "killed after 500 ms", check(edge, "hangs")
        assert check(edge, "gone")["why"] == "cannot be run: No such file or directory", check(edge, "gone")

        def sleepers():
            return len(edge.run(["pgrep", "-f", "sleep 98765"], check=False).stdout.split())

        wait.holds("never two of one check", lambda: sleepers() <= 3, 5, 0.05)  # the script, and its two
        wait.until("all of one are gone", lambda: sleepers() == 0, 10, 0.02)
        assert edge.status()["health"]["self"]["lateMs"] < 200, edge.status()["health"]["self"]
        assert edge.run(["sh", "-c", "ps -o stat= | grep -c Z || true"]).stdout.strip() == "0"
        text = edge.run([BIN / "edge-hub", "status"]).stdout
        assert "not asked gone: cannot be run" in text, text
        wait.until("the cloud knows", lambda: said(world, edge) and said(world, edge)[0] == "True", 30)
        assert edge.hub.stop() == 0
        wait.until("nothing is left behind", lambda: sleepers() == 0, 5, 0.05)

        # A restart is no news; without its neighbours a node still knows itself.
        was = world.cloud.get("node", edge.name)["status"]["conditions"]
        edge.start_hub("--config", edge.dir / "edge.yaml", "--health=false")
        wait.holds("what was said stands", lambda: said(world, edge)[0] == "True", 6)
        text = edge.run([BIN / "edge-hub", "status"]).stdout
        assert "neighbours is switched off" in text and "trouble   hangs: killed after 500 ms" in text, text
        since = {c["type"]: c["lastTransitionTime"] for c in was}
        assert {c["type"]: c["lastTransitionTime"] for c in world.cloud.get("node", edge.name)["status"]["conditions"]}["ChecksFailing"] \
            == since["ChecksFailing"]


def test_a_node_in_trouble_says_so_in_what_it_says_of_others():
    with World(edges=3, config="nodes:\n  startGrace: 4s\n  linkGrace: 4s\n") as world:
        one, two, three = world.edges
        world.cloud.start_hub()
        for edge in world.edges:
            checks = [{"name": "line", "exec": ["/bin/false"], "interval": "1s", "timeout": "900ms", "threshold": 1,
                       "weight": 1000}] if edge is one else []
            start_node(world, edge, checks, link={"pingInterval": "2s"})
        wait.until("all see all", lambda: all(
            len(e.status()["health"]["members"]) == 3 and all(m["view"] in ("self", "alive") for m in e.status()["health"]["members"])
            for e in world.edges), 60)
        wait.until("it is in trouble", lambda: one.status()["health"]["trouble"] >= 7, 30)
        assert two.status()["health"]["trouble"] <= 1, two.status()["health"]
        three.power_off()

        def scores():
            return {v["spec"]["voter"]: v["spec"]["score"] for v in world.cloud.get("verdicts")["items"]
                    if v["spec"]["subject"] == three.name and v["spec"]["word"] == "dead"}

        wait.until("both say so", lambda: set(scores()) == {one.name, two.name}, 120)
        assert scores()[one.name] >= 7 > scores()[two.name], scores()


def test_what_cannot_be_meant_is_refused_in_one_line():
    with World(edges=1) as world:
        edge, = world.edges
        edge.power_on()
        path = edge.dir / "edge.yaml"
        for text, reason in (
                ("health:\n  checks:\n    - name: plc\n", "3: 'health.checks[0]': 'plc' needs one of tcp, http and exec, and has none"),
                ("health:\n  checks:\n    - {name: disk, tcp: 'a:1'}\n", "3: 'health.checks[0]': 'disk' is a check that each node has"),
                ("health:\n  checks:\n    - {name: a, tcp: 'a:1', every: 1s}\n", "3: unknown key 'health.checks[0].every'")):
            path.write_text(text)
            done = edge.run([BIN / "edge-hub", "run", "--config", path], check=False)
            assert done.returncode == 2 and done.stderr == f"edge-hub: {path}:{reason}\n", (done.returncode, done.stderr)


def test_edge_health_config_says_whom_neighbours_judge():
    with World(edges=3, config="nodes:\n  startGrace: 4s\n  linkGrace: 4s\n") as world:
        one, two, three = world.edges
        cloud = world.cloud
        cloud.start_hub()
        for edge in world.edges:
            start_node(world, edge, [], link={"pingInterval": "2s"})
        wait.until("all see all", lambda: all(
            len(e.status()["health"]["members"]) == 3 and all(m["view"] in ("self", "alive") for m in e.status()["health"]["members"])
            for e in world.edges), 60)

        def config(units):
            cloud.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
                "name": "edge-health-config", "namespace": "edge-system", "labels": {"name": "edge-health"}},
                "data": {"unit-internal-check": "true", "check-units": units}})

        def given_up():
            return cloud.get("node", three.name)["metadata"].get("annotations", {}).get("nodeunhealth") == "yes"

        cloud.kubectl("create", "namespace", "edge-system")
        config("elsewhere")
        three.power_off()
        wait.until("cut off", lambda: world.condition(cloud.get("node", three.name), "CutOff") == "True", 40)
        wait.until("its neighbours know, and say so unasked", lambda: "edge-3" in cloud.kubectl("get", "verdicts").stdout, 20)
        wait.holds("it does not count", lambda: not given_up(), 8)
        shown = cloud.kubectl("describe", "node", three.name).stdout
        assert "edge-health-config does not list its unit" in shown, shown
        config("east; west")  # not understood: what was said before stands
        wait.until("an Event", lambda: "check-units: 'east; west' is no name of a unit" in cloud.kubectl(
            "describe", "configmap", "edge-health-config", "-n", "edge-system").stdout, 20)
        assert not given_up()
        config("elsewhere, east")
        wait.until("it counts", given_up, 40)

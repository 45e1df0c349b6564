"""The runbooks of docs/security.md: every command of the page is typed here as it stands there, and does what the page says."""

import json
import re
import shutil

from harness import clients, images, objects, runbook, vault, wait
from harness.clients import Api
from harness.clock import YEAR, Clock
from harness.machines import CloudHost, kubectl_binary
from harness.runbook import Runbook
from harness.world import CLOUD_ADDRESS, World

TCTI = "swtpm:host=127.0.0.1,port=2321"
BACKUP, PASSPHRASE = "/var/lib/holdfast/backup.tar", "/var/lib/holdfast/passphrase"


class Site(World):
    """A cloud-hub and machines with a cable, without a container runtime; the first `joined` of them are nodes."""

    def __init__(self, edges=1, joined=1):
        super().__init__(edges=edges)
        self.joined = joined

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            for edge in self.edges:
                edge.power_on()
                self.switch.plug(edge, edge.address)
            for edge in self.edges[:self.joined]:
                edge.join(self.cloud.token("--region", edge.region))
                edge.start_hub()
            for edge in self.edges[:self.joined]:
                wait.until(f"{edge.name} is linked", lambda e=edge: linked(e), 30)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self


def linked(edge):
    return edge.status()["link"]["state"] == "up"


def refused(edge):
    return edge.status()["link"]["refused"]


def node_state(cloud, name):
    items = json.loads(cloud.operate("node", "list", "-o", "json").stdout)["items"]
    return next((item["state"] for item in items if item["name"] == name), None)


def with_token(box, cloud, token):
    """The status of a request for the objects that any service account may ask about: 401 when the token is no good."""
    return Api(box, cloud, clients.anonymous_context(cloud), headers={"Authorization": f"Bearer {token}"}).ask("GET", "/api")[0]


def whoami(cloud, kubeconfig):
    done = cloud.run([kubectl_binary(), "--kubeconfig", kubeconfig, "auth", "whoami", "-o", "json"], check=False)
    return json.loads(done.stdout)["status"]["userInfo"]["username"] if done.returncode == 0 else None


def refused_at_tls(box, cloud, context, name):
    try:
        clients.Tunnel(box, cloud, context, name).close()
        return False
    except OSError:
        return True


def test_every_runbook_of_the_page_is_run_and_every_test_it_names_is_there():
    here = {name.removeprefix("test_runbook_").replace("_", "-") for name in globals() if name.startswith("test_runbook_")}
    assert here == runbook.names(), here ^ runbook.names()
    text = runbook.PAGE.read_text(encoding="utf-8")
    for name in set(re.findall(r"test_[a-z_]+\.py", text)):
        assert (runbook.REPOSITORY / "tests" / "e2e" / name).exists(), name
    titles = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines()
              if line.startswith("#")}
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor in titles, anchor
    for page in re.findall(r"\]\(([a-z-]+\.md)\)", text):
        assert (runbook.PAGE.parent / page).exists(), page


def test_what_lies_there_is_for_its_owner_alone():
    with Site() as world:
        world.cloud.kubectl("create", "token", "default")
        for box in (world.cloud, world.edges[0]):
            assert box.data.stat().st_mode & 0o077 == 0, box.name
            for path in box.data.rglob("*"):  # databases rely on the directory
                assert path.is_dir() or path.name.startswith(("store.db", "replica.db")) or path.lstat().st_mode & 0o077 == 0, (path, oct(path.lstat().st_mode))


def test_runbook_stolen():
    with Site() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.secret("database", {"p": "x"}), objects.secret("registry", {"p": "x"}), objects.secret("other", {"p": "x"}),
                     objects.pod("work", node="edge-1", imagePullSecrets=[{"name": "registry"}],
                                 volumes=[{"name": "s", "secret": {"secretName": "database"}}])])
        token = cloud.kubectl("create", "token", "default", "--bound-object-kind", "Pod", "--bound-object-name", "work").stdout.strip()
        assert with_token(cloud, cloud, token) != 401
        stolen = clients.node_context(edge)
        with Runbook("stolen", {"cloud": cloud}, NODE="edge-1") as book:
            shown = book.step()
            assert "default: " in shown and "database" in shown and "registry" in shown and "other" not in shown, shown
            wait.until("the box is out", lambda: refused(edge) == "revoked", 20)
            assert Api(edge, cloud, stolen).ask("GET", "/api/v1/nodes/edge-1")[0] in (401, 403)
            assert with_token(cloud, cloud, token) != 401
            book.step()
        assert with_token(cloud, cloud, token) == 401 and not world.pods()
        assert node_state(cloud, "edge-1") == "revoked"


def test_runbook_broken():
    with Site(edges=2) as world:
        cloud, (old, new) = world.cloud, world.edges
        uid = cloud.get("node", "edge-1")["metadata"]["uid"]
        with Runbook("broken", {"cloud": cloud, "new": new}, NODE="edge-1", CLOUD=cloud.address) as book:
            book.step()
            assert linked(old)
            book.step()
        wait.until("the new box works", lambda: linked(new), 30)
        wait.until("the old one is refused", lambda: refused(old) == "identity", 30)
        assert new.status()["node"] == "edge-1" and cloud.get("node", "edge-1")["metadata"]["uid"] == uid


def test_runbook_cloned():
    with Site(edges=2) as world:
        cloud, (one, two) = world.cloud, world.edges
        images.build(world.images, images.STANDARD)
        two.start_containerd()
        one.hub.kill()
        shutil.rmtree(two.data, ignore_errors=True)
        shutil.copytree(one.data, two.data, ignore=shutil.ignore_patterns("*.sock", "lock"))
        one.start_hub()
        wait.until("the first is back", lambda: linked(one), 30)
        two.start_hub()
        wait.until("both are out", lambda: refused(one) == refused(two) == "quarantined", 90)
        with Runbook("cloned", {"cloud": cloud, "other": two}, NODE="edge-1", ADDRESS=one.address, REGION="east", OTHER="edge-2",
                     CLOUD=cloud.address) as book:
            shown = book.step()
            assert one.address in shown and two.address in shown, shown
            wait.until("the first works again", lambda: linked(one), 90)
            wait.until("the other one is told", lambda: refused(two) == "identity", 90)
            book.step()
        wait.until("the other works under its own name", lambda: linked(two), 60)
        assert node_state(cloud, "edge-2") == "up" and linked(one)


def test_runbook_node_key():
    with Site() as world:
        cloud, edge = world.cloud, world.edges[0]
        leaked = clients.node_context(edge)
        path = "/api/v1/nodes/edge-1"
        assert Api(cloud, cloud, leaked).ask("GET", path)[0] == 200
        with Runbook("node-key", {"cloud": cloud, "node": edge}, NODE="edge-1", CLOUD=cloud.address) as book:
            book.step()
            book.step()
        wait.until("the node works", lambda: linked(edge), 30)
        assert Api(cloud, cloud, leaked).ask("GET", path)[0] in (401, 403)
        assert Api(cloud, cloud, clients.node_context(edge)).ask("GET", path)[0] == 200


def authority(cloud):
    return json.loads(cloud.operate("authority", "status", "-o", "json").stdout)


def thief_of(world, name="thief"):
    """A machine with the backup of a cluster, where somebody makes himself an administrator; the kubeconfig."""
    world.cloud.operate("backup", BACKUP)
    thief = CloudHost(world, name, "10.88.0.66")
    thief.power_on()
    world.switch.plug(thief, thief.address)
    (thief.dir / "holdfast").mkdir(exist_ok=True)
    shutil.copy(world.cloud.dir / "holdfast" / "backup.tar", thief.dir / "holdfast" / "backup.tar")
    thief.operate("restore", BACKUP)
    thief.start_hub()
    mine = thief.dir / "mine.kubeconfig"
    mine.write_text(thief.operate("user", "create", "boss", "--group", "system:masters", "--allow-system-groups",
                                  "--server", f"https://{world.cloud.address}:6443").stdout)
    return thief, mine


def run_authority(world, away):
    """The runbook, with one node that is away until the end of it."""
    cloud, (one, two) = world.cloud, world.edges
    away.block_cloud()
    wait.until("a node is away", lambda: not linked(away), 60)
    machines = {"cloud": cloud, "away": away}
    with Runbook("authority", machines, NODE=away.name, CLOUD=cloud.address) as book:
        assert "phase spreading" in book.step()
        wait.until("the one that is there knows the new root", lambda: authority(cloud)["acknowledged"] == 1, 20)
        assert "phase renewing" in book.step()
        wait.until("and has renewed", lambda: authority(cloud)["renewed"] == 1, 30)
        assert "distrusted" in book.step()
        wait.until("the one that was there works", lambda: linked(one), 60)
        away.unblock_cloud()
        wait.holds("the one that was away stays out", lambda: not linked(away), 5)
        book.step()
        book.step()
    wait.until("and is back by its operator", lambda: linked(two), 60)


def test_runbook_authority():
    with Site(edges=2, joined=2) as world:
        cloud, one = world.cloud, world.edges[0]
        leaked = cloud.dir / "leaked.kubeconfig"
        shutil.copy(cloud.kubeconfig, leaked)
        node = clients.node_context(one)
        thief, boss = thief_of(world)
        assert whoami(cloud, leaked) == "kubernetes-admin" and whoami(cloud, boss) == "boss", "the leak is a leak"
        assert thief.hub.stop() == 0
        run_authority(world, world.edges[1])
        assert whoami(cloud, leaked) is None and whoami(cloud, boss) is None
        assert whoami(cloud, cloud.kubeconfig) == "kubernetes-admin"
        for name in (clients.HUB_NAME, "renew.cloud-hub.holdfast"):
            assert refused_at_tls(one, cloud, node, name)
        thief.power_off()


def test_runbook_vault_key():
    with Site() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.secret("keys", {"password": "swordfish"}))
        leaked = {box.name: (box.data / "vault" / "key").read_text() for box in (cloud, edge)}
        sealed = {cloud.name: cloud.data / "serviceaccounts.keys", edge.name: edge.data / "identity" / "node.json"}
        cloud.kubectl("create", "token", "default")
        with Runbook("vault-key", {"cloud": cloud, "node": edge}) as book:
            for box in (cloud, edge):
                program = "cloud-hub" if box is cloud else "edge-hub"
                before = (box.data / "vault" / "keyring").read_bytes()
                book.step()
                wait.until(f"{box.name} is sealed anew", lambda b=box, p=program: "idle" in b.run(
                    [runbook.BIN / p, "secrets", "status"]).stdout and len(vault.keyring(b.data)["keys"]) == 1, 30)
                assert (box.data / "vault" / "key").read_text() != leaked[box.name]
                assert not (box.data / "vault" / "key.old").exists()
                assert (box.data / "vault" / "keyring").read_bytes() != before and vault.keyring(box.data)["keys"][0]["number"] == 2
                # A copy of today's disk, and the key that leaked: nothing.
                plain = vault.open_file(box.data, sealed[box.name])
                (box.dir / "leaked").write_text(leaked[box.name])
                assert plain.isascii() and vault.open_file(box.data, sealed[box.name], box.dir / "leaked") != plain
        wait.until("both work", lambda: linked(edge), 30)
        assert cloud.get("secret", "keys")["data"]["password"]


def test_runbook_user():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        leaked = cloud.dir / "jo.kubeconfig"
        leaked.write_text(cloud.operate("user", "create", "jo").stdout)
        api = Api(cloud, cloud, clients.kubeconfig_context(leaked))
        assert api.ask("DELETE", "/api/v1/namespaces/default/secrets/x")[0] == 403 and whoami(cloud, leaked) == "jo"
        with Runbook("user", {"cloud": cloud}, NAME="jo") as book:
            wait.until("it is on record", lambda: '"jo"' in (cloud.data / "audit" / "audit.log").read_text(), 10)
            assert '"delete"' in book.step()
            assert whoami(cloud, leaked) is None and api.ask("GET", "/api")[0] == 401
            assert whoami(cloud, book.folder / "jo.kubeconfig") == "jo"


def test_runbook_join_token():
    with Site(edges=2, joined=0) as world:
        cloud, (stranger, late) = world.cloud, world.edges
        token = cloud.token("--uses", "5", "--region", "east")
        stranger.join(token)
        stranger.start_hub()
        wait.until("the stranger is in", lambda: linked(stranger), 30)
        ident = token.split(".")[1]
        with Runbook("join-token", {"cloud": cloud}, ID=ident, STRANGER="edge-1") as book:
            wait.until("it is on record", lambda: ident in (cloud.data / "audit" / "audit.log").read_text(), 10)
            shown = book.step()
            assert ident in shown.splitlines()[1] and "edge-1" in shown and stranger.address in shown, shown
            done = late.run([runbook.BIN / "edge-hub", "join", "--cloud", cloud.address, "--token", token], check=False)
            assert done.returncode == 1 and "not known" in done.stderr, done.stderr
            book.step()
        wait.until("the stranger is out", lambda: not linked(stranger), 20)
        assert not cloud.get("nodes")["items"]


def test_runbook_account():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        leaked = cloud.kubectl("create", "token", "default").stdout.strip()
        assert with_token(cloud, cloud, leaked) != 401
        with Runbook("account", {"cloud": cloud}) as book:
            book.step()
        assert with_token(cloud, cloud, leaked) == 401
        assert with_token(cloud, cloud, cloud.kubectl("create", "token", "default").stdout.strip()) != 401


def test_runbook_backup():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        cloud.apply(objects.secret("keys", {"password": "swordfish"}))
        cloud.kubectl("create", "token", "default")  # so that there are keys to be stolen
        thief, _ = thief_of(world)
        assert thief.get("secret", "keys")["data"]["password"]
        forged = thief.kubectl("create", "token", "default").stdout.strip()
        assert with_token(cloud, cloud, forged) != 401, "the leak is a leak"
        known = cloud.data / "serviceaccounts.keys"
        with Runbook("backup", {"cloud": cloud}) as book:
            book.step()
        wait.until("sealed anew", lambda: vault.key_number(known.read_bytes()) == 2 and len(vault.keyring(cloud.data)["keys"]) == 1, 30)
        assert with_token(cloud, cloud, forged) == 401
        assert with_token(cloud, cloud, thief.kubectl("create", "token", "default").stdout.strip()) == 401
        assert thief.hub.stop() == 0
        thief.power_off()


def test_runbook_burned():
    with Site(edges=3, joined=2) as world:
        cloud, (one, stolen, late) = world.cloud, world.edges
        jo = world.dir / "jo.kubeconfig"
        jo.write_text(cloud.operate("user", "create", "jo").stdout)
        (cloud.dir / "holdfast" / "passphrase").write_text("correct horse battery staple\n")
        (cloud.dir / "holdfast" / "passphrase").chmod(0o600)
        cloud.operate("backup", BACKUP, "--passphrase-file", PASSPHRASE)
        for name in ("backup.tar", "passphrase"):
            shutil.copy(cloud.dir / "holdfast" / name, world.dir / name)
        late.join(cloud.token("--region", late.region))
        late.start_hub()
        wait.until("a late node is there", lambda: linked(late), 30)
        cloud.apply(objects.pod("work", node="edge-1"))
        wait.until("with a late pod", lambda: one.status()["pods"]["count"] == 1, 30)
        cloud.operate("node", "revoke", "edge-2")
        cloud.operate("user", "revoke", "jo")
        world.switch.run(["ip", "link", "del", world.switch.ports["cloud"]], check=False)
        cloud.power_off()
        cloud.wipe()

        world.cloud = new = CloudHost(world, "cloud-2", CLOUD_ADDRESS)
        new.power_on()
        world.switch.plug(new, CLOUD_ADDRESS)
        for name in ("backup.tar", "passphrase"):
            shutil.copy(world.dir / name, new.dir / "holdfast" / name)
        (new.dir / "holdfast" / "passphrase").chmod(0o600)
        with Runbook("burned", {"new": new}, FILE=BACKUP, PASSPHRASE=PASSPHRASE, STOLEN="edge-2", NAME="jo", LATE="edge-3") as book:
            assert "NOT KNOWN" in book.step()
            wait.until("the node of the backup is back", lambda: linked(one), 120)
            wait.until("the late one asks", lambda: node_state(new, "edge-3") == "unconfirmed", 120)
            assert "unconfirmed" in book.step()
            wait.until("the stolen one is out again", lambda: refused(stolen) == "revoked", 120)
            assert whoami(new, jo) is None
            wait.until("the orphan is shown", lambda: "work" in new.operate("orphan", "list").stdout, 60)
            assert "work" in book.step()
        wait.until("the late one is back", lambda: linked(late), 400)
        assert new.get("pod", "work")["spec"]["nodeName"] == "edge-1"


def test_runbook_key_lost():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.secret("keys", {"p": "x"}), objects.pod("work", volumes=[{"name": "s", "secret": {"secretName": "keys"}}])])
        wait.until("work ready", lambda: world.running_pod("work"))
        before = set(edge.containers())
        (edge.data / "vault" / "key").unlink()
        with Runbook("key-lost", {"cloud": cloud, "node": edge}, NODE="edge-1", CLOUD=cloud.address) as book:
            book.step()
            book.step()
        wait.until("linked", lambda: linked(edge), 60)
        wait.until("replica whole", lambda: edge.status()["replica"]["complete"], 30)
        wait.holds("nothing restarted", lambda: set(edge.containers()) == before, 3)
        assert world.running_pod("work")


def test_runbook_clock():
    with World(edges=1) as world:
        cloud, edge = world.cloud, world.edges[0]
        clock = Clock(edge)
        cloud.start_hub()
        edge.power_on()
        world.switch.plug(edge, edge.address)
        clock.add(-3 * YEAR)
        edge.join(cloud.token("--region", edge.region))
        edge.start_hub()
        wait.until("linked", lambda: linked(edge), 30)
        wait.until("the cloud is told", lambda: world.condition(cloud.get("node", "edge-1"), "ClockSkewed") == "True", 30)
        with Runbook("clock", {"cloud": cloud, "node": edge}) as book:
            assert re.search(r"^clock .*, as the cloud says; this machine's clock is .* behind$", book.step(), re.MULTILINE)
            assert re.search(r"^edge-1 +True +\S", book.step(), re.MULTILINE)
            book.step()
        wait.until("linked again", lambda: linked(edge), 60)


def start_tpm(edge, state):
    state.mkdir(exist_ok=True)
    edge.start("swtpm", ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", "type=tcp,port=2321",
                         "--ctrl", "type=tcp,port=2322", "--flags", "not-need-init,startup-clear"])
    wait.until("the TPM answers", lambda: "2322" in edge.run(["ss", "-ltn"]).stdout, 20)


def test_runbook_board():
    if not shutil.which("swtpm"):
        print("swtpm is not installed: left out")
        return
    with World(edges=1) as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.start_hub()
        edge.power_on()
        world.switch.plug(edge, edge.address)
        start_tpm(edge, world.dir / "tpm")
        config = "/var/lib/holdfast/edge.yaml"
        (edge.data.parent / "edge.yaml").write_text(f"secrets:\n  wrap: tpm2\n  tpm: \"{TCTI}\"\n")
        edge.join(cloud.token("--region", edge.region), "--config", config)
        edge.start_hub("--config", config)
        wait.until("linked", lambda: linked(edge), 30)
        with Runbook("board", {"node": edge}, {edge.name: ("--config", config)}, CONFIG=config) as book:
            assert "by the key file" in book.step()
            assert edge.hub.stop() == 0
            edge.reboot()
            start_tpm(edge, world.dir / "other-tpm")
            edge.start_hub("--config", config)
            wait.until("it works on the new board", lambda: linked(edge), 60)
            book.step()
        wait.until("sealed anew", lambda: [k["number"] for k in vault.keyring(edge.data)["keys"]] == [2], 30)
        assert not (edge.data / "vault" / "key").exists()
        wait.until("linked", lambda: linked(edge), 60)

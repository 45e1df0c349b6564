"""Secrets at rest: in no file of either hub; useless without the key; sealed anew behind running hubs."""

import base64
import os
import pathlib
import shutil
import subprocess
import time

from harness import objects, vault, wait
from harness.clients import Api, admin_context
from harness.machines import BIN
from harness.world import World

MARKER = "xylophone-37-quartz-lantern"  # at rest nowhere, in whatever form
WITNESS = "an ordinary thing, as readable as ever"
SECRETS = "/api/v1/namespaces/default/secrets"
TCTI = "swtpm:host=127.0.0.1,port=2321"


def forms_of(text):
    """The bytes themselves, and the base64 that is the same for each of the three places in a longer text."""
    raw = text.encode()
    return [raw] + [base64.b64encode(b"\0" * skip + raw)[4 if skip else 0:-4] for skip in range(3)]


def files_with(directory, *needles):
    found = {}
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            for needle in needles:
                if needle in content:
                    found.setdefault(str(path), []).append(needle)
    return found


def assert_nowhere(world, *needles):
    for box in (world.cloud, *world.edges):
        found = {path: what for path, what in files_with(box.data, *needles).items() if not path.endswith("admin.kubeconfig")}
        assert not found, f"{box.name}: {found}"


def secret_pod(name="keeper"):
    container = objects.shell_container(
        "echo $PASSWORD $(cat /keys/password); sleep 1000000 & wait",
        env=[{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}}],
        volumeMounts=[{"name": "keys", "mountPath": "/keys", "readOnly": True}])
    return objects.pod(name, containers=[container], volumes=[{"name": "keys", "secret": {"secretName": "keys"}}])


def log_of(edge, pod):
    name = f"default_{pod['metadata']['name']}_{pod['metadata']['uid']}"
    return edge.run(["sh", "-c", f"cat /var/log/pods/{name}/main/*.log"]).stdout


def secrets_verb(box, verb, *words, check=True):
    program = "cloud-hub" if box.name == "cloud" else "edge-hub"
    return box.run([BIN / program, "secrets", verb, *words], check=check)


def key_state(box):
    """(newest key, how many there are) by the keyring on the disk."""
    ring = vault.keyring(box.data)
    return max(entry["number"] for entry in ring["keys"]), len(ring["keys"])


def rotated(box, newest):
    return key_state(box) == (newest, 1) and "idle" in secrets_verb(box, "status").stdout


def test_a_secret_lies_in_no_file_of_either_hub_before_and_after_a_rotation():
    needles = forms_of(MARKER)
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.config_map("witness", {"text": WITNESS}), objects.secret("keys", {"password": "first " + MARKER}),
                     secret_pod()])
        wait.until("keeper ready", lambda: world.running_pod("keeper"))
        cloud.apply(objects.secret("keys", {"password": MARKER}))
        cloud.apply([objects.secret("unused", {"password": MARKER}), objects.pod("plain", volumes=[
            {"name": "witness", "configMap": {"name": "witness"}}])])
        cloud.kubectl("delete", "secret", "unused")
        wait.until("plain ready", lambda: world.running_pod("plain"))
        # The search would find it: what is not secret is found in both.
        assert files_with(cloud.data, WITNESS.encode()) and files_with(edge.data, WITNESS.encode())
        assert_nowhere(world, *needles)
        assert_nowhere(world, b"PRIVATE KEY")

        # While reports wait for the cloud too, and whatever a backup holds.
        world.switch.cut(edge)
        edge.kill_inside(next(c for c, info in edge.containers().items() if info["pod"] == "keeper"))
        wait.until("a report waits", lambda: edge.status()["outbox"]["entries"] > 0, 30)
        pod = cloud.get("pod", "keeper")
        wait.until("started again from the sealed replica", lambda: log_of(edge, pod).count(f"{MARKER} {MARKER}") > 0, 60)
        assert_nowhere(world, *needles)
        world.switch.mend(edge)
        wait.until("linked", lambda: edge.status()["link"]["state"] == "up", 60)
        wait.until("reported", lambda: edge.status()["outbox"]["entries"] == 0, 30)

        containers = set(edge.containers())
        for box in (cloud, edge):
            assert key_state(box) == (1, 1)
            secrets_verb(box, "rotate")
            wait.until(f"{box.name} rotated", lambda b=box: rotated(b, 2), 30)
        assert set(edge.containers()) == containers
        assert_nowhere(world, *needles)
        assert_nowhere(world, b"PRIVATE KEY")
        assert base64.b64decode(cloud.get("secret", "keys")["data"]["password"]).decode() == MARKER
        for box in (cloud, edge):
            assert box.hub.stop() == 0
        # Nothing that the old key sealed is left, and both start with the new one alone.
        assert_nowhere(world, *needles)
        assert_nowhere(world, vault.MAGIC + (1).to_bytes(4, "big"))
        cloud.start_hub()
        edge.start_hub()
        wait.until("Ready again", lambda: world.node_ready(edge.name), 60)
        assert base64.b64decode(cloud.get("secret", "keys")["data"]["password"]).decode() == MARKER
        assert set(edge.containers()) == containers


def assert_refused(done, *says):
    assert done.returncode == 1, done
    assert all(text in done.stderr for text in says), done.stderr
    for form in forms_of(MARKER):
        assert form.decode() not in done.stdout + done.stderr


def test_a_data_directory_copied_without_its_key_is_useless_and_says_so():
    with World(edges=2) as world:
        cloud, edge, thief = world.cloud, *world.edges
        cloud.start_hub()
        world.start_edge(edge)
        edge.join(cloud.token("--region", edge.region))
        edge.start_hub()
        cloud.apply([objects.secret("keys", {"password": MARKER}), secret_pod()])
        wait.until("keeper ready", lambda: world.running_pod("keeper"))
        assert edge.hub.stop() == 0
        thief.power_on()
        shutil.rmtree(thief.data, ignore_errors=True)
        shutil.copytree(edge.data, thief.data, ignore=shutil.ignore_patterns("key", "*.sock"))
        run = [BIN / "edge-hub", "run"]
        assert_refused(thief.run(run, check=False), "key file", "is not there", "vault/key")
        assert not files_with(thief.data, *forms_of(MARKER))

        # A key of the thief's own, and no vault at all.
        (thief.data / "vault" / "key").write_text("00" * 32 + "\n")
        (thief.data / "vault" / "key").chmod(0o600)
        assert_refused(thief.run(run, check=False), "not the one")
        shutil.rmtree(thief.data / "vault")
        assert_refused(thief.run(run, check=False), "is missing", "was sealed by it")
        assert not (thief.data / "vault").exists()
        joined = thief.run([BIN / "edge-hub", "join", "--cloud", f"{cloud.address}:7443", "--token", cloud.token("--region", "east")],
                           check=False)
        assert_refused(joined, "is missing")

        # The key elsewhere, as on a stick: with it the hub runs, without it it says what it waits for.
        stick = edge.data.parent / "stick"
        stick.mkdir()
        (edge.data / "vault" / "key").rename(stick / "holdfast.key")
        config = edge.data.parent / "edge.yaml"
        config.write_text("secrets:\n  keyFile: /var/lib/holdfast/stick/holdfast.key\n")
        assert_refused(edge.run(run, check=False), "key file", "is not there")
        (stick / "holdfast.key").chmod(0o640)
        edge_run = [*run, "--config", "/var/lib/holdfast/edge.yaml"]
        assert_refused(edge.run(edge_run, check=False), "open to others")
        (stick / "holdfast.key").chmod(0o600)
        edge.start_hub("--config", "/var/lib/holdfast/edge.yaml")
        wait.until("Ready", lambda: world.node_ready(edge.name), 60)
        assert "holdfast.key" in secrets_verb(edge, "status").stdout

        # The cloud's store likewise.
        assert cloud.hub.stop() == 0
        key = cloud.data / "vault" / "key"
        aside = world.dir / "cloud.key"
        key.rename(aside)
        assert_refused(cloud.run([BIN / "cloud-hub", "run"], check=False), "key file", "is not there")
        aside.rename(key)
        cloud.start_hub()
        assert base64.b64decode(cloud.get("secret", "keys")["data"]["password"]).decode() == MARKER


def kill_half_way(box):
    """Asks for a rotation and kills the hub as soon as the second key is on the disk. Whether it was still there after."""
    program = "cloud-hub" if box.name == "cloud" else "edge-hub"
    newest, _ = key_state(box)
    with subprocess.Popen(box._enter([str(BIN / program), "secrets", "rotate"]),  # pylint: disable=protected-access
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asking:
        end = time.monotonic() + 20
        while key_state(box) == (newest, 1):
            assert time.monotonic() < end, "no second key came"
        box.hub.kill()
        asking.wait(20)
    return key_state(box)[1] == 2


def test_a_rotation_killed_half_way_goes_on_by_itself_and_no_container_restarts():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        many = [f"keys-{i}" for i in range(40)]
        cloud.apply([objects.secret("keys", {"password": MARKER}), secret_pod(), *(
            objects.secret(name, {"password": MARKER + os.urandom(64).hex()}) for name in many), objects.pod("mounts", volumes=[
                {"name": name, "secret": {"secretName": name}} for name in many])])
        for name in ("keeper", "mounts"):
            wait.until(f"{name} ready", lambda n=name: world.running_pod(n))
        api = Api(cloud, cloud, admin_context(cloud))
        for i in range(1500):
            status, answer = api.ask("POST", SECRETS, objects.secret(f"many-{i}", {"password": MARKER + str(i)}))
            assert status == 201, answer
        containers = set(edge.containers())
        for box in (cloud, edge):
            cut = 0
            for _ in range(3):
                cut += kill_half_way(box)
                box.start_hub()
                wait.until(f"{box.name} ended its rotation", lambda b=box: key_state(b)[1] == 1, 30)
                wait.until("and says so", lambda b=box: secrets_verb(b, "status", check=False).stdout.count("idle") == 1, 30)
            assert cut, f"{box.name}: no kill came in time"
        assert set(edge.containers()) == containers
        assert_nowhere(world, *forms_of(MARKER))
        api = Api(cloud, cloud, admin_context(cloud))
        for i in range(0, 1500, 100):
            status, answer = api.ask("GET", f"{SECRETS}/many-{i}")
            assert status == 200 and base64.b64decode(answer["data"]["password"]).decode() == MARKER + str(i)
        wait.until("Ready", lambda: world.node_ready(edge.name), 60)
        wait.until("replica whole", lambda: edge.status()["replica"]["complete"], 30)
        assert edge.status()["replica"]["quarantined"] == 0
        # A new pod reads its Secrets from rows that were sealed several times.
        cloud.apply(secret_pod("late"))
        pod = wait.until("late ready", lambda: world.running_pod("late"))
        wait.until("its secret", lambda: f"{MARKER} {MARKER}" in log_of(edge, pod), 20)


def tpm_config(edge, wrap="tpm2"):
    path = edge.data.parent / "edge.yaml"
    path.write_text(f"secrets:\n  wrap: {wrap}\n  tpm: \"{TCTI}\"\n")
    return "/var/lib/holdfast/edge.yaml"


def start_tpm(edge, state):
    """The machine's TPM: its state is its identity, and outlives the machine's power."""
    state.mkdir(exist_ok=True)
    edge.start("swtpm", ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", "type=tcp,port=2321",
                         "--ctrl", "type=tcp,port=2322", "--flags", "not-need-init,startup-clear"])
    wait.until("the TPM answers", lambda: "2322" in edge.run(["ss", "-ltn"]).stdout, 20)


def test_a_node_whose_key_its_tpm_holds_boots_by_itself_and_on_no_other_machine():
    if not shutil.which("swtpm"):
        print("swtpm is not installed: left out")
        return
    with World(edges=1) as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.start_hub()
        world.start_edge(edge)
        mine, other = world.dir / "tpm", world.dir / "other-tpm"
        start_tpm(edge, mine)
        config = tpm_config(edge)
        edge.join(cloud.token("--region", edge.region), "--config", config)
        edge.start_hub("--config", config)
        cloud.apply([objects.secret("keys", {"password": MARKER}), secret_pod()])
        pod = wait.until("keeper ready", lambda: world.running_pod("keeper"))
        assert "by the TPM" in secrets_verb(edge, "status").stdout
        assert not (edge.data / "vault" / "key").exists()
        assert_nowhere(world, *forms_of(MARKER))
        secrets_verb(edge, "rotate")
        wait.until("rotated", lambda: rotated(edge, 2), 30)

        # A power cut, and every cable pulled: the TPM opens what the disk holds.
        world.switch.cut(edge)
        edge.reboot()
        world.switch.cut(edge)
        edge.start_containerd()
        start_tpm(edge, mine)
        edge.start_hub("--config", config)
        wait.until("its secret again", lambda: log_of(edge, pod).count(f"{MARKER} {MARKER}") > 1, 60)
        containers = set(edge.containers())
        assert edge.hub.stop() == 0

        # The disk in another machine, and in one without a TPM.
        edge.reboot()
        start_tpm(edge, other)
        run = [BIN / "edge-hub", "run", "--config", config]
        assert_refused(edge.run(run, check=False), "another machine's TPM")
        edge.reboot()
        assert_refused(edge.run(run, check=False), "no TPM 2.0 answers")
        assert_nowhere(world, *forms_of(MARKER))

        # Back home; and from the TPM to a key file, as before a change of the board.
        edge.reboot()
        world.switch.cut(edge)
        edge.start_containerd()
        start_tpm(edge, mine)
        tpm_config(edge, "file")
        edge.start_hub("--config", config)
        wait.until("served", lambda: "the key file" in secrets_verb(edge, "status", check=False).stdout, 30)
        assert (edge.data / "vault" / "key").stat().st_mode & 0o777 == 0o600
        assert containers

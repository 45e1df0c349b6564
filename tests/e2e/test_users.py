"""People: a certificate for each, listed, revoked, and gone from the next request on."""

import json
import os
import threading

from harness import clients
from harness.clients import Api
from harness.machines import BIN, kubectl_binary
from harness.world import World

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def user(cloud, name, *options):
    """`user create`: the path of the kubeconfig it printed."""
    printed = cloud.run([BIN / "cloud-hub", "user", "create", name, *options]).stdout
    path = cloud.dir / f"{name}-{os.urandom(4).hex()}.kubeconfig"
    path.write_text(printed)
    return path


def whoami(cloud, kubeconfig):
    answer = cloud.run([kubectl_binary(), "--kubeconfig", kubeconfig, "auth", "whoami", "-o", "json"], check=False)
    return json.loads(answer.stdout)["status"]["userInfo"] if answer.returncode == 0 else None


def test_a_user_is_created_listed_and_revoked():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        jo = user(cloud, "jo", "--group", "dev", "--group", "north", "--ttl", "2h")
        again = user(cloud, "jo", "--group", "dev")
        boss = user(cloud, "boss", "--group", "system:masters", "--allow-system-groups")
        me = whoami(cloud, jo)
        assert me["username"] == "jo" and {"dev", "north", "system:authenticated"} <= set(me["groups"]), me
        assert me["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256="), me
        assert clients.Api(cloud, cloud, clients.kubeconfig_context(boss)).ask("GET", "/api/v1/secrets")[0] == 200
        # A key is made for the user alone: nothing of it stays with the hub.
        for file in cloud.data.rglob("*"):
            if file.is_file():
                assert clients.kubeconfig_field(jo, "client-key-data").splitlines()[1].encode() not in file.read_bytes(), file
        shown = cloud.operate("user", "list").stdout.splitlines()[1:]
        assert sorted(line.split()[0] for line in shown) == ["boss", "jo", "jo"], shown

        # Rights: jo has none but to ask about himself.
        api = Api(cloud, cloud, clients.kubeconfig_context(jo))
        assert api.ask("GET", CONFIG_MAPS)[0] == 403
        assert api.ask("GET", "/holdfast/v1/users")[0] == 403

        # Revoked: on the connection that is open, on new ones, with all certificates; and a watch ends.
        watcher = Api(cloud, cloud, clients.kubeconfig_context(boss))
        watcher.request("GET", CONFIG_MAPS + "?watch=true&timeoutSeconds=600")
        stream = watcher.getresponse()
        assert stream.status == 200
        ended = threading.Event()
        threading.Thread(target=lambda: (stream.read(), ended.set()), daemon=True).start()
        assert "2 cert" in cloud.operate("user", "revoke", "jo").stdout
        assert api.ask("GET", "/api")[0] == 401
        assert whoami(cloud, jo) is None and whoami(cloud, again) is None
        assert not ended.is_set()
        assert "1 cert" in cloud.operate("user", "revoke", "boss").stdout
        assert ended.wait(10), "the watch of a revoked user goes on"
        assert cloud.operate("user", "revoke", "nobody", check=False).returncode == 1

        # For good: after a restart too; a new certificate under the name is another matter.
        assert cloud.hub.stop() == 0
        cloud.start_hub()
        assert whoami(cloud, jo) is None
        assert whoami(cloud, user(cloud, "jo"))["username"] == "jo"
        cloud.get("nodes")


def test_names_and_groups_of_the_system_are_refused():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        for words, said in ((["system:admin"], "the system's own"), (["jo smith"], "letters"), (["a,CN=b"], "letters"),
                            (["jo", "--group", "system:masters"], "--allow-system-groups"),
                            (["jo", "--group", "system:nodes", "--allow-system-groups"], "no user can be"),
                            (["jo", "--group", "system:serviceaccounts:x", "--allow-system-groups"], "no user can be"),
                            (["jo", "--ttl", "10s"], "a minute"), (["jo", "--ttl", "soon"], "--ttl"), (["jo", "--server", "http://x"], "https")):
            done = cloud.operate("user", "create", *words, check=False)
            assert done.returncode in (1, 2) and said in done.stderr and not done.stdout, (words, done)
        assert len(cloud.operate("user", "list").stdout.splitlines()) == 1
        # As long as asked for, never longer than the authority.
        path = user(cloud, "jo", "--ttl", "3600d", "--server", "https://elsewhere:6443")
        assert "https://elsewhere:6443" in path.read_text()

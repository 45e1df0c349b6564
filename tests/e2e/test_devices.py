"""Other machines and other builds: edge-hubs for ARM under qemu-user, the minimal one, and one release after another on the same data."""

import os
import pathlib
import shutil
import sqlite3

from harness import figures, objects, wait
from harness.machines import BIN
from harness.world import World

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"
CLOUD_NAME = "cloud.factory.example"


def there(path, how):
    assert path.exists(), f"no {path}: {how} makes it"
    return path


def arm(arch):
    """The command of an edge-hub of Debian's architecture `arch` on this machine."""
    how = f"./dev cross {arch}"
    emulator = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}[arch]
    return [emulator, "-L", there(BUILD / "cross" / arch, how), there(BUILD / arch / "bin/edge-hub", how)]


def minimal():
    return [there(BUILD / "bin/edge-hub-minimal", "./dev build --minimal")]


def ready_pod(world, name):
    return wait.until(f"{name} ready", lambda: world.running_pod(name), 90)


def of_pod(edge, name):
    """{container id: pid} of the running containers of the pod named so."""
    return {ident: info["pid"] for ident, info in edge.containers().items() if info["pod"] == name}


def link_is_up(edge):
    return edge.status()["link"]["state"] == "up"


def pod_on(edge, name="work", **more):
    return objects.pod(name, node=edge.name, **more)


def main_job(world, edge, arch):
    """Joined and Ready already: what is applied runs, goes on through a restart offline, and is reported."""
    labels = world.cloud.get("node", edge.name)["metadata"]["labels"]
    assert labels["kubernetes.io/arch"] == arch, labels
    work = f"work-on-{arch}"
    world.cloud.apply([objects.secret(f"{work}-secret", {"password": "swordfish"}),
                       pod_on(edge, work, volumes=[{"name": "keys", "secret": {"secretName": f"{work}-secret"}}],
                              containers=[objects.shell_container("sleep 1000000 & wait",
                                                                  volumeMounts=[{"name": "keys", "mountPath": "/keys"}])])])
    ready_pod(world, work)
    first = of_pod(edge, work)
    world.switch.cut(edge)
    wait.until("the node knows", lambda: not link_is_up(edge), 60)
    edge.hub.kill()
    edge.start_hub()
    wait.until("the hub serves its state", lambda: edge.status()["pods"]["runningContainers"] == 1, 60)
    assert of_pod(edge, work) == first, "the restart touched the pod"
    edge.kill_inside(next(iter(first)))
    wait.until("restarted with no cloud in sight", lambda: of_pod(edge, work) and of_pod(edge, work) != first, 60)
    world.switch.mend(edge)
    wait.until("the restart is known in the cloud", lambda: world.cloud.get("pod", work)["status"]["containerStatuses"][0]
               ["restartCount"] == 1, 120)
    wait.until("Ready again", lambda: world.node_ready(edge.name), 120)
    wait.until("nothing waits", lambda: edge.status()["outbox"]["entries"] == 0, 60)


def test_arm64_and_armhf_edge_hubs_do_the_main_job_with_an_amd64_cloud_hub():
    world = World(edges=2)
    world.edges[0].program, world.edges[1].program = arm("arm64"), arm("armhf")
    with world.up():
        main_job(world, world.edges[0], "arm64")
        main_job(world, world.edges[1], "arm")


def views(edge):
    return {m["name"]: m["view"] for m in edge.status()["health"]["members"] if m["view"] != "self"}


def words_about(world, subject):
    """{voter: word} as the cloud has them, their signatures checked."""
    return {v["spec"]["voter"]: v["spec"]["word"] for v in world.cloud.get("verdicts")["items"] if v["spec"]["subject"] == subject.name}


def health_figure(edge, name):
    done = edge.run(["curl", "-sS", "--fail", "--unix-socket", edge_socket(edge), "http://edge/metrics"])
    found = figures.read(done.stdout)
    return sum(value for series, value in found.items() if series.split("{")[0] == f"holdfast_health_{name}")


def test_neighbours_of_three_architectures_watch_each_other_and_the_cloud_believes_them():
    world = World(edges=3, config="nodes:\n  startGrace: 4s\n  linkGrace: 4s\n")
    on_arm64, on_armhf, on_amd64 = world.edges
    on_arm64.program, on_armhf.program = arm("arm64"), arm("armhf")
    with world:
        world.cloud.start_hub()
        for edge in world.edges:
            edge.power_on()
            world.switch.plug(edge, edge.address)
            edge.join(world.cloud.token("--region", edge.region))
            edge.start_hub()

        def all_see_all(*edges):
            return all(views(edge) == {e.name: "alive" for e in edges if e is not edge} for edge in edges)
        wait.until("all see all", lambda: all_see_all(*world.edges), 90)
        # By datagrams of the one sealed key, that each of them could open: none was refused.
        for edge in world.edges:
            wait.until("datagrams come", lambda e=edge: health_figure(e, "received_total") > 5, 30)
            assert health_figure(edge, "refused_total") == 0, edge.name

        # A new key, sealed by the cloud to each member, while the 32-bit one is cut off from it: a neighbour's copy will do.
        on_armhf.block_cloud()
        wait.until("neighbours know", lambda: not link_is_up(on_armhf), 60)
        before = on_armhf.status()["health"]["keyGeneration"]
        world.cloud.operate("region", "rotate", on_armhf.region)
        wait.until("the key has come", lambda: all(e.status()["health"]["keyGeneration"] > before for e in world.edges), 60)
        wait.until("all see all by the new key", lambda: all_see_all(*world.edges), 30)
        wait.until("the cloud is told", lambda: words_about(world, on_armhf) == {on_arm64.name: "alive", on_amd64.name: "alive"}, 60)
        on_armhf.unblock_cloud()
        wait.until("up again", lambda: link_is_up(on_armhf), 90)

        # Dead by the two others, whatever they are made of; then back, by its own signed word.
        for lost in (on_armhf, on_amd64):
            others = [edge for edge in world.edges if edge is not lost]
            lost.power_off()
            wait.until("the others say so", lambda: words_about(world, lost) == {e.name: "dead" for e in others}, 60)
            wait.until("the cloud believes them", lambda: "NoExecute" in unreachable(world, lost), 30)
            lost.power_on()
            world.switch.plug(lost, lost.address)
            lost.start_hub()
            wait.until("all see all again", lambda: all_see_all(*world.edges), 60)
            wait.until("it is reachable again", lambda: unreachable(world, lost) == set(), 60)


def unreachable(world, edge):
    """The effects of the taint that says so."""
    taints = world.cloud.get("node", edge.name)["spec"].get("taints", [])
    return {taint["effect"] for taint in taints if taint["key"] == "node.kubernetes.io/unreachable"}


def test_a_data_directory_moves_between_architectures_and_nothing_stops():
    programs = [("armhf", arm("armhf")), ("amd64", [BIN / "edge-hub"]), ("arm64", arm("arm64")), ("amd64", [BIN / "edge-hub"]),
                ("armhf", arm("armhf"))]
    with World(edges=1).up() as world:
        edge = world.edges[0]
        world.cloud.apply(pod_on(edge))
        ready_pod(world, "work")
        running = of_pod(edge, "work")
        for number, (arch, program) in enumerate(programs):
            assert edge.hub.stop() == 0
            edge.program = program
            edge.start_hub()
            wait.until(f"{arch}: the link is up", lambda: link_is_up(edge), 90)
            status = edge.status()
            assert status["replica"]["complete"] and status["replica"]["quarantined"] == 0, status
            assert of_pod(edge, "work") == running, f"{arch} touched the pod"
            # It writes too, and the next one reads what it wrote.
            world.cloud.apply(objects.config_map("passing", {"through": f"{arch} {number}"}))
            world.cloud.apply(pod_on(edge, f"by-{number}", volumes=[{"name": "c", "configMap": {"name": "passing"}}]))
            ready_pod(world, f"by-{number}")
        assert len(edge.containers()) == 1 + len(programs)
        assert edge.status()["replica"]["orphans"] == 0


def test_a_minimal_hub_joins_by_name_runs_pods_and_says_what_it_lacks():
    world = World(edges=1)
    edge = world.edges[0]
    with world:
        world.cloud.start_hub()
        world.start_edge(edge)
        hosts = world.dir / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{world.cloud.address} {CLOUD_NAME}\n")
        edge.run(["mount", "--bind", hosts, "/etc/hosts"])
        edge.program = minimal()
        dynamic = edge.run(["ldd", edge.program[0]], check=False)
        assert "statically linked" in dynamic.stdout or dynamic.returncode != 0, dynamic.stdout
        edge.join(world.cloud.token("--region", edge.region), cloud=CLOUD_NAME)
        edge.start_hub()
        wait.until("Ready", lambda: world.node_ready(edge.name), 60)
        assert CLOUD_NAME in edge.status()["link"]["cloud"]
        world.cloud.apply(pod_on(edge))
        ready_pod(world, "work")
        first = of_pod(edge, "work")
        edge.hub.kill()
        edge.start_hub()
        wait.until("adopted", lambda: link_is_up(edge) and edge.status()["pods"]["runningContainers"] == 1, 60)
        assert of_pod(edge, "work") == first

        refused = edge.run([*edge.program, "print-manual"], check=False)
        assert refused.returncode == 1 and "this build has no manual pages (HOLDFAST_MANUAL)" in refused.stderr, refused
        answer = edge.run(["curl", "-s", "--unix-socket", edge_socket(edge), "http://local/openapi/v2"])
        assert "this build serves no OpenAPI documents (HOLDFAST_OPENAPI)" in answer.stdout, answer.stdout
        names = edge.run(["curl", "-s", "--unix-socket", edge_socket(edge), "http://local/api/v1/pods"]).stdout
        assert '"work"' in names, names
        assert edge.hub.stop() == 0
        config = world.dir / "edge.yaml"
        config.write_text("secrets:\n  wrap: tpm2\n")
        other = edge.run([*edge.program, "join", "--cloud", f"{CLOUD_NAME}:7443", "--token", world.cloud.token(), "--data-dir",
                          "/run/other", "--config", config], check=False)
        assert other.returncode != 0 and "this build has no support for a TPM (HOLDFAST_TPM2)" in other.stderr, other
        edge.start_hub()
        wait.until("up again", lambda: link_is_up(edge), 60)


def edge_socket(edge):
    found = [path for path in edge.data.iterdir() if path.is_socket()]
    assert len(found) == 1, found
    return f"/var/lib/holdfast/edge/{found[0].name}"


def test_replacing_the_binary_and_restarting_the_hub_touches_no_container():
    """What a package's upgrade does: the new file takes the name of the running one, then the service is restarted."""
    world = World(edges=1)
    edge = world.edges[0]
    installed = world.dir / "edge-hub"
    shutil.copy(BIN / "edge-hub", installed)
    edge.program = [installed]
    with world.up():
        world.cloud.apply([pod_on(edge), pod_on(edge, "other")])
        ready_pod(world, "work"), ready_pod(world, "other")
        running = edge.containers()
        for build in (minimal()[0], there(BIN / "edge-hub-next", "building it all"), BIN / "edge-hub"):
            beside = installed.with_suffix(".new")
            shutil.copy(build, beside)
            os.replace(beside, installed)
            assert edge.hub.stop() == 0
            assert edge.containers() == running
            edge.start_hub()
            wait.until("up again", lambda: link_is_up(edge) and edge.status()["pods"]["runningContainers"] == 2, 60)
            assert edge.containers() == running, f"{build} touched a container"
        wait.until("Ready", lambda: world.node_ready(edge.name), 60)
        assert all(c["restartCount"] == 0 for pod in world.pods() for c in pod["status"]["containerStatuses"])


def set_schema(path, version):
    """As a release would that migrated the store; returns what it was."""
    store = sqlite3.connect(path)
    before = store.execute("PRAGMA user_version").fetchone()[0]
    store.execute(f"PRAGMA user_version={version}")
    store.commit()
    store.close()
    return before


def store_of(box):
    found = [path for path in box.data.glob("*.db") if "good" not in path.name]
    assert len(found) == 1, found
    return found[0]


def test_a_hub_older_than_its_data_refuses_names_the_way_back_and_stops_nothing():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(pod_on(edge))
        ready_pod(world, "work")
        running = edge.containers()
        for box, program in ((edge, "edge-hub"), (cloud, "cloud-hub")):
            assert box.hub.stop() == 0
            before = set_schema(store_of(box), 99)
            refused = box.run([BIN / program, "run"], check=False, timeout=30)
            assert refused.returncode == 1, refused
            for words in ("has schema 99", f"this release knows {before} and older", "install the release that wrote it"):
                assert words in refused.stderr, refused.stderr
            # It changed nothing: with the release that knows it all is as it was.
            assert set_schema(store_of(box), before) == 99
            assert edge.containers() == running
            box.start_hub()
        wait.until("all is well", lambda: link_is_up(edge) and world.running_pod("work"), 60)
        assert edge.containers() == running


def test_a_node_goes_back_to_an_older_release_without_its_replica_and_nothing_stops():
    """As docs/operations.md, Going back, says."""
    with World(edges=1).up() as world:
        edge = world.edges[0]
        world.cloud.apply(pod_on(edge))
        ready_pod(world, "work")
        running = edge.containers()
        wait.until("no report waits", lambda: edge.status()["outbox"]["entries"] == 0, 60)
        assert edge.hub.stop() == 0
        set_schema(store_of(edge), 99)
        aside = world.dir / "aside"
        aside.mkdir()
        for path in edge.data.glob("replica.db*"):
            path.rename(aside / path.name)
        edge.start_hub()
        wait.until("it has everything again", lambda: link_is_up(edge) and edge.status()["replica"]["complete"], 60)
        wait.holds("nothing stops", lambda: edge.containers() == running, 5)
        # Reports made since count in the cloud: it does not take them for old ones.
        edge.kill_inside(next(iter(running)))
        wait.until("the restart is known in the cloud", lambda: world.cloud.get("pod", "work")["status"]["containerStatuses"][0]
                   ["restartCount"] == 1, 60)
        wait.until("nothing waits", lambda: edge.status()["outbox"]["entries"] == 0, 60)
        assert edge.status()["replica"]["orphans"] == 0

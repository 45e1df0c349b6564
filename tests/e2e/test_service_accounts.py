"""Tokens of service accounts: asked for, shown, reviewed, and good for nothing once what they are bound to is gone."""

import base64
import json
import threading

from harness import clients, objects, wait
from harness.clients import Api
from harness.world import World

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
WHOAMI = ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
          {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})


def bearer(cloud, token):
    return Api(cloud, cloud, clients.anonymous_context(cloud), headers={"Authorization": f"Bearer {token}"})


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def make_account(cloud, name):
    cloud.kubectl("create", "serviceaccount", name)
    cloud.apply([{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name, "namespace": "default"},
                  "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                  "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]}])


def token_of(cloud, name, *options):
    return cloud.kubectl("create", "token", name, *options).stdout.strip()


def review(cloud, token, **spec):
    answer = Api(cloud, cloud, clients.admin_context(cloud)).ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token, **spec}})
    assert answer[0] == 201, answer
    return answer[1]["status"]


def test_a_token_opens_what_its_account_may_and_nothing_else():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        wait.until("the default account", lambda: cloud.kubectl("get", "sa", "default", check=False).returncode == 0, 10)
        make_account(cloud, "robot")
        uid = cloud.get("sa", "robot")["metadata"]["uid"]
        token = token_of(cloud, "robot")
        claims = claims_of(token)
        assert claims["sub"] == "system:serviceaccount:default:robot" and claims["kubernetes.io"]["serviceaccount"]["uid"] == uid, claims
        assert claims["exp"] - claims["iat"] == 3600 and claims["iss"] == claims["aud"][0]
        robot = bearer(cloud, token)
        me = robot.ask(*WHOAMI)[1]["status"]["userInfo"]
        assert me["username"] == claims["sub"] and me["uid"] == uid, me
        assert {"system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"} <= set(me["groups"]), me
        assert me["extra"]["authentication.kubernetes.io/credential-id"] == [f"JTI={claims['jti']}"], me
        assert wait.until("the binding counts", lambda: robot.ask("GET", CONFIG_MAPS)[0] == 200, 5)
        assert robot.ask("GET", "/api/v1/namespaces/default/secrets")[0] == 403
        assert robot.ask("GET", "/api/v1/namespaces/kube-system/configmaps")[0] == 403

        # What is no good token is nobody's, also where others would come in without any.
        for bad in ("", "x", "a.b.c", token[:-2], token + "A", token.replace(".", "..", 1), "x" * 20000):
            assert bearer(cloud, bad).ask("GET", "/api")[0] in (401, 400, 431), bad[:40]
        basic = Api(cloud, cloud, clients.anonymous_context(cloud), headers={"Authorization": "Basic YTpi"})
        assert basic.ask("GET", "/version")[0] == 401
        for alg in ("none", "HS256"):
            head = base64.urlsafe_b64encode(json.dumps({"alg": alg, "kid": "x"}).encode()).decode().rstrip("=")
            assert bearer(cloud, f"{head}.{token.split('.')[1]}.").ask(*WHOAMI)[0] == 401
        elsewhere = token_of(cloud, "robot", "--audience", "registry")
        assert bearer(cloud, elsewhere).ask(*WHOAMI)[0] == 401

        # Reviews, for those who check tokens that others showed them.
        good = review(cloud, token)
        assert good["authenticated"] and good["user"]["username"] == claims["sub"] and good["audiences"] == claims["aud"], good
        assert review(cloud, elsewhere, audiences=["registry", "x"])["audiences"] == ["registry"]
        assert not review(cloud, elsewhere).get("authenticated") and not review(cloud, token + "x").get("authenticated")

        # A new key signs; what the old one signed stays good, after a restart too.
        assert "2 verify" in cloud.operate("token-key", "rotate").stdout
        newer = token_of(cloud, "robot", "--duration", "20m")
        assert len(cloud.operate("token-key", "list").stdout.splitlines()) == 3
        assert len(Api(cloud, cloud, clients.admin_context(cloud)).ask("GET", "/openid/v1/jwks")[1]["keys"]) == 2
        assert cloud.hub.stop() == 0
        cloud.start_hub()
        for kept in (token, newer):
            assert bearer(cloud, kept).ask(*WHOAMI)[0] == 201
        assert b"PRIVATE KEY" not in (cloud.data / "serviceaccounts.keys").read_bytes()

        # A watch that the token opened ends when the account goes; the name made anew is another account.
        watching = bearer(cloud, newer)
        watching.request("GET", CONFIG_MAPS + "?watch=true&timeoutSeconds=600", headers=watching.headers)
        stream = watching.getresponse()
        assert stream.status == 200
        ended = threading.Event()
        threading.Thread(target=lambda: (stream.read(), ended.set()), daemon=True).start()
        cloud.kubectl("delete", "serviceaccount", "robot")
        assert bearer(cloud, token).ask(*WHOAMI)[0] == 401
        cloud.kubectl("create", "serviceaccount", "robot")
        assert bearer(cloud, token).ask(*WHOAMI)[0] == 401 and bearer(cloud, newer).ask(*WHOAMI)[0] == 401
        assert ended.wait(15), "the watch of a deleted account goes on"


def test_a_token_bound_to_a_pod_ends_with_it():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        wait.until("the default account", lambda: cloud.kubectl("get", "sa", "default", check=False).returncode == 0, 10)
        make_account(cloud, "robot")
        pod = objects.pod("p")
        pod["spec"]["serviceAccountName"] = "robot"
        cloud.apply([pod, objects.secret("s", {"a": "b"})])
        uid = cloud.get("pod", "p")["metadata"]["uid"]
        by_pod = token_of(cloud, "robot", "--bound-object-kind", "Pod", "--bound-object-name", "p", "--bound-object-uid", uid)
        by_secret = token_of(cloud, "robot", "--bound-object-kind", "Secret", "--bound-object-name", "s")
        me = bearer(cloud, by_pod).ask(*WHOAMI)[1]["status"]["userInfo"]
        assert me["extra"]["authentication.kubernetes.io/pod-name"] == ["p"] and me["extra"]["authentication.kubernetes.io/pod-uid"] == [uid]
        assert bearer(cloud, by_secret).ask(*WHOAMI)[0] == 201
        for words, said in ((["--bound-object-kind", "Pod", "--bound-object-name", "none"], "not found"),
                            (["--bound-object-kind", "Pod", "--bound-object-name", "p", "--bound-object-uid", "other"], "does not match"),
                            (["--duration", "1m"], "10 minutes")):
            done = cloud.kubectl("create", "token", "robot", *words, check=False)
            assert done.returncode and said in done.stderr, done
        done = cloud.kubectl("create", "token", "default", "--bound-object-kind", "Pod", "--bound-object-name", "p", check=False)
        assert done.returncode and "different serviceaccount" in done.stderr, done
        cloud.kubectl("delete", "pod", "p", "--grace-period=0", "--force")
        assert bearer(cloud, by_pod).ask(*WHOAMI)[0] == 401
        cloud.apply([pod])  # replaced: the same name, another pod
        assert bearer(cloud, by_pod).ask(*WHOAMI)[0] == 401
        cloud.kubectl("delete", "secret", "s")
        assert bearer(cloud, by_secret).ask(*WHOAMI)[0] == 401

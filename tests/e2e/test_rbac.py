"""Roles decide what people may do: asked with unmodified kubectl 1.32 and Debian 12's 1.20, as users with certificates of their own."""

import contextlib
import json
import threading

from harness import clients, objects, wait
from harness.clients import Api
from harness.world import World
from test_kubectl import clients as kubectls
from test_users import user

GROUP = "rbac.authorization.k8s.io"
FORBIDDEN = "Error from server (Forbidden): "


@contextlib.contextmanager
def cloud_with_users(*names):
    """A cloud, and for each name a way to run kubectl as that user."""
    with World(edges=0) as world:
        world.cloud.start_hub()
        wait.until("roles are gathered", lambda: world.cloud.get("clusterrole", "admin").get("rules"))
        yield world.cloud, *[person(world.cloud, name) for name in names]


def person(cloud, name):
    path = user(cloud, name)

    def kubectl(*words, **more):
        return cloud.kubectl("--kubeconfig", path, *words, **more)
    kubectl.kubeconfig = path
    return kubectl


def refused(done, *expected):
    assert done.returncode != 0, done.stdout
    for text in expected:
        assert text in done.stderr, f"{text!r} not in {done.stderr!r}"


def answer(kubectl, *words, **more):
    """`auth can-i`: "yes" or "no", and the exit code that goes with it."""
    done = kubectl("auth", "can-i", *words, check=False, **more)
    said = done.stdout.strip().splitlines()[-1].split()[0] if done.stdout.strip() else done.stderr
    assert done.returncode == {"yes": 0, "no": 1}.get(said, -1), (words, done)
    return said


def test_a_viewer_of_one_namespace_sees_that_and_nothing_else():
    with cloud_with_users("jo") as (cloud, jo):
        cloud.kubectl("create", "namespace", "shop")
        cloud.kubectl("create", "cm", "settings", "-n", "shop", "--from-literal=a=1")
        cloud.kubectl("create", "secret", "generic", "key", "-n", "shop")
        refused(jo("get", "cm", "-n", "shop", check=False), FORBIDDEN + 'configmaps is forbidden: User "jo" cannot list resource '
                '"configmaps" in API group "" in the namespace "shop"')
        cloud.kubectl("create", "rolebinding", "viewers", "--clusterrole=view", "--user=jo", "-n", "shop")
        for binary in kubectls():
            assert jo("get", "cm", "settings", "-n", "shop", "-o", "jsonpath={.data.a}", binary=binary).stdout == "1"
            refused(jo("get", "secret", "key", "-n", "shop", check=False, binary=binary),
                    'secrets "key" is forbidden: User "jo" cannot get resource "secrets" in API group "" in the namespace "shop"')
            refused(jo("get", "cm", check=False, binary=binary), 'in the namespace "default"')
            refused(jo("get", "nodes", check=False, binary=binary),
                    'nodes is forbidden: User "jo" cannot list resource "nodes" in API group "" at the cluster scope')
            refused(jo("delete", "cm", "settings", "-n", "shop", check=False, binary=binary), "cannot delete resource")
            refused(jo("get", "--raw", "/metrics", check=False, binary=binary), 'cannot get path "/metrics"')
            assert "configmaps" in jo("api-resources", binary=binary).stdout
            # Questions about oneself, in all forms.
            for words, said in ((("get", "pods", "-n", "shop"), "yes"), (("get", "pods"), "no"), (("list", "cm", "-A"), "no"),
                                (("get", "pods", "--subresource=log", "-n", "shop"), "yes"), (("create", "pods", "-n", "shop"), "no"),
                                (("get", "cm/settings", "-n", "shop"), "yes"), (("get", "/healthz"), "yes"), (("get", "/metrics"), "no"),
                                (("get", "daemonsets.apps", "-n", "shop"), "yes"), (("*", "*", "-n", "shop"), "no")):
                assert answer(jo, *words, binary=binary) == said, (words, binary)
            assert answer(cloud.kubectl, "*", "*", "--all-namespaces", binary=binary) == "yes"
            listed = jo("auth", "can-i", "--list", "-n", "shop", binary=binary).stdout
            rows = {line.split()[0]: line for line in listed.splitlines()[1:]}
            assert "[get list watch]" in rows["pods/log"] and "secrets" not in rows, listed
            assert "selfsubjectaccessreviews.authorization.k8s.io" in rows and "[/healthz]" in listed, listed
            assert "*.*" in cloud.kubectl("auth", "can-i", "--list", binary=binary).stdout
        # Taken away, it counts no more, and what was being watched ends.
        api = Api(cloud, cloud, clients.kubeconfig_context(jo.kubeconfig))
        api.request("GET", "/api/v1/namespaces/shop/configmaps?watch=true&timeoutSeconds=600")
        stream, ended = api.getresponse(), threading.Event()
        assert stream.status == 200
        threading.Thread(target=lambda: (stream.read(), ended.set()), daemon=True).start()
        cloud.kubectl("delete", "rolebinding", "viewers", "-n", "shop")
        refused(jo("get", "cm", "-n", "shop", check=False), "is forbidden")
        assert ended.wait(30), "the watch goes on without the right to it"


def test_nobody_grants_what_he_does_not_hold():
    with cloud_with_users("al", "bo") as (cloud, al, bo):
        cloud.kubectl("create", "namespace", "shop")
        cloud.kubectl("create", "rolebinding", "owner", "--clusterrole=admin", "--user=al", "-n", "shop")
        holds = 'user "al" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
        for binary in kubectls():
            al("create", "role", "readers", "--verb=get,list", "--resource=pods", "-n", "shop", binary=binary)
            refused(al("create", "role", "big", "--verb=get,list", "--resource=nodes", "-n", "shop", check=False, binary=binary),
                    f'roles.{GROUP} "big" is forbidden: {holds}{{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}}')
            refused(al("patch", "role", "readers", "-n", "shop", "--type=json", "-p", json.dumps(
                [{"op": "add", "path": "/rules/0/resources/-", "value": "nodes"}]), check=False, binary=binary), holds)
            refused(al("create", "rolebinding", "up", "--clusterrole=cluster-admin", "--user=al", "-n", "shop", check=False, binary=binary),
                    holds + '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}')
            refused(al("create", "rolebinding", "none", "--role=missing", "--user=al", "-n", "shop", check=False, binary=binary),
                    f'role.{GROUP} "missing" not found')
            refused(al("create", "clusterrolebinding", "up", "--clusterrole=view", "--user=al", check=False, binary=binary),
                    f'cannot create resource "clusterrolebindings" in API group "{GROUP}" at the cluster scope')
            refused(al("create", "rolebinding", "elsewhere", "--clusterrole=view", "--user=al", check=False, binary=binary), "is forbidden")
            al("apply", "-n", "shop", "-f", "-", binary=binary, stdin=json.dumps(objects.config_map("applied", {"a": "1"}, "shop")))
            # What he holds he may pass on.
            al("create", "rolebinding", "helpers", "--clusterrole=edit", "--user=bo", "-n", "shop", binary=binary)
            bo("create", "cm", "from-bo", "-n", "shop", binary=binary)
            refused(bo("create", "rolebinding", "mine", "--clusterrole=view", "--user=bo", "-n", "shop", check=False, binary=binary),
                    "is forbidden")
            al("delete", "role/readers", "rolebinding/helpers", "cm/from-bo", "-n", "shop", binary=binary)
        # The two verbs that are the ways around.
        cloud.kubectl("create", "role", "granter", "--verb=escalate", "--resource=roles", "-n", "shop")
        cloud.kubectl("create", "rolebinding", "granter", "--role=granter", "--user=al", "-n", "shop")
        al("create", "role", "big", "--verb=get", "--resource=nodes", "-n", "shop")
        refused(al("create", "rolebinding", "big", "--role=big", "--user=bo", "-n", "shop", check=False), holds)
        cloud.kubectl("create", "role", "binder", "--verb=bind", "--resource=roles", "--resource-name=big", "-n", "shop")
        cloud.kubectl("create", "rolebinding", "binder", "--role=binder", "--user=al", "-n", "shop")
        al("create", "rolebinding", "big", "--role=big", "--user=bo", "-n", "shop")
        # A binding's role is for good.
        refused(cloud.kubectl("patch", "rolebinding", "big", "-n", "shop", "-p", '{"roleRef":{"name":"binder"}}', check=False),
                "cannot change roleRef")


def test_acting_as_another_is_a_right_of_its_own():
    with cloud_with_users("al") as (cloud, al):
        cloud.kubectl("create", "rolebinding", "viewers", "--clusterrole=view", "--user=jo")
        cloud.kubectl("create", "clusterrole", "be-jo", "--verb=impersonate", "--resource=users", "--resource-name=jo")
        cloud.kubectl("create", "clusterrolebinding", "be-jo", "--clusterrole=be-jo", "--user=al")
        for binary in kubectls():
            refused(al("get", "cm", check=False, binary=binary), 'User "al" cannot list')
            al("get", "cm", "--as=jo", binary=binary)
            refused(al("get", "secrets", "--as=jo", check=False, binary=binary), 'User "jo" cannot list resource "secrets"')
            refused(al("get", "cm", "--as=root", check=False, binary=binary),
                    'users "root" is forbidden: User "al" cannot impersonate resource "users" in API group "" at the cluster scope')
            refused(al("get", "cm", "--as=jo", "--as-group=system:masters", check=False, binary=binary),
                    'groups "system:masters" is forbidden: User "al" cannot impersonate resource "groups"')
            refused(al("get", "cm", "--as=system:serviceaccount:default:default", check=False, binary=binary),
                    'cannot impersonate resource "serviceaccounts" in API group "" in the namespace "default"')
            # Who may not grant does not grant by way of another, and who is not known stays so.
            refused(cloud.kubectl("create", "clusterrolebinding", "up", "--clusterrole=cluster-admin", "--user=jo", "--as=jo", check=False,
                                  binary=binary), 'User "jo" cannot create')
            refused(cloud.kubectl("get", "cm", "--as=system:anonymous", check=False, binary=binary), "system:anonymous")
            cloud.kubectl("get", "cm", "--as=ann", "--as-group=system:masters", binary=binary)
        me = json.loads(cloud.kubectl("auth", "whoami", "--as=jo", "--as-group=g", "--as-uid=7", "-o", "json").stdout)["status"]["userInfo"]
        assert me == {"username": "jo", "uid": "7", "groups": ["g", "system:authenticated"]}, me


def test_who_shows_nothing_gets_what_everybody_gets():
    with cloud_with_users() as (cloud,):
        nobody = Api(cloud, cloud, clients.anonymous_context(cloud))
        assert nobody.ask("GET", "/healthz")[0] == 200
        assert nobody.ask("GET", "/version")[1]["minor"]
        code, said = nobody.ask("GET", "/api")
        assert code == 403 and said["message"] == 'forbidden: User "system:anonymous" cannot get path "/api"', said
        assert nobody.ask("GET", "/holdfast/v1/tokens")[0] == 403
        assert nobody.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {})[0] == 403
        cloud.kubectl("delete", "clusterrolebinding", "system:public-info-viewer")
        assert nobody.ask("GET", "/version")[0] == 403 and nobody.ask("GET", "/healthz")[0] == 200
        # Credentials that are no good are no visit by nobody.
        assert Api(cloud, cloud, clients.anonymous_context(cloud), headers={"Authorization": "Bearer x.y.z"}).ask("GET", "/version")[0] == 401


def test_roles_gather_the_rules_of_others():
    with cloud_with_users("jo") as (cloud, jo):
        cloud.kubectl("create", "clusterrolebinding", "viewers", "--clusterrole=view", "--user=jo")
        assert answer(jo, "list", "nodes") == "no"
        cloud.kubectl("create", "clusterrole", "see-nodes", "--verb=get,list,watch", "--resource=nodes")
        cloud.kubectl("label", "clusterrole", "see-nodes", f"{GROUP}/aggregate-to-view=true")
        wait.until("view has it", lambda: answer(jo, "list", "nodes") == "yes")
        # By way of view it is in edit and admin too.
        wait.until("admin has it", lambda: "nodes" in cloud.kubectl("describe", "clusterrole", "admin").stdout)
        cloud.kubectl("label", "clusterrole", "see-nodes", f"{GROUP}/aggregate-to-view-")
        wait.until("it is gone again", lambda: answer(jo, "list", "nodes") == "no")
        cloud.kubectl("create", "clusterrole", "gather", "--aggregation-rule=team=x")
        cloud.apply({"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": "part", "labels": {"team": "x"}},
                     "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})
        wait.until("it gathered", lambda: (cloud.get("clusterrole", "gather").get("rules") or [{}])[0].get("resources") == ["pods"])


def test_default_roles_come_back_and_what_an_operator_took_over_is_his():
    with cloud_with_users("jo") as (cloud, jo):
        cloud.kubectl("delete", "clusterrole", "system:basic-user", "system:aggregate-to-view")
        cloud.kubectl("delete", "clusterrolebinding", "system:discovery")
        wait.until("view is empty", lambda: not cloud.get("clusterrole", "view").get("rules"))
        refused(jo("auth", "can-i", "get", "pods", check=False), 'RBAC: clusterrole.rbac.authorization.k8s.io \\"system:basic-user\\" not found'
                .replace("\\", ""))
        note = "rbac.authorization.kubernetes.io/autoupdate"
        cloud.kubectl("annotate", "clusterrole", "system:monitoring", f"{note}=false", "--overwrite")
        cloud.kubectl("annotate", "clusterrole", "system:kube-dns", f"{note}-")
        for name in ("system:monitoring", "system:kube-dns"):
            cloud.kubectl("patch", "clusterrole", name, "--type=json", "-p", '[{"op":"replace","path":"/rules","value":[]}]')
        cloud.kubectl("patch", "clusterrole", "system:node-proxier", "--type=json", "-p", '[{"op":"remove","path":"/rules/0"}]')
        before = len(cloud.get("clusterrole", "system:node-proxier")["rules"])
        assert cloud.hub.stop() == 0
        cloud.start_hub()
        wait.until("they are back", lambda: cloud.kubectl("get", "clusterrole", "system:basic-user", "system:aggregate-to-view", check=False)
                   .returncode == 0)
        wait.until("rules too", lambda: len(cloud.get("clusterrole", "system:node-proxier")["rules"]) == before + 1)
        wait.until("and what is gathered", lambda: cloud.get("clusterrole", "view").get("rules"))
        assert answer(jo, "get", "pods") == "no"
        assert not cloud.get("clusterrole", "system:monitoring").get("rules")
        assert not cloud.get("clusterrole", "system:kube-dns").get("rules")
        # When nothing is missing, nothing is written.
        settled = cloud.get("clusterroles,clusterrolebindings")["items"]
        revision = json.loads(cloud.kubectl("get", "--raw", "/api/v1/namespaces").stdout)["metadata"]["resourceVersion"]
        assert cloud.hub.stop() == 0
        cloud.start_hub()
        wait.until("the hub has looked", lambda: cloud.get("clusterrole", "view").get("rules"))
        assert cloud.get("clusterroles,clusterrolebindings")["items"] == settled
        assert json.loads(cloud.kubectl("get", "--raw", "/api/v1/namespaces").stdout)["metadata"]["resourceVersion"] == revision


def review(kubectl, kind, spec, ns=None, check=True):
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "metadata": {"namespace": ns} if ns else {}, "spec": spec}
    # Without looking up the schema first, for which kubectl lists definitions of custom resources.
    done = kubectl("create", "--validate=false", "-f", "-", "-o", "json", stdin=json.dumps(body), check=check)
    return json.loads(done.stdout)["status"] if done.returncode == 0 else done


def test_servers_may_ask_about_others_and_reconcile_works():
    with cloud_with_users("srv") as (cloud, srv):
        cloud.kubectl("create", "rolebinding", "viewers", "--clusterrole=view", "--user=jo", "--group=readers")
        pods = {"verb": "get", "resource": "pods", "namespace": "default"}
        refused(review(srv, "SubjectAccessReview", {"user": "jo", "resourceAttributes": pods}, check=False), "subjectaccessreviews")
        cloud.kubectl("create", "clusterrolebinding", "srv", "--clusterrole=system:auth-delegator", "--user=srv")
        said = review(srv, "SubjectAccessReview", {"user": "jo", "resourceAttributes": pods})
        assert said == {"allowed": True, "reason": 'RBAC: allowed by RoleBinding "viewers/default" of ClusterRole "view" to User "jo"'}, said
        assert review(srv, "SubjectAccessReview", {"groups": ["readers"], "resourceAttributes": pods})["allowed"]
        assert not review(srv, "SubjectAccessReview", {"user": "al", "resourceAttributes": pods})["allowed"]
        assert not review(srv, "SubjectAccessReview", {"user": "jo", "nonResourceAttributes": {"verb": "get", "path": "/metrics"}})["allowed"]
        assert review(cloud.kubectl, "LocalSubjectAccessReview", {"user": "jo", "resourceAttributes": pods}, "default")["allowed"]
        refused(review(cloud.kubectl, "LocalSubjectAccessReview", {"user": "jo", "resourceAttributes": pods}, "kube-system", check=False),
                "must match namespace: kube-system")
        refused(review(cloud.kubectl, "SubjectAccessReview", {"resourceAttributes": pods}, check=False), "at least one of user or group")

        role = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": "rec", "namespace": "default"},
                "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
        bound = {"apiVersion": f"{GROUP}/v1", "kind": "RoleBinding", "metadata": {"name": "rec", "namespace": "default"},
                 "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": "rec"}, "subjects": [{"apiGroup": GROUP, "kind": "User", "name": "jo"}]}
        for number, binary in enumerate(kubectls()):
            role["rules"][0]["verbs"].append(f"verb-{number}")
            bound["subjects"].append({"apiGroup": GROUP, "kind": "User", "name": f"user-{number}"})
            done = cloud.kubectl("auth", "reconcile", "-f", "-", binary=binary,
                                 stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [role, bound]}))
            assert "reconciled" in done.stdout, done
            assert len(cloud.get("rolebinding", "rec")["subjects"]) == number + 2
            # Another role for the binding: kubectl makes it anew.
        bound["roleRef"]["name"] = "other"
        done = cloud.kubectl("auth", "reconcile", "-f", "-", stdin=json.dumps(bound))
        assert cloud.get("rolebinding", "rec")["roleRef"]["name"] == "other", done
        wide = cloud.kubectl("get", "rolebinding", "rec", "-o", "wide").stdout
        assert "Role/other" in wide and "jo, user-0" in wide, wide

"""objects: the Kubernetes objects the tests apply, as plain data."""


def meta(name, namespace="default", **more):
    return {"name": name, "namespace": namespace, **more}


def config_map(name, data, namespace="default"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, namespace), "data": data}


def secret(name, data, namespace="default"):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta(name, namespace), "stringData": data}


def shell_container(script, name="main", **more):
    return {"name": name, "image": "localhost/tool:1", "command": ["/bin/sh", "-c", script], **more}


def web_container(name="web", image="localhost/web:1", **more):
    return {"name": name, "image": image, "ports": [{"containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}, **more}


def pod(name, node=None, containers=None, namespace="default", labels=None, **spec):
    body = {"containers": containers or [shell_container("sleep 1000000 & wait")],
            "terminationGracePeriodSeconds": 1, **spec}
    if node:
        body["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta(name, namespace, labels=labels or {"app": name}),
            "spec": body}


def daemon_set(name, containers, namespace="default", **spec):
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta(name, namespace),
            "spec": {"selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}},
                                  "spec": {"containers": containers, "terminationGracePeriodSeconds": 1, **spec}}}}


def replica_set(name, containers, replicas=1, namespace="default", **spec):
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta(name, namespace),
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}},
                                  "spec": {"containers": containers, "terminationGracePeriodSeconds": 1, **spec}}}}


def deployment(name, containers, replicas=1, strategy=None, namespace="default", **spec):
    made = replica_set(name, containers, replicas, namespace, **spec)
    return {**made, "kind": "Deployment", "spec": {**made["spec"], **({"strategy": strategy} if strategy else {})}}


def web_app(name="web", page="hello from the edge"):
    """A page served on every node: DaemonSet, ConfigMap, Secret."""
    container = web_container(
        env=[{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": f"{name}-secret", "key": "password"}}}],
        volumeMounts=[{"name": "page", "mountPath": "/www"}, {"name": "keys", "mountPath": "/keys", "readOnly": True}])
    return [config_map(f"{name}-page", {"index.html": page}), secret(f"{name}-secret", {"password": "swordfish"}),
            daemon_set(name, [container],
                       volumes=[{"name": "page", "configMap": {"name": f"{name}-page"}},
                                {"name": "keys", "secret": {"secretName": f"{name}-secret"}}])]

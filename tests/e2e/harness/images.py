"""images: container images built here from Debian's static busybox; nothing is pulled.

Docker archive format (`docker save`), which `ctr images import` reads.
"""

import hashlib
import io
import json
import pathlib
import tarfile

BUSYBOX = "/bin/busybox"
APPLETS = ("sh", "httpd", "sleep", "cat", "ls", "echo", "kill", "true", "false", "wget", "touch", "rm", "test", "env",
           "ps", "pidof", "killall", "date", "mkdir", "id", "hostname", "ip", "head", "dd", "trap", "printf", "sync")


def _layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "etc", "tmp", "www", "proc", "sys", "dev"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(info)
        body = pathlib.Path(BUSYBOX).read_bytes()
        info = tarfile.TarInfo("bin/busybox")
        info.size, info.mode = len(body), 0o755
        tar.addfile(info, io.BytesIO(body))
        for applet in APPLETS:
            info = tarfile.TarInfo(f"bin/{applet}")
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, "busybox", 0o777
            tar.addfile(info)
        for name, text in (("etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"),
                           ("etc/group", "root:x:0:\nnogroup:x:65534:\n")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def build(path, images):
    """images: {"localhost/app:1": [command...]}; all share the one busybox layer."""
    layer = _layer()
    layer_name = hashlib.sha256(layer).hexdigest()
    manifest = []
    with tarfile.open(path, "w") as tar:

        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

        add(f"{layer_name}/layer.tar", layer)
        for reference, command in images.items():
            config = json.dumps({
                "architecture": "amd64", "os": "linux",
                "config": {"Cmd": command, "Env": ["PATH=/bin"], "WorkingDir": "/", "Labels": {"reference": reference}},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_name}"]},
            }).encode()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            add(name, config)
            manifest.append({"Config": name, "RepoTags": [reference], "Layers": [f"{layer_name}/layer.tar"]})
        add("manifest.json", json.dumps(manifest).encode())


STANDARD = {
    "localhost/pause:1": ["/bin/sleep", "2147483647"],
    "localhost/web:1": ["/bin/httpd", "-f", "-p", "8080", "-h", "/www"],
    "localhost/web:2": ["/bin/httpd", "-f", "-p", "8080", "-h", "/www"],
    "localhost/tool:1": ["/bin/sh"],
}

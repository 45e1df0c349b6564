"""tasks: which processes containerd runs."""

import time

PATIENCE = 30  # seconds


def running(ctr):
    """{container id: pid} of running tasks. `ctr(*words)` runs ctr and returns what it printed.

    containerd gives each shim two seconds to say how its tasks are and prints UNKNOWN for the rest: a shim whose caller was
    killed in the middle of an exec takes longer. Such a row says nothing, so the question is put again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = [line.split()[:3] for line in ctr("tasks", "ls").splitlines()[1:]]
        unknown = [ident for ident, _, state in rows if state == "UNKNOWN"]
        if not unknown:
            return {ident: int(pid) for ident, pid, state in rows if state == "RUNNING"}
        assert time.monotonic() < deadline, f"the runtime does not say how these are: {unknown}"

"""clock: what a machine's clock shows, set by the test: libfaketime under the programs of ours that run on it.

The monotonic clock goes on as on a real machine. What is not ours (containerd, kubectl) sees the host's clock.
"""

import glob
import time

LIBRARY = "libfaketimeMT.so.1"  # Debian package libfaketime
YEAR = 365 * 86400


def library():
    found = glob.glob(f"/usr/lib/*/faketime/{LIBRARY}")
    if not found:
        raise RuntimeError(f"{LIBRARY} is not installed (Debian package faketime)")
    return found[0]


class Clock:
    """The clock of one box. Programs started from then on follow it, also while they run."""

    def __init__(self, box):
        self.file = box.dir / "clock.faketime"
        self.add(0)
        box.under = ["env", f"LD_PRELOAD={library()}", f"FAKETIME_TIMESTAMP_FILE={self.file}", "FAKETIME_NO_CACHE=1",
                     "DONT_FAKE_MONOTONIC=1"]

    def add(self, seconds):
        """That much ahead of the true time."""
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.rename(self.file)  # read at any moment

    def to_1970(self):
        """As a board without a battery shows it after power-on."""
        self.add(-int(time.time()) + 60)

"""wait: conditions with a deadline. No test sleeps for an event that it can ask about."""

import subprocess
import time


class TimedOut(AssertionError):
    pass


class Hopeless(Exception):
    """Raised by a condition that cannot become true any more: ends the waiting."""


def until(what, condition, timeout=60, every=0.1):
    """Asks `condition` until it is true and returns its value; exceptions count as "not yet" and are shown at the end."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = None
        except (AssertionError, RuntimeError, ValueError, LookupError, OSError, StopIteration,
                subprocess.SubprocessError) as error:
            last = error
        if time.monotonic() > deadline:
            raise TimedOut(f"waited {timeout} s for: {what}" + (f" ({last})" if last else ""))
        time.sleep(every)


def holds(what, condition, seconds, every=0.2):
    """Asserts that `condition` stays true for that long (what must not happen)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"did not hold: {what}"
        time.sleep(every)

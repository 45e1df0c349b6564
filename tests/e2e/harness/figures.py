"""figures: a strict reader of Prometheus' text exposition format 0.0.4: what promtool would complain of is an AssertionError."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (-?\d+(?:\.\d+)?)")


def read(text):
    """{name with labels: value}"""
    assert text.endswith("\n"), "the last line has no end"
    found, families, current, helped = {}, {}, None, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped, words = line.split(" ", 3)[2:]
            assert re.fullmatch(NAME, helped) and words.strip(), line
            assert helped not in families, f"{helped} comes twice"
        elif line.startswith("# TYPE "):
            current, kind = line.split(" ")[2:]
            assert current == helped, f"TYPE of {current} does not follow its HELP"
            assert kind in ("counter", "gauge"), line
            assert (kind == "counter") == current.endswith("_total"), f"{current} is a {kind}"
            families[current] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line!r}"
            assert match[1] == current, f"{match[1]} is not under its own head"
            series = match[1] + (match[2] or "")
            assert series not in found, f"{series} comes twice"
            found[series] = float(match[3])
            assert found[series] >= 0 or families[current] == "gauge", line
    return found

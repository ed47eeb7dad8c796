#!/usr/bin/python3
"""Prints what moved by more than noise between two runs: compare.py A.json B.json.

Instructions of the VM are the same for the same program but for 1 %, those of a latency for 3 %.
Times of a machine move with all that it does. What is counted does not move at all.
"""

import json
import pathlib
import sys

from plots import number
from report import unit_of
from targets import targets

KEY = ("where", "group", "case", "path", "who", "what")
INSTRUCTIONS, LATENCY, TIME, MEMORY = 0.015, 0.04, 0.25, 0.1


def noise(record):
    """The part of the value that says nothing."""
    if record["group"] == "latency":
        return LATENCY if record["where"] == "vm" and record["what"].endswith("p50") else TIME
    if record["unit"] in ("µs", "ms", "GB/s") or record["what"].startswith("speed of"):
        return INSTRUCTIONS if record["where"] == "vm" else TIME
    if record["unit"] == "MiB":
        return MEMORY
    return TIME if record["group"] in ("rate", "first") else 0.02


def by_key(records):
    return {tuple(record.get(name) for name in KEY): record for record in records}


def name(key):
    return ", ".join(str(part) for part in key if part)


def moved(before, after):
    """(key, old, new, change) of all that moved, the largest first; change is a factor or None."""
    rows = []
    for key, new in after.items():
        old = before.get(key)
        if old is None or old["value"] == new["value"]:
            continue
        if old["value"] is None or new["value"] is None or old["value"] == 0:
            rows.append((key, old, new, None))
        elif abs(new["value"] / old["value"] - 1) > noise(new):
            rows.append((key, old, new, new["value"] / old["value"]))
    return sorted(rows, key=lambda row: -abs(row[3] - 1) if row[3] else float("-inf"))


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    documents = [json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:]]
    before, after = (by_key(document["records"]) for document in documents)
    rows = moved(before, after)
    for key, old, new, change in rows:
        words = f"{100 * (change - 1):+.1f} %" if change else ""
        print(f"{number(old['value']):>9} → {number(new['value']):>9}  {unit_of(new):10} "
              f"{words:>10}  {name(key)}")
    old_targets = {target.words: target for target in targets(documents[0]["records"])}
    for target in targets(documents[1]["records"]):
        old = old_targets.get(target.words)
        if old is not None and old.verdict != target.verdict:
            print(f"{old.verdict} → {target.verdict}: {target.words}")
    for some, others, words in ((before, after, "only in the first"),
                                (after, before, "only in the second")):
        missing = [name(key) for key in some if key not in others]
        if missing:
            print(f"{words}: {len(missing)}: {'; '.join(missing[:5])}"
                  f"{'; …' if len(missing) > 5 else ''}")
    print(f"{len(rows)} of {len(after.keys() & before.keys())} figures moved by more than noise")
    return 0


if __name__ == "__main__":
    sys.exit(main())

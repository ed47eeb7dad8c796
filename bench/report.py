#!/usr/bin/python3
"""Makes of records (README.md) a table, and if wanted a report and a section of a document.

    bench/report.py RECORDS.json [--report FILE.html] [--markdown FILE.md]

RECORDS.json is what `tools/bench --json` writes: {"machine": {…}, "records": […]}. In FILE.md what
is between the lines `<!-- figures -->` and `<!-- end of figures -->` is replaced.
"""

import argparse
import html
import json
import pathlib

from plots import bars, number, ranges
from targets import find, targets, where_peers_are_better

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"

TITLES = {
    "cpu": "What a frame costs",
    "copy": "Copying",
    "latency": "From the guest's kick to the answer",
    "rate": "The guest's frame rate ÷ the mode's refresh",
    "idle": "Wakeups",
    "scale": "Many machines, many heads",
    "fairness": "What a bridge has left beside another one that does its worst",
    "memory": "Memory and descriptors",
    "first": "The first picture",
    "peers": "Peers",
}

PLACES = {"machine": "on the machine", "vm": "in the VM"}


def unit_of(record):
    """The VM counts instructions, 1 ns each."""
    if record["where"] == "vm" and record["unit"] in ("µs", "ms"):
        return "k instr." if "CPU" in record["what"] else f"{record['unit']} of the VM"
    return record["unit"]


def label(record, *names):
    words = [str(record[name]) for name in names if record.get(name)]
    return ", ".join([*words, "VM"] if record["where"] == "vm" else words)


def rows_of(records, what, *names, **wanted):
    return [(label(r, *names), {what: r["value"]}) for r in records
            if r["what"] == what and r["value"] is not None
            and all(r.get(key) == value for key, value in wanted.items())]


def parts_of(records, where, group, suffix, *names):
    """Rows of two segments: bridge and compositor."""
    rows = {}
    for r in records:
        for part in ("bridge", "compositor"):
            if r["where"] == where and r["group"] == group and r["value"] is not None and \
                    r["what"] == f"{part} {suffix}":
                rows.setdefault(label(r, *names), {})[part] = r["value"]
    return list(rows.items())


## Plots of the groups

def plot_cpu(records):
    for where in ("machine", "vm"):
        flips = [r for r in records if r["case"].startswith("flip")]
        others = [r for r in records if not r["case"].startswith("flip")]
        unit = "µs" if where == "machine" else "k instr."
        for some, what in ((flips, "flips"), (others, "re-flushes of 64×16, cursor moves, 2D")):
            yield (f"CPU time per frame {PLACES[where]}: {what}",
                   bars(parts_of(some, where, "cpu", "CPU per frame", "case", "path"), unit))
    rows = parts_of(records, "machine", "cpu", "syscalls per frame", "case", "path") + \
        parts_of(records, "vm", "cpu", "syscalls per frame", "case", "path")
    yield "System calls per frame", bars(rows, "")


def plot_copy(records):
    yield ("Speed of copying",
           bars(rows_of(records, "copying", "who", "case", where="machine"), "GB/s"))


def plot_latency(records):
    for where in ("machine", "vm"):
        rows = []
        for r in records:
            if r["what"] == "kick to used p50" and r["where"] == where:
                same = {key: r.get(key) for key in ("where", "case", "path", "who")}
                rows.append([f"{r['who']}, {r['path']}", r["value"],
                             *(sum(find(records, **same, what=f"kick to used {name}")[:1])
                               for name in ("p99", "max"))])
        yield (f"Point: p50 (the number); lines: p99 and the longest; {PLACES[where]}",
               ranges(rows, "µs" if where == "machine" else "µs of the VM"))


def plot_rate(records):
    yield "", bars(rows_of(records, "rate ÷ refresh", "case", "path"), "", limit=1)


def plot_scale(records):
    for where in ("machine", "vm"):
        unit = "µs" if where == "machine" else "k instr."
        yield (f"CPU time per frame and machine {PLACES[where]}",
               bars(parts_of(records, where, "scale", "CPU per frame and VM", "case", "path"), unit))
        yield (f"CPU time per frame and head {PLACES[where]}",
               bars(parts_of(records, where, "scale", "CPU per frame and head", "case", "path"),
                    unit))


def plot_memory(records):
    for name in ("bridge", "compositor"):
        rows = {}
        for r in records:
            for what in ("own memory", "shared memory mapped"):
                if r["what"] == f"{name}: {what}":
                    rows.setdefault(label(r, "case", "path"), {})[what] = r["value"]
        yield f"Resident memory of the {name}", bars(list(rows.items()), "MiB")


def plot_fairness(records):
    for where in ("machine", "vm"):
        yield (f"Frames per second {PLACES[where]}, beside an attack by",
               bars(rows_of(records, "frames per second", "case", where=where), ""))
        rows = [[r["case"], r["value"],
                 *(sum(find(records, case=r["case"], where=where,
                            what=f"commit to presentation {part}")[:1])
                   for part in ("p99", "max"))]
                for r in records if r["what"] == "commit to presentation p50"
                and r["where"] == where]
        yield (f"Commit to presentation: p50 (the number), p99 and the longest; {PLACES[where]}",
               ranges(rows, "µs" if where == "machine" else "µs of the VM"))


def plot_first(records):
    yield "", bars(rows_of(records, "until shown", "case", "path"), "ms")


def plot_peers(records):
    for case in dict.fromkeys(r["case"] for r in records):
        yield (f"CPU per frame: {case}",
               bars(rows_of(records, "CPU per frame", "who", "path", case=case), "µs"))


PLOTS = {"cpu": plot_cpu, "copy": plot_copy, "latency": plot_latency, "rate": plot_rate,
         "scale": plot_scale, "fairness": plot_fairness, "memory": plot_memory, "first": plot_first, "peers": plot_peers}

## Output


def limit_of(target):
    return f"≤ {number(target.limit)}"


def cells(record):
    return [record["case"], record.get("path", ""), record["where"], record["who"], record["what"],
            number(record["value"]), unit_of(record), record.get("note", "")]


HEAD = ["case", "path", "where", "who", "what", "value", "unit", "note"]


def print_table(records):
    for group, title in TITLES.items():
        rows = [cells(r)[:-1] for r in records if r["group"] == group]
        if not rows:
            continue
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        print(f"\n{title}")
        for row in rows:
            print("  " + "  ".join(cell.rjust(width) if i == 5 else cell.ljust(width)
                                   for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print("\nTargets")
    for target in targets(records):
        print(f"  {target.verdict:12}  {number(target.value):>7}  {limit_of(target):>8}  "
              f"{target.words}")
    for sentence in where_peers_are_better(records):
        print(sentence)


def html_table(head, rows):
    def row(words, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(word))}</{tag}>" for word in words) + \
            "</tr>"
    return "<table>" + row(head, "th") + "".join(row(words, "td") for words in rows) + "</table>"


STYLE = """
body{font:15px/1.45 sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;font-size:13px;margin:.5em 0}
td,th{border-bottom:1px solid #ddd;padding:2px 10px 2px 0;text-align:left;vertical-align:top}
td:nth-child(6){text-align:right}
.better{background:#fdecea;padding:.5em 1em}
figure{margin:1em 0}figcaption{font-weight:600;font-size:14px}
"""


def write_html(path, machine, records):
    parts = [f"<!doctype html><meta charset='utf-8'><title>What showing a VM costs</title>"
             f"<style>{STYLE}</style>"]
    better = where_peers_are_better(records)
    parts += [f"<p class='better'>{html.escape(sentence)}</p>" for sentence in better]
    parts.append("<h1>What showing a virtual machine costs</h1>")
    parts.append(html_table(["", ""], machine.items()))
    parts.append("<p>The VM counts instructions, of user and kernel, 1 ns each, on one processor: "
                 "what is measured in it depends on no machine. Times of it are no times of real "
                 "hardware, only comparable with each other.</p>")
    parts.append("<h2>Targets</h2>")
    parts.append(html_table(["", "value", "target", "", ""],
                            [[t.verdict, number(t.value), limit_of(t), t.words, t.note]
                             for t in targets(records)]))
    for group, title in TITLES.items():
        some = [r for r in records if r["group"] == group]
        if not some:
            continue
        parts.append(f"<h2>{html.escape(title)}</h2>")
        for caption, plot in PLOTS.get(group, lambda _: [])(some):
            if plot:
                parts.append(f"<figure><figcaption>{html.escape(caption)}</figcaption>{plot}"
                             "</figure>")
        parts.append("<details><summary>all figures</summary>" +
                     html_table(HEAD, [cells(r) for r in some]) + "</details>")
    path.write_text("\n".join(parts))


def markdown_table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in lines]


# What the document shows of the records; the report has all.
SHOWN = {
    "cpu": ("CPU per frame", "bytes copied per frame", "imports", "bridge syscalls per frame",
            "compositor syscalls per frame"),
    "copy": None, "latency": None, "rate": None, "idle": None, "first": None, "peers": None,
    "fairness": None,
    "scale": ("CPU per frame and VM", "CPU per frame and head"),
    "memory": ("bridge: own memory", "compositor: own memory", "bridge: descriptors",
               "compositor: descriptors"),
}


def write_markdown(path, machine, records):
    words = [BEGIN, "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    words += [*where_peers_are_better(records), ""]
    words += markdown_table(["target", "value", "limit", ""],
                            [[t.words, number(t.value), limit_of(t), t.verdict]
                             for t in targets(records)])
    for group, title in TITLES.items():
        rows = [cells(r)[:-1] for r in records if r["group"] == group
                and (SHOWN[group] is None or r["what"] in SHOWN[group])]
        if rows:
            words += ["", f"### {title}", "", *markdown_table(HEAD[:-1], rows)]
    words += ["", END]
    document = path.read_text() if path.exists() else f"{BEGIN}\n{END}\n"
    before, rest = document.split(BEGIN, 1)
    path.write_text(before + "\n".join(words) + rest.split(END, 1)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("records", type=pathlib.Path)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    arguments = parser.parse_args()
    document = json.loads(arguments.records.read_text())
    machine, records = document["machine"], document["records"]
    print_table(records)
    if arguments.report:
        write_html(arguments.report, machine, records)
    if arguments.markdown:
        write_markdown(arguments.markdown, machine, records)


if __name__ == "__main__":
    main()

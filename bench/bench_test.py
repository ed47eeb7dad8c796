#!/usr/bin/python3
"""The benchmark runs, and its counters are exact: bench_test.py BUILD. No time is judged."""

import json
import pathlib
import subprocess
import sys
import tempfile

import targets
from session import has_udmabuf

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = ("cpu", "copy", "latency", "idle", "fairness")


class Cases:
    def __init__(self):
        self.number = 0
        self.good = True

    def check(self, name, good, words=""):
        self.number += 1
        self.good = self.good and bool(good)
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}")
        if not good:
            print(f"# {words}")

    def skip(self, name, reason):
        self.number += 1
        print(f"ok {self.number} - {name} # SKIP {reason}")


def check_report(cases, records):
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        (work / "records").write_text(json.dumps({"machine": {"processor": "<any>"},
                                                  "records": records}))
        answer = subprocess.run(
            [HERE / "report.py", work / "records", "--report", work / "html",
             "--markdown", work / "md"], capture_output=True, text=True, check=False)
        html = (work / "html").read_text() if (work / "html").exists() else ""
        markdown = (work / "md").read_text() if (work / "md").exists() else ""
    cases.check("the report is written", answer.returncode == 0, answer.stderr)
    cases.check("it has plots, and nothing from elsewhere",
                html.count("<svg") >= 4 and "src=" not in html and "href=" not in html
                and "&lt;any&gt;" in html, html[:500])
    cases.check("it has no place that is no number", "nan" not in html and "inf" not in html)
    cases.check("the section has the figures", "| flip 1080p |" in markdown, markdown[:500])


def check_compare(cases, records):
    later = [dict(r) for r in records]
    for r in later:
        if r["what"] == "bytes copied per frame" and r["case"] == "flip 1080p":
            r["value"] *= 2
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        for name, some in (("a", records), ("b", later)):
            (work / name).write_text(json.dumps({"machine": {}, "records": some}))
        answers = [subprocess.run([HERE / "compare.py", work / "a", work / name],
                                  capture_output=True, text=True, check=False)
                   for name in ("a", "b")]
    cases.check("nothing moves from a run to itself",
                answers[0].stdout.startswith("0 of ") and answers[0].returncode == 0,
                answers[0].stdout + answers[0].stderr)
    lines = answers[1].stdout.splitlines()
    cases.check("what moved is printed", lines and "+100.0 %" in lines[0]
                and "bytes copied per frame" in lines[0], answers[1].stdout)


def check_targets(cases, records):
    some = [r for r in records if r["group"] == "idle"]
    verdicts = {target.words: target for target in targets.targets(some)}
    cases.check("a target that was not measured says so",
                all(target.verdict == "not measured" and not target.met
                    for words, target in verdicts.items() if not words.startswith("wakeups")),
                [(words, target.verdict) for words, target in verdicts.items()])
    cases.check("and is there", len(verdicts) == len(targets.targets(records)) >= 20)


def main():
    cases = Cases()
    answer = subprocess.run([HERE / "measure.py", sys.argv[1], "--quick", *GROUPS],
                            capture_output=True, text=True, check=False)
    cases.check("it runs", answer.returncode == 0, answer.stderr)
    records = [{**json.loads(line), "where": "machine"} for line in answer.stdout.splitlines()]
    for group in GROUPS:
        cases.check(f"{group} was measured", targets.find(records, group=group))

    def exact(name, wanted, **fields):
        values = targets.find(records, **fields)
        cases.check(name, values and all(value == wanted for value in values), values)

    # Of a copy each half is a buffer of its own; flips need the second one if they come fast.
    for path, wanted in (("copy", (3, 4, 5, 6)), ("zero-copy", (3,))):
        values = targets.find(records, what="imports", case="100 flips of 3 blobs", path=path)
        cases.check(f"imports of all flips of 3 blobs, {path}",
                    all(value in wanted for value in values), values)
    for path, wanted in (("copy", 2), ("zero-copy", 1)):
        if targets.find(records, what="imports", case="100 re-flushes", path=path):
            exact(f"{wanted} imports of all re-flushes, {path}", wanted, what="imports",
                  case="100 re-flushes", path=path)
    exact("a flip's damage is written once", 1, what="bytes written ÷ damaged",
          case="flip 1080p, from RAM")
    exact("a re-flush's damage is written twice", 2, what="bytes written ÷ damaged",
          case="re-flush 1080p, from RAM")
    exact("a copied flip writes the picture", 1920 * 1080 * 4, case="flip 1080p", path="copy",
          what="bytes copied per frame")
    # Once to each half: one is on the screen while the other is written.
    exact("a copied re-flush writes its damage twice", 2 * 64 * 16 * 4, case="re-flush 1080p", path="copy",
          what="bytes copied per frame")
    for case in ("guest does nothing", "two guests, one hidden"):
        for name in ("bridge", "compositor"):
            exact(f"no wakeup of the {name}: {case}", 0, case=case, what=f"{name} wakeups")
    if has_udmabuf():
        exact("nothing is copied", 0, path="zero-copy", what="bytes copied per frame")
    else:
        cases.skip("nothing is copied", "no /dev/udmabuf")
    exact("an idle console copies nothing", 0, case="idle console 1080p", path="copy",
          what="bytes copied per frame")
    exact("a moving picture is copied", 1920 * 1080 * 4, case="moving picture 1080p", path="copy",
          what="bytes copied per frame")
    check_report(cases, records)
    check_compare(cases, records)
    check_targets(cases, records)
    print(f"1..{cases.number}")
    return 0 if cases.good else 1


if __name__ == "__main__":
    sys.exit(main())

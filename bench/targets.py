"""Which targets the figures meet."""


class Target:
    """value is None where it was not measured: then it is not met."""

    def __init__(self, words, value, limit, note=""):
        self.words, self.value, self.limit, self.note = words, value, limit, note
        self.met = value is not None and value <= limit
        self.verdict = "met" if self.met else "not measured" if value is None else "MISSED"


def find(records, **wanted):
    """The values of the records that have these fields."""
    return [record["value"] for record in records
            if all(record.get(key) == value for key, value in wanted.items())
            and record["value"] is not None]


def ratio(above, below):
    return above[0] / below[0] if above and below and below[0] else None


def most(values):
    return max(values) if values else None


def places(records, *paths):
    """Where such paths are measured: on the machine, or in the VM what the machine has not."""
    own = any(r.get("path") == "zero-copy" and r.get("where") == "machine" for r in records)
    for path in paths:
        if own or path == "copy":
            yield "machine", path
        if not own:
            yield "vm", path


def cpu(records):
    ours = {"group": "cpu", "who": "guestpane"}
    yield Target("bytes copied per frame, zero-copy",
                 most(find(records, **ours, path="zero-copy", what="bytes copied per frame",
                           case="flip 1080p") +
                      find(records, **ours, path="zero-copy", what="bytes copied per frame",
                           case="flip 8K")), 0)
    imports = [r for r in records if r["what"] == "imports"]
    yield Target("imports of all flips of 3 blobs (a copy has two halves)",
                 most([r["value"] for r in imports if "flips" in r["case"]
                       and r.get("path") != "copy"]), 3)
    yield Target("imports of all re-flushes (a copy has two halves)",
                 most([r["value"] for r in imports if "re-flushes" in r["case"]
                       and r.get("path") != "copy"]), 1)
    for where, path in places(records, "zero-copy"):
        for case in ("flip", "re-flush", "cursor"):
            size = [find(records, **ours, where=where, path=path, what="CPU per frame",
                         case=f"{case} {size}") for size in ("8K", "1080p")]
            yield Target(f"CPU per frame, {case}, 8K ÷ 1080p, {path} ({where})", ratio(*size), 1.1)
    yield Target("bytes copied per flush, idle console",
                 most(find(records, **ours, what="bytes copied per frame",
                           case="idle console 1080p")), 0)


def copying(records):
    for what, wanted in (("flip", 1), ("re-flush", 2)):
        yield Target(f"bytes written ÷ damaged, copied, {what}",
                     most([r["value"] for r in records if r["what"] == "bytes written ÷ damaged"
                           and r["case"].startswith(what)]), wanted)


def idle(records):
    for case in ("guest does nothing", "two guests, one hidden"):
        values = [r["value"] for r in records if r["group"] == "idle" and r["case"] == case]
        yield Target(f"wakeups, {case}", most(values), 0)


def latency(records):
    for where, path in places(records, "zero-copy", "in place", "copy"):
        values = [find(records, group="latency", where=where, path=path, who=who,
                       what="kick to used p50") for who in ("guestpane", "floor")]
        yield Target(f"latency p50 ÷ the floor's, {path} ({where})", ratio(*values), 1.5)


def pace(records):
    yield Target("pictures painted over while on screen",
                 most(find(records, what="painted over while on screen")), 0)
    for what in ("frames", "copies"):
        yield Target(f"2D without a fence: {what} per period",
                     most(find(records, case="2D without a fence", what=f"{what} per period")), 1)


def scale(records):
    measured = {(r["where"], r.get("path")) for r in records if r["group"] == "scale"}
    for where, path in places(records, "zero-copy", "copy"):
        if path == "copy" and (where, path) not in measured:
            continue  # only where there is nothing better
        values = [find(records, group="scale", where=where, path=path, case=case,
                       what="CPU per frame and VM") for case in ("16 VMs", "1 VM")]
        yield Target(f"cost per VM, 16 ÷ 1, {path} ({where})", ratio(*values), 1.1)


def fairness(records):
    """The first client alone, and while another one attacks. What is slow is what it shows."""
    for where in ("machine", "vm"):
        same = {"group": "fairness", "where": where}
        alone = find(records, **same, case="nothing", what="frames per second")
        worst = find(records, **same, what="frames per second")
        yield Target(f"frame rate alone ÷ beside the worst attack ({where})",
                     ratio(alone, [min(worst)] if worst else []), 1.1)
        alone = find(records, **same, case="nothing", what="commit to presentation p50")
        worst = find(records, **same, what="commit to presentation p50")
        yield Target(f"commit to presentation p50, beside the worst attack ÷ alone ({where})",
                     ratio([max(worst)] if worst else [], alone), 1.1)


def memory(records):
    for name, limit in (("bridge", 8), ("compositor", 40)):
        values = [r["value"] for r in records if r["group"] == "memory"
                  and r["what"] == f"{name}: own memory" and r["case"].startswith("flip")]
        yield Target(f"{name}'s own memory, MiB", most(values), limit,
                     "without pictures, which are shared memory")


def peers(records):
    for case in ("flip 1080p", "flip 1080p, VM"):
        ours = find(records, group="peers", case=case, who="guestpane", what="CPU per frame")
        for who, limit in (("vhost-user-gpu", 1 / 20), ("qemu dbus", 1 / 2)):
            theirs = [r["value"] for r in records if r["group"] == "peers" and r["case"] == case
                      and r["who"].startswith(who) and r["what"] == "CPU per frame"
                      and r["value"]]
            yield Target(f"CPU per frame ÷ {who}'s, {case}",
                         ratio(ours, [min(theirs)] if theirs else []), limit)


def targets(records):
    return [target for part in (cpu, copying, idle, latency, pace, scale, fairness, memory, peers)
            for target in part(records)]


def where_peers_are_better(records):
    """Sentences, for the top of the report."""
    sentences = []
    ours = {(r["group"], r["case"], r["what"], r.get("where")): r["value"] for r in records
            if r["who"] == "guestpane" and r["group"] == "peers" and r["value"]}
    for r in records:
        mine = ours.get((r["group"], r["case"], r["what"], r.get("where")))
        if r["group"] == "peers" and not r["who"].startswith("guestpane") and r["value"] and mine \
                and r["value"] < mine:
            sentences.append(f"{r['who']} is better: {r['case']}, {r['what']}: "
                             f"{r['value']:.4g} {r['unit']}, guestpane {mine:.4g} {r['unit']}.")
    return sentences

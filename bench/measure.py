#!/usr/bin/python3
"""Measures guestpane where it runs, and prints records (README.md).

    bench/measure.py BUILD [--few | --quick] [GROUP…]

--few repeats less, for where one frame costs as much as the next; --quick leaves things out, too.
Groups: cpu copy latency rate idle scale fairness first. Sizes of processes are told by those that run them.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

import stages
from session import SIZES, Failure, Session, count_fds, has_udmabuf, memory_mib, switches

ROWS = 16  # of a small damage of 64×16


class Measure:
    def __init__(self, build, few, quick):
        self.build = pathlib.Path(build).resolve()
        self.few = few or quick
        self.quick = quick
        # A frame that is scanned out, and one that the compositor reads in place.
        self.paths = ["zero-copy", "in place"] if has_udmabuf() else ["copy"]
        if has_udmabuf():
            self.paths.append("copy")

    def count(self, usual, quick):
        return quick if self.few else usual

    def emit(self, group, case, what, value, unit="", **rest):
        print(json.dumps({"group": group, "case": case, "who": "guestpane", "what": what,
                          "value": value if value is None else round(value, 4), "unit": unit,
                          **rest}, ensure_ascii=False), flush=True)

    def session(self, path, size="1080p", **options):
        return Session(self.build, path, size, **options)

    @contextlib.contextmanager
    def frames(self, session, group, case, count):
        """Emits what the frames of the block cost: CPU time, copied bytes."""
        before = session.counters()
        with session.cost() as cost:
            yield
        copied = session.counters()["bytes_copied"] - before["bytes_copied"]
        for process, ns in cost.items():
            self.emit(group, case, f"{process} CPU per frame", ns / count / 1000, "µs",
                      path=session.path)
        self.emit(group, case, "CPU per frame", sum(cost.values()) / count / 1000, "µs",
                  path=session.path)
        self.emit(group, case, "bytes copied per frame", copied / count, "bytes", path=session.path)

    def memory(self, session, case):
        for name, program in ("bridge", session.bridges[0]), ("compositor", session.compositor):
            size = memory_mib(program.worker_pid)
            for key, what in (("own", "own memory"), ("shared", "shared memory mapped"),
                              ("peak", "peak of both")):
                self.emit("memory", case, f"{name}: {what}", size[key], "MiB", path=session.path)
            self.emit("memory", case, f"{name}: descriptors", count_fds(program.worker_pid),
                      path=session.path)

    ## Groups

    def cpu(self):
        for path in self.paths:
            # What is composited or copied grows with the picture: known, and slow in the VM.
            for size in ["1080p"] if self.quick or path != self.paths[0] else SIZES:
                with self.session(path, size) as session:
                    self.cpu_of_size(session, size)
        for path in self.paths[:1]:
            self.imports(path)

    def cpu_of_size(self, session, size):
        # A copied or composited frame of 8K takes longer than a period.
        count = self.count(60 if size == "8K" else 120, 20)
        guest = session.start_guest(3)
        guest.do("show", 0)
        guest.run("flip 3", 6)
        with self.frames(session, "cpu", f"flip {size}", count):
            guest.run("flip 3", count)
        self.memory(session, f"flip {size}")
        self.count_syscalls(session, f"flip {size}", guest, "flip 3")

        guest.do("show", 0)
        guest.run(f"flush 64 {ROWS}", 6)
        with self.frames(session, "cpu", f"re-flush {size}", count):
            guest.run(f"flush 64 {ROWS}", count)

        if session.path == "copy":
            self.repaints(session, guest, size, count)

        # Where the picture was scanned out it has to be composited first, in each of the output's
        # buffers: that is once, whatever moves later.
        guest.do("cursor")
        with self.frames(session, "cpu", f"cursor appears {size}", 1):
            guest.run("move", 6, 16667)
        with self.frames(session, "cpu", f"cursor {size}", count):
            guest.run("move", count, 16667)
        if size == "8K":
            return  # three blobs and the resource's memory are more than a front end gives
        guest.do("2d", session.width, session.height)
        guest.run(f"draw {session.width} {session.height}", 6)
        with self.frames(session, "cpu", f"2D {size}", count):
            guest.run(f"draw {session.width} {session.height}", count)

    def repaints(self, session, guest, size, count):
        """Flushes of all of one buffer: as it is, changed all over, and at the end of its rows."""
        for case, command in (("idle console", f"flush {session.width} {session.height}"),
                              ("moving picture", "paint 0"),
                              ("ends of rows", f"paint {session.width - 1}")):
            guest.run(command, 6)
            with self.frames(session, "cpu", f"{case} {size}", count):
                guest.run(command, count)

    def count_syscalls(self, session, case, guest, what):
        count = self.count(60, 20)
        for name, program in ("bridge", session.bridges[0]), ("compositor", session.compositor):
            with session.syscalls(program) as calls:
                guest.run(what, count)
            note = ", ".join(f"{call} {number / count:.2f}" for call, number
                             in sorted(calls.items(), key=lambda item: -item[1]))
            self.emit("cpu", case, f"{name} syscalls per frame",
                      sum(calls.values()) / count if calls else None, path=session.path,
                      note=note or "no strace here")

    def imports(self, path):
        count = 100 if self.quick else 1000
        with self.session(path, (640, 480), refresh=500) as session:
            guest = session.start_guest(3)
            guest.run("flip 3", count)
            self.emit("cpu", f"{count} flips of 3 blobs", "imports",
                      session.counters()["imports"], path=path)
        with self.session(path, (640, 480), refresh=500) as session:
            guest = session.start_guest(1)
            guest.do("show", 0)
            guest.run(f"flush 64 {ROWS}", count)
            self.emit("cpu", f"{count} re-flushes", "imports", session.counters()["imports"],
                      path=path)

    def copy(self):
        """What the copy writes, and how fast it is beside memcpy."""
        size = "1080p" if self.quick else "4K"
        for memory in ["RAM", "BAR"] if os.environ.get("GUESTPANE_BENCH_VM") else ["RAM"]:
            with self.session("copy", size) as session:
                guest = session.start_guest(3 if memory == "RAM" else 0)
                if memory == "BAR":
                    guest.do("bar", 3, session.width, session.height)
                self.copy_from(session, guest, memory, size)

    def copy_from(self, session, guest, memory, size):
        count = self.count(60, 20)
        frame = session.width * session.height * 4
        spent = {}
        guest.do("show", 0)
        guest.run("flip 3", 6)
        for what, command, bytes_damaged in (("flip", "flip 3", frame),
                                             ("re-flush", f"flush 64 {ROWS}", 64 * ROWS * 4)):
            guest.do("show", 0)
            guest.run(command, 6)
            session.settle()
            before = session.counters()["bytes_copied"]
            with session.cost() as cost:
                guest.run(command, count)
            written = session.counters()["bytes_copied"] - before
            spent[what] = cost["bridge"] / count
            self.emit("copy", f"{what} {size}, from {memory}", "bytes written ÷ damaged",
                      written / count / bytes_damaged, "ratio", path="copy")
        ours = spent["flip"] - spent["re-flush"]
        floor = guest.run("copy", self.count(30, 5))["p50"] * 1000
        case = f"flip {size}, from {memory}"
        self.emit("copy", case, "copying", frame / ours, "GB/s", path="copy",
                  note="of the bridge's CPU time, less that of a small damage")
        self.emit("copy", case, "copying", frame / floor, "GB/s", who="floor", path="copy",
                  note="memcpy of the same picture")
        self.emit("copy", case, "speed of copying ÷ memcpy's", floor / ours, "ratio", path="copy")

    def latency(self):
        """One flip each 50 ms, at a random time: nothing waits for the rate."""
        count = self.count(80, 20)
        for path in self.paths:
            with self.session(path) as session:
                guest = session.start_guest(3)
                guest.do("show", 0)
                guest.run("flip 3", 6)
                self.emit_times(path, "guestpane", guest.run("flip 3", count, 50000, 16000))
            with self.session(path) as session:
                floor = session.start_floor(3)
                what = "copy 3" if path == "copy" else "flip 3"
                floor.run(what, 6)
                self.emit_times(path, "floor", floor.run(what, count, 50000, 16000))

            with self.session(path, trace=True) as session:
                guest = session.start_guest(3)
                guest.do("show", 0)
                guest.run("flip 3", count, 50000, 16000)
                session.settle()
                self.emit_stages(path, stages.read(session.trace, session.compositor.pid))

    def emit_stages(self, path, times_of):
        for stage, times in times_of.items():
            for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
                self.emit("latency", "flip 1080p, traced", f"{stage} {name}",
                          times[int((len(times) - 1) * part)], "µs", path=path,
                          note="the trace costs some µs an event")

    def emit_times(self, path, who, figures):
        notes = {
            "guestpane": "from the guest's kick to the interrupt of its flush's answer",
            "floor": "a Wayland client: memcpy and commit" if path == "copy" else
                     "a Wayland client: from commit to the release of the buffer it replaced",
        }
        for name in ("p50", "p99", "max"):
            self.emit("latency", "flip 1080p", f"kick to used {name}", figures[name], "µs", path=path,
                      who=who, note=notes[who])

    def rate(self):
        for path in self.paths:
            with self.session(path, (1280, 720)) as session:
                self.rate_of(session, session.start_guest(3), "")
            with self.session(path, (640, 480)) as session:
                self.painted_over(session)
        self.flood(self.paths[0])
        if os.environ.get("GUESTPANE_BENCH_VM"):
            with self.session("KMS") as session:
                guest = session.start_guest(3)
                self.rate_of(session, guest, "")
                guest.do("cursor")  # the card has no plane for it: composited
                self.rate_of(session, guest, ", with a cursor")

    def flood(self, path):
        """A guest that nothing paces: what is made of its frames."""
        with self.session(path, (1280, 720)) as session:
            guest = session.start_guest(0)
            guest.do("2d", session.width, session.height)
            command = f"flood {session.width} {session.height}"
            guest.run(command, 6)
            session.settle()
            before = session.counters()
            figures = guest.run(command, self.count(20000, 2000))
            session.settle()
            after = session.counters()
            # The first one begins a period, and the last one is shown in one of its own.
            periods = figures["seconds"] * session.refresh + 2
            note = f"{figures['count'] / figures['seconds']:.0f} flushes/s, {session.refresh:.2f} Hz"
            frame = session.width * session.height * 4
            for what, number in (
                    ("frames per period", after["commits"] - before["commits"]),
                    ("copies per period", (after["bytes_copied"] - before["bytes_copied"]) / frame)):
                self.emit("rate", "2D without a fence", what, number / periods, "ratio", path=path,
                          note=note)

    def rate_of(self, session, guest, case):
        guest.do("show", 0)
        guest.run("flip 3", 6)
        before = session.counters()["replies"]
        for buffers in (2, 3):
            for timer, period in ("own timer", round(1e6 / session.refresh)), ("no timer", 0):
                figures = guest.run(f"flip {buffers}", self.count(120, 60), period)
                self.emit("rate", f"{buffers} buffers, {timer}{case}", "rate ÷ refresh",
                          figures["count"] / figures["seconds"] / session.refresh, "ratio",
                          path=session.path,
                          note=f"{session.refresh:.2f} Hz, {session.output()['path']}")
        replies = {cause: number - before[cause]
                   for cause, number in session.counters()["replies"].items()}
        self.emit("rate", f"all of these{case}", "replies before the release", replies["timeout"],
                  path=session.path, note=f"of {sum(replies.values())}")

    def painted_over(self, session):
        """The guest paints what it was given back: that must not be seen."""
        pictures = self.count(20, 5)
        guest = session.start_guest(2)
        guest.do("show", 0)
        guest.send("run", "poison 2", 180, 0, 0)
        seen = sum(session.has_colour(b"\xff\x00\xff") for _ in range(pictures))
        guest.answer("poison")
        self.emit("rate", "2 buffers, no timer", "painted over while on screen", seen,
                  path=session.path, note=f"of {pictures} pictures taken")

    def idle(self):
        seconds = self.count(10, 2)
        path = self.paths[0]
        with self.session(path, (1280, 720)) as session:
            guest = session.start_guest(2)
            guest.do("show", 0)
            self.wakeups(session, "guest does nothing", seconds)
            self.wakeups(session, "blinking cursor", seconds,
                         lambda: guest.run("flush 8 16", seconds * 2, 500000), seconds * 2)
            hidden = session.start_guest(2)
            hidden.do("show", 0)
            self.wakeups(session, "two guests, one hidden", seconds)

    def wakeups(self, session, case, seconds, act=None, blinks=0):
        programs = [*session.bridges, session.compositor]
        session.settle()
        before = [switches(program.worker_pid) for program in programs]
        if act is None:
            time.sleep(seconds)
        else:
            act()
        after = [switches(program.worker_pid) for program in programs]
        for program, first, last in zip(programs, before, after):
            name = "compositor" if program is session.compositor else "bridge"
            self.emit("idle", case, f"{name} wakeups", last - first, path=session.path,
                      note=f"in {seconds} s" + (f", with {blinks} blinks" if blinks else ""))

    def scale(self):
        path = self.paths[0]
        for number in (1, 4) if self.quick else (1, 4, 16):
            with self.session(path, (1280, 720), outputs=number, pin=True) as session:
                self.scale_machines(session, number)
            with self.session(path, (1280, 720), outputs=number) as session:
                self.scale_heads(session, number)

    def scale_machines(self, session, number):
        count = self.count(120, 30)
        case = f"{number} VM" + "s" * (number > 1)
        guests = [session.start_guest(2) for _ in range(number)]
        # A copy of all of 16 pictures would measure the memory bus.
        command = f"flush 64 {ROWS}" if session.path == "copy" else "flip 2"
        for guest in guests:
            guest.do("show", 0)
            guest.run(command, 6)
        shown = {session.output(k)["guest"] for k in range(number)}
        if len(shown) != number:
            raise Failure(f"{case}: only {shown} are shown")
        with session.cost() as cost:
            for guest in guests:
                guest.send("run", command, count, 16667, 0)
            for guest in guests:
                guest.answer("flips")
        for process, ns in {**cost, "both": sum(cost.values())}.items():
            name = "CPU" if process == "both" else f"{process} CPU"
            self.emit("scale", case, f"{name} per frame and VM", ns / count / number / 1000, "µs",
                      path=session.path, note=command)
        self.memory(session, case)

    def scale_heads(self, session, number):
        count = self.count(120, 30)
        case = f"{number} head" + "s" * (number > 1)
        guest = session.start_guest(number, "--scanouts", str(number))
        for head in range(number):
            guest.do("show", head)
        guest.run(f"heads {number}", 6)
        with session.cost() as cost:
            guest.run(f"heads {number}", count, 16667)
        for process, ns in {**cost, "both": sum(cost.values())}.items():
            name = "CPU" if process == "both" else f"{process} CPU"
            self.emit("scale", case, f"{name} per frame and head", ns / count / number / 1000,
                      "µs", path=session.path, note=f"flush 64 {ROWS}")
        self.memory(session, case)

    def fairness(self):
        """What a bridge has left while another one does its worst."""
        program = self.build / "bench/bench-fairness"
        attacks = subprocess.run([program], capture_output=True, text=True,
                                 check=False).stdout.split()
        for attack in attacks[:2] if self.quick else attacks:
            with self.session("copy", (1280, 720), outputs=2) as session:
                words = [program, session.bridge_socket, attack, self.count(5, 2), 1280, 720]
                ran = subprocess.run([*map(str, words)], capture_output=True, text=True,
                                     env=session.env, check=False)
                if ran.returncode != 0:
                    raise Failure(f"bench-fairness {attack}: {ran.stderr.strip()}")
                self.emit_fairness(attack, json.loads(ran.stdout))

    def emit_fairness(self, attack, figures):
        note = f"{figures['requests']} requests of the other one"
        self.emit("fairness", attack, "frames per second", figures["frames"], path="copy",
                  note=note)
        for what, name in (("commit to presentation", "frame"), ("round trip", "trip")):
            for part in ("p50", "p99", "max"):
                self.emit("fairness", attack, f"{what} {part}", figures[f"{name} {part}"], "µs",
                          path="copy")

    def first(self):
        path = self.paths[0]
        with self.session(path) as session:
            guest = session.start_guest(1)
            begin = time.monotonic()
            guest.do("show", 0)
            self.emit_shown(session, "SET_SCANOUT", begin, path)
            session.compositor.stop()
            begin = time.monotonic()
            session.start_compositor()
            self.emit("first", "restart of the compositor", "until it answers",
                      (time.monotonic() - begin) * 1000, "ms", path=path)
            self.emit_shown(session, "restart of the compositor", begin, path)

    def emit_shown(self, session, case, begin, path):
        def shown():
            return session.output()["showing"] == "guest" and \
                sum(session.output()["frames"].values()) > 0
        session.wait("the picture", shown, step=0.001)
        self.emit("first", case, "until shown", (time.monotonic() - begin) * 1000, "ms", path=path)


GROUPS = ("cpu", "copy", "latency", "rate", "idle", "scale", "fairness", "first")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build")
    parser.add_argument("groups", nargs="*", default=GROUPS)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    measure = Measure(arguments.build, arguments.few, arguments.quick)
    status = 0
    for group in GROUPS:
        if group not in arguments.groups:
            continue
        begin = time.monotonic()
        try:
            getattr(measure, group)()
        except Failure as failure:
            print(f"{group}: {failure}", file=sys.stderr)
            status = 1
        print(f"{group}: {time.monotonic() - begin:.1f} s", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())

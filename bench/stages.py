"""What --trace of the programs wrote (docs/tracing.md): the times between the steps of frames."""

import json
import pathlib

# (name, from, to): a step is (process, event, its end?)
STAGES = (
    ("kick to commit", ("bridge", "kick"), ("bridge", "commit")),
    ("commit to latch", ("bridge", "commit"), ("compositor", "latch")),
    ("latch to reply", ("compositor", "latch"), ("bridge", "reply")),
    ("kick to present", ("bridge", "kick"), ("compositor", "present")),
)


def read(path, compositor_pid):
    """For each stage the sorted times in µs of the frames that went through it.

    A step's time is its end. A reply that did not wait for the latch is in no stage.
    """
    frames = {}
    text = pathlib.Path(path).read_text().rstrip().rstrip(",")
    for event in json.loads(text + ("" if text.endswith("]") else "]")):
        if event.get("cat") == "frame":
            process = "compositor" if event["pid"] == compositor_pid else "bridge"
            frames.setdefault(event["bind_id"], {})[process, event["name"]] = \
                event["ts"] + event["dur"]
    times = {}
    for name, begin, end in STAGES:
        found = sorted(steps[end] - steps[begin] for steps in frames.values()
                       if begin in steps and end in steps and steps[end] >= steps[begin])
        if found:
            times[name] = found
    return times

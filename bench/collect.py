#!/usr/bin/python3
"""Puts the records of the parts together, with what they were measured on: collect.py DIRECTORY.

The name of a file before the dot says where its records were measured.
"""

import json
import os
import pathlib
import platform
import sys
import time


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def main():
    records = []
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        for line in path.read_text().splitlines():
            records.append({**json.loads(line), "where": path.name.split(".")[0]})
    machine = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": f"{os.cpu_count()} × {processor()}",
        "kernel": platform.release(),
        "load before the end": f"{os.getloadavg()[2]:.1f} (15 minutes)",
    }
    json.dump({"machine": machine, "records": records}, sys.stdout, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()

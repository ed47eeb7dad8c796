#!/usr/bin/env python3
"""check-errors.py XML TEST.C: each error entry of the protocol has a line in the test's table."""

import re
import sys
import xml.etree.ElementTree as ElementTree

xml, source = sys.argv[1:]

wanted = {
    (interface.get("name"), entry.get("name"))
    for interface in ElementTree.parse(xml).getroot().iter("interface")
    for enum in interface.iter("enum")
    if enum.get("name") == "error"
    for entry in enum.iter("entry")
}
tested = set()
with open(source, encoding="utf-8") as file:
    rows = re.findall(r"^\tERROR\((\w+),\s*(\w+),\s*(\w+)\),", file.read(), re.MULTILINE)
problems = []
for interface, entry, code in rows:
    tested.add((interface, entry))
    if code != f"{interface}_ERROR_{entry}".upper():
        problems.append(f"{interface}.{entry} expects {code}")
problems += [f"{'.'.join(error)}: no test" for error in sorted(wanted - tested)]
problems += [f"{'.'.join(error)}: not in the protocol" for error in sorted(tested - wanted)]

for problem in problems:
    print(problem)
print(f"{len(wanted)} errors in {xml}, {len(tested)} with a test")
sys.exit(1 if problems or not wanted else 0)

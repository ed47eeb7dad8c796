#!/usr/bin/python3
"""Each option of --help, and each verb, is in the completions for zsh and fish, and no other.

    completions_test.py DIRECTORY PROGRAM…

Those for bash ask the program itself: of them bash only reads the syntax.
"""

import pathlib
import re
import subprocess
import sys


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def check(directory, program):
    name = pathlib.Path(program).name
    usage = run(program, "--help")
    wanted = set(re.findall(r"^ +(--[a-z-]+)", usage, re.MULTILINE))
    wanted |= set(re.findall(r"^ +--[a-z-]+, (--[a-z-]+)", usage, re.MULTILINE))
    zsh = (directory / f"_{name}").read_text()
    fish = (directory / f"{name}.fish").read_text()
    found = {
        "zsh": set(re.findall(r"^\t'(?:\*|\(- \*\))?(--[a-z-]+)\[", zsh, re.MULTILINE)),
        "fish": {f"--{option}" for option in re.findall(
            r"^complete -c \S+ -l ([a-z-]+)", fish, re.MULTILINE)},
    }
    for shell, options in found.items():
        assert options == wanted, f"{name}, {shell}: {sorted(options ^ wanted)}"
    run("bash", "-n", directory / f"{name}.bash")


def main():
    for program in sys.argv[2:]:
        check(pathlib.Path(sys.argv[1]), program)


if __name__ == "__main__":
    main()

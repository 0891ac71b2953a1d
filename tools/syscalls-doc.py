#!/usr/bin/env python3
"""Writes docs/syscalls.md from src/linux/syscalls.def; with --check, fails if it is out of date."""
import re
import sys
from pathlib import Path

top = Path(__file__).resolve().parent.parent
table = top / "src/linux/syscalls.def"
doc = top / "docs/syscalls.md"

GUESTS = ("Arm64", "x86-64", "i386")
MODES = {
    "PASS": "pass",
    "ALONE": "pass",
    "BLOCK": "pass",
    "CALL": "supported",
    "WAIT": "supported",
    "NONE": "ENOSYS",
    "MUTE": "ENOSYS",
}


def rows():
    for line in table.read_text().splitlines():
        m = re.match(r"(PASS|ALONE|BLOCK|CALL|WAIT|NONE|MUTE)\(\s*(\w+),\s*(\w+),\s*(\w+),\s*(\w+),", line)
        if m:
            yield m[1], m[2], [None if n == "NO" else int(n) for n in m.groups()[2:]]


def text():
    all_rows = list(rows())
    out = [
        "# System calls",
        "",
        "Made from `src/linux/syscalls.def` by `tools/syscalls-doc.py`; a test keeps it up to date.",
        "",
        "- *supported*: Demotic does it, or converts what differs between guest and host and lets the host do it;",
        "- *pass*: the host's kernel does it, with the arguments as they are (* may sleep: a guest signal interrupts it);",
        "- *ENOSYS*: not supported; the program is told so, and the log names it once, unless programs usually do without (`rseq`, `io_uring_setup`, ...).",
        "",
        "The columns are the calls' numbers for each kind of guest; i386's pass through the host's own 32-bit entry.",
        "",
    ]
    for i, guest in enumerate(GUESTS):
        mine = [mode for mode, _, numbers in all_rows if numbers[i] is not None]
        count = {k: sum(MODES[m] == k for m in mine) for k in ("supported", "pass", "ENOSYS")}
        out.append(f"- Of Linux' {len(mine)} calls for {guest} {count['supported']} are supported, {count['pass']} passed on, "
                   f"{count['ENOSYS']} not supported.")
    out += ["", "| Call | " + " | ".join(GUESTS) + " | |", "|------|" + "-----:|" * len(GUESTS) + "---|"]
    for mode, name, numbers in all_rows:
        columns = " | ".join("" if n is None else str(n) for n in numbers)
        out.append(f"| `{name}` | {columns} | {MODES[mode]}{' *' if mode == 'BLOCK' else ''} |")
    return "\n".join(out) + "\n"


def main():
    want = text()
    if "--check" in sys.argv:
        if not doc.exists() or doc.read_text() != want:
            sys.exit("docs/syscalls.md is out of date: run tools/syscalls-doc.py")
        for i, guest in enumerate(GUESTS):
            numbers = [n[i] for _, _, n in rows() if n[i] is not None]
            if len(numbers) != len(set(numbers)):
                sys.exit(f"syscalls.def has a number for {guest} twice")
            if i == 0 and numbers != sorted(numbers):
                sys.exit("syscalls.def is not in the order of its numbers")
        return
    doc.write_text(want)


main()

#!/usr/bin/env python3
"""Writes docs/syscalls.md from src/linux/syscalls.def; with --check, fails if it is out of date."""
import re
import sys
from pathlib import Path

top = Path(__file__).resolve().parent.parent
table = top / "src/linux/syscalls.def"
doc = top / "docs/syscalls.md"

MODES = {
    "PASS": "pass",
    "BLOCK": "pass",
    "CALL": "supported",
    "WAIT": "supported",
    "NONE": "ENOSYS",
    "MUTE": "ENOSYS",
}


def rows():
    for line in table.read_text().splitlines():
        m = re.match(r"(PASS|BLOCK|CALL|WAIT|NONE|MUTE)\(\s*(\w+),\s*(\d+),\s*(\w+),\s*(\w+)", line)
        if m:
            yield m[1], m[2], int(m[3])


def text():
    all_rows = list(rows())
    count = {k: sum(MODES[m] == k for m, _, _ in all_rows) for k in ("supported", "pass", "ENOSYS")}
    out = [
        "# System calls",
        "",
        "Made from `src/linux/syscalls.def` by `tools/syscalls-doc.py`; a test keeps it up to date.",
        "",
        "- *supported*: Demotic does it, or converts what differs between guest and host and lets the host do it;",
        "- *pass*: the host's kernel does it, with the arguments as they are (* may sleep: a guest signal interrupts it);",
        "- *ENOSYS*: not supported; the program is told so, and the log names it once, unless programs usually do without (`rseq`, `io_uring_setup`, ...).",
        "",
        f"Of Linux' {len(all_rows)} calls for Arm64 {count['supported']} are supported, {count['pass']} passed on, "
        f"{count['ENOSYS']} not supported.",
        "",
        "| Number | Call | |",
        "|-------:|------|---|",
    ]
    for mode, name, nr in all_rows:
        out.append(f"| {nr} | `{name}` | {MODES[mode]}{' *' if mode == 'BLOCK' else ''} |")
    return "\n".join(out) + "\n"


def main():
    want = text()
    if "--check" in sys.argv:
        if not doc.exists() or doc.read_text() != want:
            sys.exit("docs/syscalls.md is out of date: run tools/syscalls-doc.py")
        numbers = [nr for _, _, nr in rows()]
        if numbers != sorted(set(numbers)):
            sys.exit("syscalls.def is not in the order of its numbers, or has one twice")
        return
    doc.write_text(want)


main()

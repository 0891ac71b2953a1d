#!/usr/bin/env python3
"""Writes the reference part of docs/ir.md from src/ir/ops.def.

    gen-ir-doc.py OPS_DEF IR_MD          rewrites the part below the marker
    gen-ir-doc.py --check OPS_DEF IR_MD  fails if it is not up to date

What stands above the marker is written by hand and stays.
"""
import difflib
import re
import sys

MARKER = "<!-- Below: written by tools/gen-ir-doc.py from src/ir/ops.def. -->\n"

PROPERTIES = {
    "P": "pure",
    "C": "commutes",
    "M": "may fault",
    "S": "effect",
    "E": "ends",
    "X": "FP flags",
}

ITEM = re.compile(
    r'/\*\s*--\s*(?P<heading>.*?)\s*-+\s*\*/'
    r'|OP\((?P<name>\w+),\s*"(?P<sig>[^"]*)",\s*(?P<flags>[^,]*),\s*"(?P<doc>(?:[^"\\]|\\.)*)"\)')


def shape(sig):
    """"v:x?xi" as "x, [x], i" and what comes out."""
    result, args = sig.split(":")
    parts = []
    optional = False
    for letter in args:
        if letter == "?":
            optional = True
            continue
        parts.append("[%s]" % letter if optional else letter)
        optional = False
    return ", ".join(parts) or "–", "–" if result == "v" else result


def properties(flags):
    return ", ".join(PROPERTIES[f] for f in flags.strip().split("|") if f in PROPERTIES)


def escape(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def reference(ops_def):
    # The sections begin after the opening comment.
    text = ops_def[ops_def.index("*/") + 2:]
    out = []
    count = 0
    for m in ITEM.finditer(text):
        if m["heading"]:
            title = m["heading"]
            out.append("\n### %s\n\n" % escape(title[0].upper() + title[1:]))
            out.append("| Operation | Arguments | Result | | Meaning |\n|---|---|---|---|---|\n")
            continue
        count += 1
        args, result = shape(m["sig"])
        out.append("| `%s` | %s | %s | %s | %s |\n" % (m["name"].lower(), args, result,
                                                       properties(m["flags"]), escape(m["doc"])))
    if count != len(re.findall(r"\bOP\(", text)):
        sys.exit("gen-ir-doc.py: some OP() in ops.def is not of the form expected")
    head = ("\n## The %d operations\n\nLetters: T the instruction's type; S any type, the same for every S; "
            "i any integer; 1 i1; w i32; x i64; F flags; V a vector; […] may be absent.\n" % count)
    return head + "".join(out)


def main():
    args = sys.argv[1:]
    check = args and args[0] == "--check"
    if check:
        args = args[1:]
    if len(args) != 2:
        sys.exit(__doc__)
    with open(args[0], encoding="utf-8") as f:
        ops_def = f.read()
    with open(args[1], encoding="utf-8") as f:
        old = f.read()
    if MARKER not in old:
        sys.exit("%s: the marker line is missing" % args[1])
    new = old[:old.index(MARKER) + len(MARKER)] + reference(ops_def)
    if new == old:
        return
    if check:
        sys.stdout.writelines(list(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "is",
                                                        "should be"))[:20])
        sys.exit("docs/ir.md is not up to date: run tools/gen-ir-doc.py src/ir/ops.def docs/ir.md")
    with open(args[1], "w", encoding="utf-8") as f:
        f.write(new)


main()

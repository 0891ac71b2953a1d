#!/usr/bin/env python3
"""Runs the tests of kernel behaviour: natively (they must hold on a real kernel), and built for arm64 (--arch: amd64, i386) under
Demotic.

    run.py                            native only
    run.py --demotic build/demotic    and under Demotic
    run.py --demotic ... --matrix     with every set of options in MATRIX

Each program prints TAP. The set "--root" stands for a root made up for the run, in which the programs work instead of /tmp.

A program listed in known-failures.txt ("[arch] name [options]: reason") is expected to fail; if it
passes, that fails the run too, so that the list stays true.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

here = Path(__file__).resolve().parent
CFLAGS = ["-O1", "-g", "-Wall", "-Wno-unused-result", "-Wno-stringop-overflow", "-pthread", "-static"]
MATRIX = [
    [],
    ["--engine", "interp"],
    ["--no-opt"],
    ["--no-link"],
    ["--max-insns", "1"],
    ["--chaos=1"],
    ["--random-signals"],
    ["--regions=1"],
    ["--regions=2"],
    ["--regions=1", "--chaos=1"],
    ["--regions=1", "--random-signals"],
    ["--root"],
]


def build(cc, source, out):
    if out.exists() and out.stat().st_mtime > max(f.stat().st_mtime for f in (source, *here.glob("*.h"))):
        return None
    r = subprocess.run([*cc, *CFLAGS, "-o", str(out), str(source)], capture_output=True, text=True)
    return r.stderr if r.returncode else None


def make_root(where):
    """A small tree with what a root has that is special: links out of it, and a directory to work in."""
    for d in ("usr/bin", "usr/lib", "etc", "var/work", "tmp", "proc", "dev"):
        os.makedirs(where / d)
    for link, text in (("bin", "usr/bin"), ("lib", "/usr/lib"), ("var/run", "/run"), ("w", "/var/work")):
        os.symlink(text, where / link)
    (where / "etc/os-release").write_text("NAME=made-up\n")


def run(command, timeout, env):
    """(number of checks that passed, list of what failed)"""
    start = time.monotonic()
    try:
        r = subprocess.run(
            command, stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            start_new_session=True,
            env=env,
        )
        out, err, status = r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace"), r.returncode
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"").decode(errors="replace")
        err, status = (e.stderr or b"").decode(errors="replace"), f"time-out after {timeout} s"
    passed = len(re.findall(r"^ok ", out, re.M))
    bad = re.findall(r"^not ok .*", out, re.M)
    plan = re.search(r"^1\.\.(\d+)$", out, re.M)
    if not plan or (status not in (0, 1)) or (status == 1 and not bad):
        last = out.strip().splitlines()[-1:] or ["nothing printed"]
        bad.append(f"ended early: status {status}, last: {last[0]}; {err.strip()[-300:]}")
    elif int(plan[1]) != passed + len(bad):
        bad.append(f"{plan[1]} checks planned, {passed + len(bad)} made")
    return passed, bad, time.monotonic() - start


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--demotic", help="the demotic binary")
    p.add_argument("--option", action="append", default=[], help="an option to give to it (repeatable)")
    p.add_argument("--matrix", action="store_true", help="all sets of options")
    p.add_argument("--only-demotic", action="store_true", help="do not run natively")
    p.add_argument("--arch", default="arm64", choices=["arm64", "amd64", "i386"], help="what the programs are built for")
    p.add_argument("--native-cc", default="cc")
    p.add_argument("--cross-cc", default="aarch64-linux-gnu-gcc")
    p.add_argument("--build", default="build", help="where the programs are built: in linux-tests below it")
    p.add_argument("--timeout", type=float, default=60)
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("-v", "--verbose", action="store_true")
    p.add_argument("names", nargs="*", help="which tests (all)")
    a = p.parse_args()
    sources = [s for s in sorted(here.glob("*.c")) if not a.names or s.stem in a.names]
    known = {}
    if (here / "known-failures.txt").exists():
        for line in (here / "known-failures.txt").read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                key, _, reason = line.partition(":")
                known[key.strip()] = reason.strip()

    # gcc -m32 without gcc-multilib (which excludes the Arm64 compilers): its headers are those of the host's own architecture.
    cc_for = {"arm64": [a.cross_cc], "amd64": [a.native_cc], "i386": [a.native_cc, "-m32", "-msse2", "-D_FILE_OFFSET_BITS=64", "-I/usr/include/x86_64-linux-gnu"]}
    native = cc_for[a.arch] if a.arch == "i386" else [a.native_cc]
    variants = [] if a.only_demotic else [("native", native, [])]
    if a.demotic:
        for options in MATRIX if a.matrix else [a.option]:
            name = " ".join(["demotic", *options])
            variants.append((name, cc_for[a.arch], [os.path.abspath(a.demotic), *options]))
    all_passed = all_failed = 0
    for name, cc, prefix in variants:
        out_dir = Path(a.build).resolve() / "linux-tests" / (a.arch if prefix or a.arch == "i386" else "native")
        out_dir.mkdir(parents=True, exist_ok=True)

        env = dict(os.environ)
        root = None
        if prefix[-1:] == ["--root"]:
            # Not under /tmp, which is the host's for every guest.
            root = tempfile.TemporaryDirectory(dir="/var/tmp", prefix="demotic-root-")
            make_root(Path(root.name))
            prefix = [*prefix, root.name]
            env["TEST_DIR"] = "/var/work"

        def one(source):
            exe = out_dir / source.stem
            error = build(cc, source, exe)
            if error:
                return source.stem, 0, ["does not compile: " + error], 0
            return source.stem, *run([*prefix, str(exe)], a.timeout, env)

        total = failed = 0
        with ThreadPoolExecutor(a.jobs) as pool:
            for test, passed, bad, seconds in pool.map(one, sources):
                total += passed
                key = f"{test} {' '.join(name.split()[1:])}".strip()
                excuse = prefix and (known.get(key) or known.get(test) or known.get(f"{a.arch} {test}"))
                if bad and excuse:
                    print(f"  {test}: known failure: {excuse}")
                    continue
                if excuse and not bad:
                    bad = [f"passes, but is listed as a known failure ({excuse})"]
                failed += len(bad)
                if bad or a.verbose:
                    print(f"  {test}: {passed} ok, {len(bad)} not ok ({seconds:.1f} s)")
                for line in bad:
                    print("    " + line)
        print(f"{name}: {len(sources)} programs, {total} checks passed, {failed} failed")
        all_passed += total
        all_failed += failed
        if root:
            root.cleanup()
    print(f"{all_passed} passed, {all_failed} failed")
    sys.exit(1 if all_failed else 0)


main()

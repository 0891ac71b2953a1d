"""tracediff on small traces: what it must find, and what it must not."""
import os
import subprocess
import sys
import tempfile

START = "=1 x0=0000000000000001 sp=00007ffff0000000\n@1 0000000000001000  add x0, x0, #1\n"
CASES = [
    # name, A, B, status, text in the output
    ("same", START + "=1 x0=2\n@1 0000000000001004  ret\n", START + "=1 x0=2\n@1 0000000000001004  ret\n", 0, "2 instructions"),
    ("result", START + "=1 x0=2 nzcv=4000\n@1 0000000000001004  ret\n", START + "=1 x0=3 nzcv=4000\n@1 0000000000001004  ret\n", 1,
     "instruction 1 has different results"),
    ("missing change", START + "=1 x0=2\n@1 0000000000001004  ret\n", START + "@1 0000000000001004  ret\n", 1, "B 0000000000000001"),
    ("way", START + "@1 0000000000001004  ret\n", START + "@1 0000000000002004  ret\n", 1, "go different ways"),
    ("shorter", START + "@1 0000000000001004  ret\n", START, 1, "goes on"),
    ("threads in another order", START + "@2 2000  nop\n@1 1004  nop\n", START + "@1 1004  nop\n@2 2000  nop\n", 0, "2 threads"),
    ("children by number", "@1 1000  svc\n@700:1 1004  nop\n", "@1 1000  svc\n@900:1 1004  nop\n", 0, "2 threads"),
    ("noise", "demotic: hello\n" + START, START, 0, "1 instructions"),
    ("outside", "@1 1000  svc #0\n=1 x0=5\n@1 1004  add w1, w0, #1\n=1 x1=6\n@1 1008  nop\n",
     "@1 1000  svc #0\n=1 x0=7\n@1 1004  add w1, w0, #1\n=1 x1=8\n@1 1008  nop\n", 0, "3 instructions"),
    ("outside, through memory", "@1 1000  svc #0\n=1 x0=5\n@1 1004  str x0, [x2]\n@1 1008  ldr x3, [x4]\n=1 x3=5\n@1 100c  nop\n",
     "@1 1000  svc #0\n=1 x0=7\n@1 1004  str x0, [x2]\n@1 1008  ldr x3, [x4]\n=1 x3=7\n@1 100c  nop\n", 0, "4 instructions"),
    ("not from outside", "@1 1000  svc #0\n=1 x0=5\n@1 1004  mov x3, x4\n=1 x3=6\n@1 100c  nop\n",
     "@1 1000  svc #0\n=1 x0=7\n@1 1004  mov x3, x4\n=1 x3=8\n@1 100c  nop\n", 1, "instruction 2 has different results"),
    ("beginning", "=1 x0=1\n@1 1000  nop\n", "=1 x0=2\n@1 1000  nop\n", 1, "begin with different registers"),
]


def main():
    tool, bad = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as place:
        for name, a, b, status, text in CASES:
            files = [os.path.join(place, n) for n in "AB"]
            for f, content in zip(files, (a, b)):
                with open(f, "w", encoding="ascii") as out:
                    out.write(content)
            # From files, and as programs that write them.
            for args in (files, ["--run", "cp %s {}" % files[0], "--run", "cp %s {}" % files[1]]):
                r = subprocess.run([sys.executable, tool, *args], capture_output=True, text=True, timeout=60)
                if r.returncode != status or text not in r.stdout:
                    bad += 1
                    print("FAIL %s: status %d, %s%s" % (name, r.returncode, r.stdout, r.stderr))
    return bad != 0


sys.exit(main())

"""What a suite's file hands to run.py, and how programs are compiled for an architecture."""
import dataclasses

CC = {
    'amd64': ['gcc', '-m64'],
    'i386': ['gcc', '-m32', '-idirafter', '/usr/include/x86_64-linux-gnu'],  # without gcc-multilib, which the Arm64 compilers exclude
    'arm64': ['aarch64-linux-gnu-gcc', '-static'],                           # needs no root then
}


@dataclasses.dataclass
class Case:
    name: str
    build: list                # commands, each a list of words; {out} is the program, {work} a folder of the suite's own
    args: list = dataclasses.field(default_factory=list)
    cwd: str = None            # a folder to run in; else an empty one
    stdin: bytes = b''
    must: bool = False         # the native status has to be 0, or the test does not count
    silent: bool = False       # the output depends on timing and addresses; the status says all
    golden: list = None        # files with the standard output that the suite expects: noted, but the native run is what counts
    needs: str = ''            # what it needs and Demotic's processor does not offer; such a test ends early, with this output:
    skipped: bytes = b''

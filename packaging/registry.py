#!/usr/bin/env python3
"""Takes out of a Wine prefix' registry what differs from one making to the next: times, identifiers made up, the number of processors,
and the numbers that drivers got in the order in which their devices happened to start.

    registry.py PREFIX SECONDS        the time it shall have been, since 1970
"""
import glob
import hashlib
import re
import sys
import uuid


def renumber(text):
    """Drivers of a class are numbered in the order of the devices' keys (which are sorted)"""
    blocks = re.split(r'(?m)^(?=\[)', text)
    key = re.compile(r'\[(System\\\\ControlSet\d+\\\\Control\\\\Class\\\\)(\{[^}]*\})\\\\(\d{4})\]', re.I)
    used, new = {}, {}
    for cls, number in re.findall(r'(?m)^"Driver"="(\{[^}]*\})\\\\(\d{4})"$', text):
        cls = cls.lower()
        if (cls, number) not in new:
            new[cls, number] = f'{used.get(cls, 0):04}'
            used[cls] = used.get(cls, 0) + 1
    groups = {}
    for i, b in enumerate(blocks):
        m = key.match(b)
        if not m:
            continue
        cls, number = m.group(2).lower(), m.group(3)
        if (cls, number) not in new:  # no device has it (any more): behind the others
            new[cls, number] = f'{used.get(cls, 0):04}'
            used[cls] = used.get(cls, 0) + 1
        renamed = f'[{m.group(1)}{m.group(2)}\\\\{new[cls, number]}]' + b[m.end():]
        groups.setdefault((m.group(1), cls), []).append((new[cls, number], i, renamed))
    for members in groups.values():
        for place, (_, _, b) in zip(sorted(i for _, i, _ in members), sorted(members)):
            blocks[place] = b
    return re.sub(r'(?m)^"Driver"="(\{[^}]*\})\\\\(\d{4})"$',
                  lambda m: f'"Driver"="{m.group(1)}\\\\{new[m.group(1).lower(), m.group(2)]}"', ''.join(blocks))


def main():
    prefix, seconds = sys.argv[1], int(sys.argv[2])
    filetime = seconds * 10000000 + 116444736000000000
    one = uuid.UUID(bytes=hashlib.sha256(f'demotic {seconds}'.encode()).digest()[:16], version=4)
    rules = [(r'^(\[.*\]) \d+$', rf'\1 {seconds}'),
             (r'^#time=.*', f'#time={filetime:x}'),
             (r'^("MachineGuid"=).*', rf'\1"{one}"'),
             (r'^("VideoID"=).*', rf'\1"{{{one}}}"'),
             (r'^("DriverDateData"=).*', r'\1hex:' + ','.join(f'{b:02x}' for b in filetime.to_bytes(8, 'little'))),
             (r'^("NUMBER_OF_PROCESSORS"=).*', r'\1"1"')]
    for name in sorted(glob.glob(prefix + '/*.reg')):
        with open(name, encoding='latin-1', newline='') as f:
            text = f.read()
        # The time of a key stands behind its name, and is the same for all by now.
        for pattern, to in rules:
            text = re.sub(pattern, to, text, flags=re.M)
        with open(name, 'w', encoding='latin-1', newline='') as f:
            f.write(renumber(text))


if __name__ == '__main__':
    main()

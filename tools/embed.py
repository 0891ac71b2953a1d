#!/usr/bin/env python3
"""A file as a C array: embed.py NAME OUTPUT [INPUT]; without INPUT the array is empty."""
import sys

name, output = sys.argv[1:3]
data = open(sys.argv[3], 'rb').read() if len(sys.argv) > 3 else b''
with open(output, 'w') as f:
    f.write(f'#include <stddef.h>\nextern const unsigned char {name}[];\nextern const size_t {name}_size;\n'
            f'const unsigned char {name}[] = {{\n')
    for i in range(0, max(len(data), 1), 24):
        f.write(''.join(f'{b},' for b in data[i:i + 24] or b'\0') + '\n')
    f.write(f'}};\nconst size_t {name}_size = {len(data)};\n')

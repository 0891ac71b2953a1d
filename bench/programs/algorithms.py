# Integers, recursion, dictionaries, text: what a Python program mostly does.
import json
import random
import re

random.seed(1)


def queens(n):
    def place(r, c, d, e):
        return 1 if r == n else sum(place(r + 1, c | 1 << i, d | 1 << (r + i), e | 1 << (r - i + n))
                                    for i in range(n) if not (c >> i & 1 or d >> (r + i) & 1 or e >> (r - i + n) & 1))
    return place(0, 0, 0, 0)


words = [''.join(random.choice('abcdefgh') for _ in range(6)) for _ in range(60000)]
count = {}
for w in words:
    count[w[:2]] = count.get(w[:2], 0) + 1
text = json.dumps(sorted(count.items()))
x = 0.0
for i in range(1000000):
    x += (i % 7) * 0.5
print(queens(8), len(text), len(re.findall('[aeiou]+', ' '.join(words))), x, sum(json.loads(text)[0][1:]))

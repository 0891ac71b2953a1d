# Classes, methods, generators, exceptions, sorting by a key.
import heapq


class Body:
    def __init__(self, name, weight):
        self.name, self.weight, self.seen = name, weight, 0

    def visit(self, other):
        self.seen += 1
        if other.weight > self.weight:
            raise ValueError(other.name)
        return self.weight - other.weight


class Heavy(Body):
    def visit(self, other):
        return super().visit(other) + 1


def pairs(things):
    for i, a in enumerate(things):
        for b in things[i + 1:i + 40]:
            yield a, b


things = [(Heavy if i % 3 else Body)('b%d' % i, i * 7919 % 1009) for i in range(15000)]
total = failed = 0
for a, b in pairs(things):
    try:
        total += a.visit(b)
    except ValueError:
        failed += 1
heap = []
for t in things * 8:
    heapq.heappush(heap, (t.weight, t.name))
order = [heapq.heappop(heap)[1] for _ in range(len(heap))]
things.sort(key=lambda t: (t.weight % 17, t.name))
print(total, failed, order[::5000], [t.name for t in things[::1000]])

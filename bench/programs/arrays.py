# NumPy: loops over whole arrays, reductions, sorting, linear algebra, transforms.  Printed to few digits: a processor's wider
# vectors add in another order.
import numpy as np

r = np.random.default_rng(1)
a, b = r.standard_normal(400000), r.standard_normal(400000)
s = 0.0
for i in range(20):
    c = a * b + np.sqrt(np.abs(a)) - b / (1.5 + i)
    s += float(c.sum()) + float(np.maximum(a, c).mean()) + float((c > 0).sum())
n = r.integers(0, 1 << 30, 400000)
for i in range(4):
    n = (n * 1103515245 + 12345) & 0x7fffffff
    s += int(np.sort(n)[1000]) % 97 + int(np.bincount(n & 255).argmax())
m = r.standard_normal((220, 220))
for i in range(3):
    m = m @ m.T / 220
    s += float(np.linalg.det(np.eye(120) + m[:120, :120] * 1e-3))
f = np.fft.rfft(a[:1 << 18])
s += float(np.abs(f).max()) + float(np.exp(-a * a).sum()) + float(np.sin(b).cumsum()[-1])
print('%.6g' % s, len(np.unique(n & 4095)), bytes(n.astype(np.uint8)[:8]).hex())

-- Tables of integers, complex arithmetic, a matrix, recursion.
local function life(n) local a = {} for i = 0, n do a[i] = (i * 7919) % 3 == 0 and 1 or 0 end
  for g = 1, 100 do local b = {} for i = 0, n do local s = (a[i-1] or 0) + a[i] + (a[i+1] or 0) b[i] = s == 1 and 1 or 0 end a = b end
  local s = 0 for i = 0, n do s = s + a[i] end return s end
local function mandel(n) local c = 0 for y = 0, n-1 do for x = 0, n-1 do local cr, ci, zr, zi, k = 2*x/n-1.5, 2*y/n-1, 0, 0, 0
  while k < 50 and zr*zr+zi*zi < 4 do zr, zi, k = zr*zr-zi*zi+cr, 2*zr*zi+ci, k+1 end c = c + k end end return c end
local function spectral(n) local function A(i, j) local ij = i+j-1 return 1.0 / (ij * (ij-1) * 0.5 + i) end
  local u, v = {}, {} for i = 1, n do u[i] = 1 end
  for _ = 1, 4 do for i = 1, n do local a = 0 for j = 1, n do a = a + u[j] * A(i, j) end v[i] = a end
    for i = 1, n do local a = 0 for j = 1, n do a = a + v[j] * A(j, i) end u[i] = a end end
  local s = 0 for i = 1, n do s = s + u[i] * v[i] end return s end
local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end
local f = tonumber(arg[1])
print(life(20000 * f), mandel(300 * f), string.format("%.6g", spectral(150 * f)), fib(22 + 3 * f))

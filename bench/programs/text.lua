-- Strings, closures, objects through metatables, garbage.
local f = tonumber(arg[1])
local t = {} for i = 1, 60000 * f do t[#t+1] = string.format("%x", i*i) end
local s = table.concat(t, " ")
local n, seen = 0, {}
for w in s:gmatch("%x+") do local k = w:sub(1, 3) seen[k] = (seen[k] or 0) + 1 n = n + #w end
local P = {} P.__index = P
function P.new(x, y) return setmetatable({x = x, y = y}, P) end
function P:add(o) return P.new(self.x + o.x, self.y - o.y) end
local p = P.new(0, 0) for i = 1, 400000 * f do p = p:add(P.new(i % 7, i % 5)) end
local function tree(d) if d == 0 then return {} end return {tree(d-1), tree(d-1)} end
local function count(x) return x[1] and 1 + count(x[1]) + count(x[2]) or 1 end
local c = 0 for i = 1, 6 * f do c = c + count(tree(12)) end
print(#s, n, seen["1a4"], p.x, p.y, c, (s:gsub("[0-9]+", "")):len())

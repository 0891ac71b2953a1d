// Calls whose targets keep changing, exceptions, generators, promises, big integers, regular expressions: less friendly to a compiler.
const kinds = [x => x + 1, x => x * 3 & 1023, function (x) { return x ^ this.k; }.bind({k: 5}), x => [x, 1].reduce((a, b) => a + b)];
let n = 1;
for (let i = 0; i < 3000000; i++) n = kinds[i * 7 & 3](n) & 0xffff;
function* walk(d) { if (d) { yield* walk(d - 1); yield d; yield* walk(d - 1); } }
let sum = 0;
for (let r = 0; r < 4; r++) for (const d of walk(12)) sum += d;
let caught = 0;
for (let i = 0; i < 60000; i++) { try { if (i % 3) throw new RangeError('r' + i); n++; } catch (e) { caught += e.message.length; } }
let big = 1n;
for (let i = 1n; i < 1200n; i++) big *= i;
const line = 'alpha=12; beta = 7 ; gamma=0x1f; '.repeat(3000);
let found = 0;
for (let r = 0; r < 10; r++) for (const m of line.matchAll(/(\w+)\s*=\s*(0x[0-9a-f]+|\d+)/g)) found += m[1].length + Number(m[2]);
const shapes = [];
for (let i = 0; i < 200000; i++) { const o = {}; o['k' + i % 60] = i; o.v = i; shapes.push(o.v + Object.keys(o).length); }
(async () => {
  let a = 0;
  for (let i = 0; i < 100000; i++) a += await i % 5;
  console.log(n, sum, caught, big.toString().length, found, shapes.length, a);
})();

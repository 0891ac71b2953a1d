// What JavaScript programs mostly do: objects of a few shapes, closures, typed arrays, strings, JSON, sorting, maps.
class Shape { constructor(x) { this.x = x; } area() { return 0; } }
class Square extends Shape { area() { return this.x * this.x; } }
class Disc extends Shape { area() { return this.x * this.x * 3; } }
const shapes = Array.from({length: 2000}, (_, i) => i % 3 ? new Square(i % 11) : new Disc(i % 7));
let total = 0;
for (let r = 0; r < 1500; r++) for (const s of shapes) total += s.area();

const field = new Float64Array(256 * 256), next = new Float64Array(256 * 256);
for (let i = 0; i < field.length; i++) field[i] = i * 7919 % 101;
for (let r = 0; r < 60; r++) {
  for (let y = 1; y < 255; y++) for (let x = 1; x < 255; x++) {
    const i = y * 256 + x;
    next[i] = (field[i - 1] + field[i + 1] + field[i - 256] + field[i + 256]) * 0.25;
  }
  field.set(next);
}
const words = new Map();
for (let i = 0; i < 300000; i++) { const k = 'w' + (i * 31 % 4001).toString(36); words.set(k, (words.get(k) || 0) + i % 3); }
const list = [...words].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
let text = JSON.stringify(list);
for (let r = 0; r < 20; r++) text = JSON.stringify(JSON.parse(text).map(([k, v]) => [k.replace(/[aeiou]/g, '_'), v + 1]));
const memo = n => n < 2 ? n : memo(n - 1) + memo(n - 2);
let hash = 0;
for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0;
console.log(total, field[128 * 256 + 100].toFixed(6), list.length, text.length, hash, memo(30));

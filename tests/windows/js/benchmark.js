// A mix of what JavaScript programs do, each part with its time and a checksum that must be the same everywhere.
'use strict';

// Tasks that pass packets to each other: objects, methods, queues (in the manner of an operating system's scheduler).
class Task {
  constructor(id, next) { this.id = id; this.next = next; this.queue = []; this.seen = 0; this.state = id * 7 + 1; }
  accept(packet) { this.queue.push(packet); }
  run(all) {
    const packet = this.queue.shift();
    if (!packet) return false;
    this.seen++;
    this.state = (this.state * 1103515245 + packet.value) & 0x7fffffff;
    packet.value = this.state & 0xff;
    packet.trace.push(this.id);
    if (packet.trace.length < 40) all[(this.next + (packet.value & 3)) % all.length].accept(packet);
    return true;
  }
}
class Worker_ extends Task { run(all) { if (this.queue.length > 3) this.state ^= 0x55; return super.run(all); } }
class Device extends Task { run(all) { this.state += this.queue.length; return super.run(all); } }

function scheduler() {
  let sum = 0;
  for (let round = 0; round < 60; round++) {
    const all = [];
    for (let i = 0; i < 12; i++) all.push(new [Task, Worker_, Device][i % 3](i, (i * 5 + 1) % 12));
    for (let i = 0; i < 200; i++) all[i % 12].accept({ value: i, trace: [] });
    for (let busy = true; busy;) { busy = false; for (const t of all) busy = t.run(all) || busy; }
    for (const t of all) sum = (sum * 31 + t.seen + t.state) >>> 0;
  }
  return sum;
}

// Constraints between variables, propagated in an order that a plan gives: polymorphic calls, lists.
function constraints() {
  class Variable { constructor(v) { this.value = v; this.uses = []; this.mark = 0; } }
  class Scale { constructor(a, k, c, b) { this.a = a; this.k = k; this.c = c; this.b = b; a.uses.push(this); } execute() { this.b.value = (this.a.value * this.k.value + this.c.value) | 0; } }
  class Equal { constructor(a, b) { this.a = a; this.b = b; a.uses.push(this); } execute() { this.b.value = this.a.value; } }
  const first = new Variable(0), k = new Variable(3), c = new Variable(7);
  let last = first;
  for (let i = 0; i < 400; i++) {
    const v = new Variable(i);
    i % 3 ? new Equal(last, v) : new Scale(last, k, c, v);
    last = v;
  }
  let sum = 0;
  for (let n = 0; n < 400; n++) {
    first.value = n;
    const plan = [], todo = [first];
    while (todo.length) { const v = todo.pop(); v.mark = n; for (const u of v.uses) { plan.push(u); if (u.b.mark !== n || n === 0) todo.push(u.b); } }
    for (let i = 0; i < 5; i++) for (const p of plan) p.execute();
    sum = (sum * 33 + last.value) >>> 0;
  }
  return sum;
}

function json() {
  const items = [];
  for (let i = 0; i < 3000; i++) items.push({ id: i, name: 'item ' + i, tags: ['a' + i % 7, 'b' + i % 11], price: i * 1.25, nested: { ok: i % 2 === 0, text: 'ä"\\\n' + i, none: null } });
  let length = 0, back;
  for (let i = 0; i < 12; i++) { const text = JSON.stringify(items); length += text.length; back = JSON.parse(text); }
  return length + back.reduce((s, x) => s + x.price + x.tags.length, 0);
}

function regexps() {
  const words = [];
  for (let i = 0; i < 6000; i++) words.push('user' + i * 7919 % 10007 + '@host' + i % 37 + '.example.org', '2026-' + (i % 12 + 1) + '-' + (i % 28 + 1), (i * i).toString(36));
  const text = words.join(' ');
  let sum = 0;
  for (let n = 0; n < 4; n++) {
    sum += text.match(/\b[\w.]+@(\w+)\.example\.org\b/g).length;
    sum += text.replace(/(\d{4})-(\d\d?)-(\d\d?)/g, (m, y, a, b) => `${b}/${a}`).length;
    for (const m of text.matchAll(/(?<=host)([0-9]+)(?:\.)/g)) sum = (sum + +m[1]) >>> 0;
    sum += text.split(/\s+/).filter(w => /^[a-z0-9]*[aeiou]{2}[a-z0-9]*$/.test(w)).length;
  }
  return sum;
}

function typed() {
  const n = 256, re = new Float64Array(n * n), im = new Float64Array(n * n), out = new Uint8ClampedArray(n * n);
  for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) {
    let a = 0, b = 0, k = 0;
    const cr = x / n * 3 - 2, ci = y / n * 2 - 1;
    for (; k < 100 && a * a + b * b < 4; k++) { const t = a * a - b * b + cr; b = 2 * a * b + ci; a = t; }
    re[y * n + x] = a; im[y * n + x] = b; out[y * n + x] = k * 2.5;
  }
  const crc = new Int32Array(256);
  for (let i = 0; i < 256; i++) { let c = i; for (let j = 0; j < 8; j++) c = c & 1 ? c >>> 1 ^ 0xedb88320 : c >>> 1; crc[i] = c; }
  let c = -1;
  for (let n2 = 0; n2 < 20; n2++) for (let i = 0; i < out.length; i++) c = crc[(c ^ out[i]) & 255] ^ c >>> 8;
  const f = new Float32Array(4096).map((_, i) => Math.fround(i * 0.37));
  let s = 0;
  for (let n2 = 0; n2 < 300; n2++) for (let i = 1; i < f.length; i++) s += Math.fround(f[i] * 0.5 + f[i - 1]);
  return [c >>> 0, s, re.reduce((p, q) => p + (q > 0), 0)].join();
}

function collections() {
  const m = new Map(), set = new Set();
  for (let i = 0; i < 120000; i++) { const k = 'k' + i % 5003; m.set(k, (m.get(k) || 0) + i); set.add(i * 7 % 9973); }
  const sorted = [...m].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const big = [...Array(500)].reduce((p, _, i) => p * BigInt(i + 1) % (10n ** 80n + 129n), 1n);
  return sorted[0] + '/' + sorted.length + '/' + set.size + '/' + big.toString().slice(-9);
}

function closures() {
  const compose = (...f) => x => f.reduce((v, g) => g(v), x);
  function* upTo(n) { for (let i = 0; i < n; i++) yield i; }
  const f = compose(x => x + 1, x => x * 3 | 0, x => x ^ 0x1234);
  let s = 0;
  for (let n = 0; n < 8; n++) for (const i of upTo(20000)) s = (s + f(i)) | 0;
  try { for (let i = 0; ; i++) { try { if (i === 3000) throw new RangeError('end'); JSON.parse(i % 10 ? '1' : '{'); } catch (e) { if (e instanceof RangeError) throw e; s++; } } } catch (e) { s += e.message.length; }
  return s;
}

function trees() {
  const make = d => d ? { l: make(d - 1), r: make(d - 1), v: d } : { l: null, r: null, v: 1 };
  const sum = t => t ? t.v + sum(t.l) + sum(t.r) : 0;
  let s = 0;
  for (let i = 0; i < 20; i++) s += sum(make(13));
  return s;
}

const scale = +process.argv[2] || 1;
for (const part of [scheduler, constraints, json, regexps, typed, collections, closures, trees]) {
  const began = performance.now();
  let sum;
  for (let i = 0; i < scale; i++) sum = part();
  console.log(part.name, String(sum));
  if (process.env.SHOW_TIMES) console.error(part.name, (performance.now() - began).toFixed(0), 'ms');
}

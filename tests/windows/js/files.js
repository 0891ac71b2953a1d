// Files: synchronous, promised and streamed; names, links, times, directories.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs'), path = require('node:path'), os = require('node:os');
const { pipeline } = require('node:stream/promises');

(async () => {
  const dir = fs.mkdtempSync(path.join(process.cwd(), 'files-'));
  const at = name => path.join(dir, name);
  fs.writeFileSync(at('a.txt'), 'line one\nüber zwei\n');
  fs.appendFileSync(at('a.txt'), 'three\n');
  assert.strictEqual(fs.readFileSync(at('a.txt'), 'utf8'), 'line one\nüber zwei\nthree\n');
  fs.copyFileSync(at('a.txt'), at('sömé näme.txt'));
  fs.renameSync(at('sömé näme.txt'), at('b.txt'));
  assert.throws(() => fs.readFileSync(at('sömé näme.txt')), { code: 'ENOENT' });
  assert.throws(() => fs.mkdirSync(dir), { code: 'EEXIST' });
  fs.mkdirSync(at('deep/er/still'), { recursive: true });
  fs.writeFileSync(at('deep/er/x'), Buffer.alloc(100000, 'pattern'));
  fs.truncateSync(at('deep/er/x'), 70001);
  assert.strictEqual(fs.statSync(at('deep/er/x')).size, 70001);
  fs.utimesSync(at('b.txt'), 1e9, 1.2e9);
  assert.strictEqual(fs.statSync(at('b.txt')).mtimeMs, 1.2e12);
  assert.deepStrictEqual(fs.readdirSync(dir, { recursive: true }).sort(), ['a.txt', 'b.txt', 'deep', path.join('deep', 'er'), path.join('deep', 'er', 'still'), path.join('deep', 'er', 'x')]);
  await pipeline(fs.createReadStream(at('deep/er/x')), async function* (source) { for await (const c of source) yield c; }, fs.createWriteStream(at('copy')));
  assert.ok(fs.readFileSync(at('copy')).equals(fs.readFileSync(at('deep/er/x'))));
  const h = await fs.promises.open(at('c'), 'w+');
  await Promise.all([...Array(50)].map((_, i) => h.write(String(i % 10), i)));
  const { buffer } = await h.read(Buffer.alloc(50), 0, 50, 0);
  await h.close();
  assert.strictEqual(String(buffer), '0123456789'.repeat(5));
  fs.rmSync(dir, { recursive: true });
  assert.ok(!fs.existsSync(dir));
  assert.strictEqual(os.EOL, '\r\n');
  assert.strictEqual(path.resolve('C:\\a\\..\\b'), 'C:\\b');
  console.log('files are right');
})();

// Worker threads: messages, shared memory with atomics, a worker's error and exit.
'use strict';
const assert = require('node:assert');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

if (!isMainThread) {
  const { shared, id, fail } = workerData;
  if (fail) throw new Error('on purpose');
  const cells = new Int32Array(shared);
  for (let i = 0; i < 20000; i++) Atomics.add(cells, 0, 1);
  Atomics.add(cells, 1, id);
  Atomics.notify(cells, 1);
  parentPort.on('message', text => { parentPort.postMessage(`${id}: ${text.toUpperCase()}`); parentPort.close(); });
} else {
  const shared = new SharedArrayBuffer(16), cells = new Int32Array(shared);
  const one = id => new Promise((resolve, reject) => {
    const w = new Worker(__filename, { workerData: { shared, id } });
    let answer;
    w.on('message', m => { answer = m; });
    w.on('error', reject);
    w.on('exit', code => resolve([code, answer]));
    w.postMessage('hello');
  });
  (async () => {
    const all = await Promise.all([1, 2, 3, 4].map(one));
    assert.deepStrictEqual(all, [1, 2, 3, 4].map(i => [0, `${i}: HELLO`]));
    assert.deepStrictEqual([cells[0], cells[1]], [80000, 10]);
    const error = await new Promise(resolve => new Worker(__filename, { workerData: { fail: true } }).on('error', resolve));
    assert.strictEqual(error.message, 'on purpose');
    console.log('workers are right');
  })();
}

// Child processes: status, output, input, a large pipe, a shell, messages, an end by force.
'use strict';
const assert = require('node:assert');
const { spawn, spawnSync, execSync, fork } = require('node:child_process');

if (process.argv[2] === 'echo') {
  process.stdin.on('data', d => process.stdout.write(String(d).toUpperCase())).on('end', () => { process.exitCode = 7; });
} else if (process.argv[2] === 'child') {
  process.on('message', m => { process.send({ twice: m.n * 2, env: process.env.GIVEN }); if (m.n === 3) process.disconnect(); });
} else {
  (async () => {
    let r = spawnSync(process.execPath, [__filename, 'echo'], { input: 'some text' });
    assert.deepStrictEqual([r.status, String(r.stdout), String(r.stderr)], [7, 'SOME TEXT', '']);
    r = spawnSync(process.execPath, ['-e', "process.stdout.write('x'.repeat(1000000)); process.stderr.write('end')"]);
    assert.deepStrictEqual([r.status, r.stdout.length, String(r.stderr)], [0, 1000000, 'end']);
    assert.strictEqual(String(execSync('echo one two')).trim(), 'one two');
    assert.throws(() => execSync('exit 5', { stdio: 'ignore' }), e => e.status === 5);
    assert.strictEqual(spawnSync('no-such-program').error.code, 'ENOENT');
    const answers = await new Promise(resolve => {
      const got = [], c = fork(__filename, ['child'], { env: { ...process.env, GIVEN: 'a value' } });
      c.on('message', m => { got.push(m); if (got.length < 3) c.send({ n: got.length + 1 }); });
      c.on('exit', code => resolve([code, got]));
      c.send({ n: 1 });
    });
    assert.deepStrictEqual(answers, [0, [1, 2, 3].map(n => ({ twice: 2 * n, env: 'a value' }))]);
    const c = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    c.on('spawn', () => c.kill());
    assert.strictEqual(await new Promise(resolve => c.on('exit', (code, signal) => resolve(signal))), 'SIGTERM');
    console.log('children are right');
  })();
}

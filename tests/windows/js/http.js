// A server and its clients on the loopback: many at a time, bodies both ways, a kept connection, fetch, a raw socket.
'use strict';
const assert = require('node:assert');
const http = require('node:http'), net = require('node:net');

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', d => parts.push(d)).on('end', () => {
    response.setHeader('x-path', request.url);
    response.end(Buffer.concat(parts).toString().split('').reverse().join(''));
  });
});
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 3 });
  const ask = (path, body) => new Promise((resolve, reject) => {
    const r = http.request({ port, path, method: 'POST', agent }, a => {
      let text = '';
      a.setEncoding('utf8').on('data', d => { text += d; }).on('end', () => resolve([a.statusCode, a.headers['x-path'], text]));
    });
    r.on('error', reject).end(body);
  });
  const all = await Promise.all([...Array(20)].map((_, i) => ask('/' + i, 'body ' + i)));
  assert.deepStrictEqual(all, [...Array(20)].map((_, i) => [200, '/' + i, ('body ' + i).split('').reverse().join('')]));
  const big = 'abc'.repeat(100000);
  assert.strictEqual((await ask('/big', big))[2], 'cba'.repeat(100000));
  const r = await fetch(`http://127.0.0.1:${port}/fetched`, { method: 'POST', body: 'xyz' });
  assert.deepStrictEqual([r.status, await r.text()], [200, 'zyx']);
  const raw = await new Promise(resolve => {
    let text = '';
    net.connect(port, '127.0.0.1').on('data', d => { text += d; }).on('close', () => resolve(text)).write('GET / HTTP/1.0\r\n\r\n');
  });
  assert.match(raw, /^HTTP\/1\.1 200 OK\r\n/);
  agent.destroy();
  server.closeAllConnections();
  server.close(() => console.log('http is right'));
});

// Hashes, ciphers, keys, compression, text: the libraries that have assembly of their own.
'use strict';
const assert = require('node:assert'), crypto = require('node:crypto'), zlib = require('node:zlib');
const data = Buffer.alloc(300000);
for (let i = 0, x = 1; i < data.length; i++) { x = (Math.imul(x, 1103515245) + 12345) >>> 0; data[i] = i & 64 ? x >>> 24 : i >> 8; }
const hash = name => crypto.createHash(name).update(data).digest('hex').slice(0, 16);
console.log(['md5', 'sha1', 'sha256', 'sha512', 'sha3-256', 'blake2b512'].map(hash).join(' '));
for (const name of ['aes-256-gcm', 'chacha20-poly1305', 'aes-128-ctr', 'aes-192-cbc']) {
  const { keyLength, ivLength } = crypto.getCipherInfo(name), key = Buffer.alloc(keyLength, 3), iv = Buffer.alloc(ivLength, 5), tagged = /gcm|poly/.test(name);
  const c = crypto.createCipheriv(name, key, iv, tagged ? { authTagLength: 16 } : {}), sealed = Buffer.concat([c.update(data), c.final()]);
  const d = crypto.createDecipheriv(name, key, iv, tagged ? { authTagLength: 16 } : {});
  if (tagged) d.setAuthTag(c.getAuthTag());
  assert.ok(Buffer.concat([d.update(sealed), d.final()]).equals(data));
  console.log(name, crypto.createHash('sha256').update(sealed).digest('hex').slice(0, 16), tagged ? c.getAuthTag().toString('hex') : '');
}
console.log(crypto.scryptSync('password', 'salt', 32, { N: 1024 }).toString('hex'), crypto.pbkdf2Sync('password', 'salt', 1000, 16, 'sha512').toString('hex'));
const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
assert.ok(crypto.verify('sha256', data, publicKey, crypto.sign('sha256', data, privateKey)));
const ed = crypto.createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 9)]), format: 'der', type: 'pkcs8' });
console.log(crypto.sign(null, Buffer.from('text'), ed).toString('hex').slice(0, 32));
for (const [pack, unpack] of [['gzipSync', 'gunzipSync'], ['deflateRawSync', 'inflateRawSync'], ['brotliCompressSync', 'brotliDecompressSync']])
  assert.ok(zlib[unpack](zlib[pack](data, pack[0] === 'b' ? { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } } : {})).equals(data));
console.log('ÄÖÜ straße İ'.toLowerCase(), 'résumé'.normalize('NFD').length, new Intl.NumberFormat('de-DE').format(1234567.891), new Date(0).toISOString());

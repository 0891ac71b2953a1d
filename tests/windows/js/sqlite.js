// node:sqlite, in memory and in a file that a second connection reads.
'use strict';
const assert = require('node:assert'), fs = require('node:fs');
const { DatabaseSync } = require('node:sqlite');

for (const place of [':memory:', 'test.db']) {
  const db = new DatabaseSync(place);
  db.exec('create table t(a integer primary key, b text, c real); create index i on t(b)');
  const insert = db.prepare('insert into t(b, c) values (?, ?)');
  db.exec('begin');
  for (let i = 0; i < 3000; i++) insert.run('text ' + i * 7919 % 3001, i / 4);
  db.exec('commit');
  assert.deepStrictEqual({ ...db.prepare('select count(*) n, sum(c) s, max(b) m from t where a % 2 = 0').get() }, { n: 1500, s: 562500, m: 'text 998' });
  assert.strictEqual(db.prepare('with recursive f(i, x) as (select 1, 1 union all select i + 1, x * 2 from f where i < 40) select sum(x) s from f').get().s, 2 ** 40 - 1);
  assert.throws(() => db.exec('insert into t(a) values (1)'), /UNIQUE/);
  db.exec('begin; delete from t; rollback');
  assert.strictEqual(new DatabaseSync(place === ':memory:' ? place : 'test.db').prepare('select count(*) n from sqlite_master').get().n, place === ':memory:' ? 0 : 2);
  assert.strictEqual(db.prepare('select count(*) n from t').get().n, 3000);
  db.close();
}
assert.ok(fs.statSync('test.db').size > 100000);
console.log('sqlite is right');

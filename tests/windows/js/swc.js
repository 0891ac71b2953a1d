// swc's native add-on: TypeScript and JSX to ES5, and a large file minified.
'use strict';
const fs = require('node:fs'), swc = require('@swc/core'), crypto = require('node:crypto');
const source = `
enum Colour { Red = 1, Green }
interface Shape { area(): number }
class Circle implements Shape { #r = 2; constructor(private readonly name: string) {} area() { return this.#r ** 2 * Math.PI } async *[Symbol.asyncIterator]() { yield* [await this.area()] } }
export const view = ({ a, ...rest }: { a?: Colour }) => <ul {...rest}>{[1, 2].map(i => <li key={i}>{a ?? Colour.Green}</li>)}</ul>;
`;
console.log(swc.version);
console.log(swc.transformSync(source, { filename: 'x.tsx', jsc: { target: 'es5', parser: { syntax: 'typescript', tsx: true } } }).code);
const large = fs.readFileSync(require.resolve('three').replace('three.cjs', 'three.module.js'), 'utf8');
swc.minify(large, { module: true, compress: true, mangle: true }).then(r => console.log(r.code.length, crypto.createHash('sha256').update(r.code).digest('hex')));

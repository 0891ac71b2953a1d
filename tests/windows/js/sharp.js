// sharp with libvips: one picture read, resized, drawn upon, written in several formats and read again.
'use strict';
const fs = require('node:fs'), sharp = require('sharp');
(async () => {
  const [input, out] = process.argv.slice(2);
  const meta = await sharp(input).metadata();
  console.log(meta.format, meta.width, meta.height, meta.channels);
  const label = Buffer.from('<svg width="60" height="30"><rect width="60" height="30" rx="6" fill="#0a0"/><circle cx="15" cy="15" r="9" fill="white"/></svg>');
  const small = sharp(input).resize(200, 150).composite([{ input: label, left: 10, top: 20 }]).removeAlpha();
  fs.writeFileSync(out, await small.clone().raw().toBuffer());
  fs.writeFileSync(out + '.blur', await sharp(input).resize(160).rotate(90).blur(2).modulate({ brightness: 1.2 }).removeAlpha().raw().toBuffer());
  for (const format of ['png', 'jpeg', 'webp', 'avif', 'tiff', 'gif']) {
    const { data, info } = await small.clone()[format]().toBuffer({ resolveWithObject: true });
    const back = await sharp(data).stats();
    console.log(info.format, info.width, info.height, data.length > 500, back.channels.slice(0, 3).map(c => Math.round(c.mean / 4)).join());
  }
})();

// SPDX-License-Identifier: MIT
// unpack.js RESOURCES.json NAME OUT: a file that lies in pieces beside its list, put together.
const fs = require('fs'), path = require('path');
const [list, name, out] = process.argv.slice(2);
const { chunks, size } = JSON.parse(fs.readFileSync(list))[name];
const whole = Buffer.concat(chunks.map(c => fs.readFileSync(path.join(path.dirname(list), c.hash))));
if (whole.length != size) throw new Error(`${name}: ${whole.length} bytes, want ${size}`);
fs.writeFileSync(out, whole);

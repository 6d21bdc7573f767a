// SPDX-License-Identifier: MIT
// near.js WANT.npy GOT.npy R: are the arrays the same, to R of the largest number?
const npy = require('./npy.js');
const [want, got, r] = process.argv.slice(2);
const a = npy.load(want), b = npy.load(got);
const top = a.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
const worst = a.data.reduce((m, v, i) => Math.max(m, Math.abs(v - b.data[i])), 0);
const same = String(a.dims) == String(b.dims) && top > 1e-3 && worst <= Number(r) * top;

if (!same) console.error(`[${a.dims}] and [${b.dims}] differ by ${worst} of ${top}`);
process.exit(same ? 0 : 1);

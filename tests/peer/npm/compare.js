// SPDX-License-Identifier: MIT
// compare.js THEIRS OURS close|chaos|SHARE [OWN]: two folders of outputs, 0.npy, 1.npy and so on.
// Prints the largest difference and in brackets the largest relative one (root of the sums of
// squares, difference to THEIRS); fails where they are not the same.
// close: |ours - theirs| <= 1e-4 + 1e-3 |theirs| for each element; NaN equals NaN. That is enough for
// the others, too.
// chaos: a network that rounds or compares between its layers, whose outputs rounding alone moves
// far. The relative difference of each output is at most twice that of ONNX Runtime to itself in OWN,
// or 1e-5, what rounding comes to elsewhere.
// SHARE, a number: the relative difference is at most that.
const fs = require('fs');
const npy = require('../npy.js');
const [theirs, ours, rule, own] = process.argv.slice(2);

function difference(want, got) {
    if (String(want.dims) != String(got.dims)) throw new Error(`[${got.dims}], want [${want.dims}]`);
    let worst = 0, far = 0, squares = 0, all = 0;
    want.data.forEach((w, i) => {
        const g = got.data[i], d = Object.is(w, g) || w === g ? 0 : Math.abs(g - w);
        if (!(d <= worst)) worst = d; // NaN, too
        if (!(d <= 1e-4 + 1e-3 * Math.abs(w))) far++;
        squares += d * d;
        all += w * w;
    });
    return { worst, far, relative: Math.sqrt(squares / (all || 1)) };
}

const most = own => rule == 'close' ? -1 : rule == 'chaos' ? Math.max(2 * own, 1e-5) : Number(rule);

const files = fs.readdirSync(theirs).filter(f => f.endsWith('.npy'));
const total = { worst: 0, relative: 0, own: 0 };
let bad = files.length ? 0 : 1;
for (const f of files) {
    const want = npy.load(`${theirs}/${f}`), d = difference(want, npy.load(`${ours}/${f}`));
    const mine = own ? difference(want, npy.load(`${own}/${f}`)).relative : 0;
    if (d.far && !(d.relative <= most(mine))) bad++;
    for (const [k, v] of Object.entries({ worst: d.worst, relative: d.relative, own: mine }))
        if (!(v <= total[k])) total[k] = v;
}
const short = v => v ? v.toExponential(1) : '0';
console.log(`${short(total.worst)} (${short(total.relative)}${own ? `; its own ${short(total.own)}` : ''})`);
process.exit(bad ? 1 : 0);

// SPDX-License-Identifier: MIT
// compare.js THEIRS OURS close|chaos [OWN]: two folders of outputs, 0.npy, 1.npy and so on. Prints
// the largest difference and the largest relative one (root of the sums of squares, difference to
// THEIRS); fails where they are not the same.
// close: |ours - theirs| <= 1e-4 + 1e-3 |theirs| for each element; NaN equals NaN.
// chaos: a network that rounds between its layers, whose outputs rounding alone moves far. The
// relative difference is at most twice what ONNX Runtime differs by from itself in OWN.
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

const files = fs.readdirSync(theirs).filter(f => f.endsWith('.npy'));
const total = { worst: 0, relative: 0, own: 0 };
let bad = files.length ? 0 : 1;
for (const f of files) {
    const want = npy.load(`${theirs}/${f}`), d = difference(want, npy.load(`${ours}/${f}`));
    const mine = own ? difference(want, npy.load(`${own}/${f}`)).relative : 0;
    if (rule == 'close' ? d.far > 0 : !(d.relative <= 2 * mine)) bad++;
    for (const [k, v] of Object.entries({ worst: d.worst, relative: d.relative, own: mine }))
        if (!(v <= total[k])) total[k] = v;
}
console.log(`${total.worst.toExponential(1)} (relative ${total.relative.toExponential(1)}` +
    (own ? `, its own ${total.own.toExponential(1)})` : ')'));
process.exit(bad ? 1 : 0);

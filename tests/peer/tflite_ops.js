// SPDX-License-Identifier: MIT
// tflite_ops.js FILE.tflite [NAME=MOST]...: how many operators the file has, by name; fails where there are more of one
// than said, or the file is not as its schema has it (aligned buffers, an empty first one, both fields of codes).
const fs = require('fs');
const names = { 0: 'ADD', 1: 'AVERAGE_POOL_2D', 2: 'CONCATENATION', 3: 'CONV_2D', 4: 'DEPTHWISE_CONV_2D', 6: 'DEQUANTIZE', 9: 'FULLY_CONNECTED',
    17: 'MAX_POOL_2D', 18: 'MUL', 19: 'RELU', 20: 'RELU_N1_TO_1', 21: 'RELU6', 22: 'RESHAPE', 23: 'RESIZE_BILINEAR', 25: 'SOFTMAX', 34: 'PAD', 36: 'GATHER',
    39: 'TRANSPOSE', 40: 'MEAN', 60: 'PADV2', 67: 'TRANSPOSE_CONV', 97: 'RESIZE_NEAREST_NEIGHBOR', 114: 'QUANTIZE' };
const [file, ...limits] = process.argv.slice(2);
const b = fs.readFileSync(file);

const follow = at => at + b.readUInt32LE(at);
function field(table, i) {
    const vt = table - b.readInt32LE(table), at = 4 + 2 * i < b.readUInt16LE(vt) ? b.readUInt16LE(vt + 4 + 2 * i) : 0;
    return at ? table + at : 0;
}
const number = (table, i, read, dflt) => field(table, i) ? b[read](field(table, i)) : dflt;
const list = (table, i) => {
    const v = follow(field(table, i));
    return Array.from({ length: b.readUInt32LE(v) }, (_, k) => follow(v + 4 + 4 * k));
};
const want = (what, is) => { if (!is) throw new Error(`${file}: ${what}`); };

const model = follow(0);
want('no identifier', b.toString('latin1', 4, 8) == 'TFL3');
want('not version 3', number(model, 0, 'readUInt32LE', 0) == 3);
const buffers = list(model, 4);
want('the first buffer is not empty', !field(buffers[0], 0));
buffers.slice(1).forEach(t => want('a buffer is not aligned', (follow(field(t, 0)) + 4) % 16 == 0));
const metadata = list(model, 6)[0], version = follow(field(buffers[number(metadata, 1, 'readUInt32LE', 0)], 0));
want('no version', /^\d+\.\d+\.\d+\0+$/.test(b.toString('latin1', version + 4, version + 20)));
const codes = list(model, 1).map(t => {
    const old = number(t, 0, 'readInt8', 0), code = number(t, 3, 'readInt32LE', 0);
    want('codes differ', old == Math.min(code, 127));
    return names[code] || String(code);
});
const counts = {};
for (const op of list(list(model, 2)[0], 3)) {
    const name = codes[number(op, 0, 'readUInt32LE', 0)];
    counts[name] = (counts[name] || 0) + 1;
}
console.log(Object.entries(counts).map(([k, v]) => `${k}=${v}`).join(' '), 'since', b.toString('latin1', version + 4, version + 12).replace(/\0/g, ''));
for (const [name, most] of limits.map(l => l.split('='))) want(`${counts[name]} ${name}`, (counts[name] || 0) <= Number(most));

// SPDX-License-Identifier: MIT
// Arrays in NumPy's .npy, C order, little-endian: read as float32, written as float32, int64 or int32.
const fs = require('fs');

exports.load = function (path) {
    const b = fs.readFileSync(path);
    const v1 = b[6] == 1, start = v1 ? 10 : 12;
    const end = start + (v1 ? b.readUInt16LE(8) : b.readUInt32LE(8));
    const header = b.toString('latin1', start, end);
    if (!/'descr': '<f4'/.test(header) || !/'fortran_order': False/.test(header))
        throw new Error(path + ': want float32 in C order: ' + header.trim());
    const dims = /'shape': \(([^)]*)\)/.exec(header)[1].split(',').filter(s => s.trim()).map(Number);
    const n = dims.reduce((a, b) => a * b, 1);
    return { dims, data: new Float32Array(b.buffer.slice(b.byteOffset + end, b.byteOffset + end + 4 * n)) };
};

const types = new Map([[Float32Array, '<f4'], [BigInt64Array, '<i8'], [Int32Array, '<i4']]);

exports.save = function (path, { dims, data }) {
    const descr = types.get(data.constructor);
    if (!descr) throw new Error(`${path}: no array of ${data.constructor.name} can be written`);
    let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims.map(d => d + ',').join(' ')}), }`;
    header += ' '.repeat(63 - (10 + header.length) % 64) + '\n';
    const prefix = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
    fs.writeFileSync(path, Buffer.concat([prefix, Buffer.from(header, 'latin1'),
        Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
};

// SPDX-License-Identifier: MIT
// Small ONNX models, put together field by field, and tensors as TensorProto files; ONNX Runtime's
// answers to them; any model's fields. Values of float16 and bfloat16 are given as numbers, of 64 bits as BigInt.
const fs = require('fs');

const T = { FLOAT: 1, UINT8: 2, INT8: 3, UINT16: 4, INT16: 5, INT32: 6, INT64: 7, BOOL: 9, FLOAT16: 10,
    DOUBLE: 11, UINT32: 12, UINT64: 13, BFLOAT16: 16 };
const arrays = { 1: Float32Array, 2: Uint8Array, 3: Int8Array, 4: Uint16Array, 5: Int16Array, 6: Int32Array,
    7: BigInt64Array, 9: Uint8Array, 10: Uint16Array, 11: Float64Array, 12: Uint32Array, 13: BigUint64Array,
    16: Uint16Array };
const names = { 1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64', 9: 'bool',
    10: 'float16', 11: 'float64', 12: 'uint32', 13: 'uint64' };

// ---- protobuf, as much as a small model takes

function varint(v) {
    const out = [];
    for (v = BigInt.asUintN(64, BigInt(v)); v > 127n; v >>= 7n) out.push(Number(v & 127n) | 128);
    return Buffer.from([...out, Number(v)]);
}
const int = (field, v) => Buffer.concat([varint(field << 3), varint(v)]);
const bytes = (field, b) => Buffer.concat([varint(field << 3 | 2), varint(b.length), b]);
const text = (field, s) => bytes(field, Buffer.from(s));
const sub = (field, ...parts) => bytes(field, Buffer.concat(parts));
function float(field, v) {
    const b = Buffer.alloc(4);
    b.writeFloatLE(v);
    return Buffer.concat([varint(field << 3 | 5), b]);
}

// The nearest float16, ties to even.
function half(v) {
    const sign = v < 0 || Object.is(v, -0) ? 0x8000 : 0, a = Math.abs(v);
    if (Number.isNaN(v)) return 0x7e00;
    if (a >= 65520) return sign | 0x7c00;
    const e = Math.max(-14, Math.floor(Math.log2(a || 2 ** -24))), step = 2 ** (e - 10), q = a / step;
    let r = Math.floor(q);
    if (q - r > 0.5 || (q - r == 0.5 && r % 2)) r++;
    return sign | (e == -14 ? r : r + ((e + 14) << 10));
}

function fromHalf(h) {
    const s = h & 0x8000 ? -1 : 1, e = h >>> 10 & 31, m = h & 1023;
    if (e == 0) return s * m * 2 ** -24;
    return e == 31 ? (m ? NaN : s * Infinity) : s * (1 + m / 1024) * 2 ** (e - 15);
}
// The bfloat16 below, of what it holds itself.
const brain = v => new Uint32Array(new Float32Array([v]).buffer)[0] >>> 16;

const coded = (type, values) => arrays[type].from(values, v => type == T.FLOAT16 ? half(v)
    : type == T.BFLOAT16 ? brain(v) : v);
const raw = a => Buffer.from(a.buffer, a.byteOffset, a.byteLength);
const proto = (name, type, dims, data) => Buffer.concat([...dims.map(d => int(1, d)), int(2, type), text(8, name),
    bytes(9, raw(data))]);

// ---- models

const tensor = (name, type, dims, values) => bytes(5, proto(name, type, dims, coded(type, values)));

function attribute(name, v) {
    if (typeof v == 'string') return sub(5, text(1, name), text(4, v), int(20, 3));
    if (Array.isArray(v)) return sub(5, text(1, name), ...v.map(i => int(8, i)), int(20, 7));
    if (v instanceof Float32Array) return sub(5, text(1, name), ...[...v].map(f => float(7, f)), int(20, 6));
    if (typeof v == 'object') return sub(5, text(1, name), float(2, v.float), int(20, 1));
    return Number.isInteger(v) ? sub(5, text(1, name), int(3, v), int(20, 2))
        : sub(5, text(1, name), float(2, v), int(20, 1));
}
// attrs: integers, fractions ({ float: 1 } for a whole one), texts, lists of integers, Float32Arrays
const node = (op, ins, outs, attrs = {}, domain = '') => sub(1, ...ins.map(i => text(1, i)), ...outs.map(o => text(2, o)),
    text(3, 'n_' + outs[0]), text(4, op), ...Object.entries(attrs).map(([k, v]) => attribute(k, v)), text(7, domain));
// dims: numbers, or names of open dimensions, '' of those that have none; null: nothing is known
const value = (field, { name, type = T.FLOAT, dims }) => sub(field, text(1, name), sub(2, sub(1, int(1, type),
    ...dims ? [sub(2, ...dims.map(d => sub(1, d === '' ? Buffer.alloc(0) : typeof d == 'string' ? text(2, d) : int(1, d))))] : [])));
// domains: others than ONNX's with their versions
const model = ({ opset, domains = {}, parts, ins, outs, ir = 8 }) => Buffer.concat([int(1, ir),
    sub(8, text(1, ''), int(2, opset)), ...Object.entries(domains).map(([d, v]) => sub(8, text(1, d), int(2, v))),
    sub(7, ...parts, text(2, 'g'), ...ins.map(v => value(11, v)), ...outs.map(v => value(12, v)))]);

// ---- reading

// The fields of a message, [number, value] in order: a number, or the bytes of what is nested.
function* fields(b) {
    let at = 0;
    const read = () => {
        let v = 0, unit = 1, c;
        do { c = b[at++]; v += (c & 127) * unit; unit *= 128; } while (c & 128);
        return v;
    };
    while (at < b.length) {
        const key = read(), field = Math.floor(key / 8), wire = key % 8;
        if (![0, 1, 2, 5].includes(wire)) throw new Error(`wire type ${wire}`);
        if (wire == 0) { yield [field, read()]; continue; }
        const size = wire == 2 ? read() : wire == 1 ? 8 : 4;
        yield [field, b.subarray(at, at += size)];
    }
}
const all = (b, field) => [...fields(b)].filter(([f]) => f == field).map(([, v]) => v);
const first = (b, field) => all(b, field)[0];

// ---- running

// { name: { type, dims, values } } as ONNX Runtime takes it; values in coded form
const feed = (ort, ins) => Object.fromEntries(Object.entries(ins).map(([name, { type, dims, data }]) =>
    [name, new ort.Tensor(names[type], type == T.BOOL ? Uint8Array.from(data) : data, dims)]));

const options = { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };

// A tensor of ONNX Runtime's as a file that nt-run takes.
function save(path, t) {
    const type = Number(Object.keys(names).find(k => names[k] == t.type));
    fs.writeFileSync(path, proto('', type, t.dims, t.data));
}

// Numbers in [0, 1), the same in every run (Marsaglia 2003, xorshift of 32 bits).
function noise(seed = 1) {
    let x = seed;
    return () => {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        return (x >>> 0) / 4294967296;
    };
}

module.exports = { T, arrays, names, int, bytes, text, sub, float, half, fromHalf, coded, proto, tensor, attribute, node, value, model,
    feed, options, save, noise, all, first };

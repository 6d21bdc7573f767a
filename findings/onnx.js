// SPDX-License-Identifier: MIT
// Small ONNX models as bytes: model({inputs, outputs, constants, nodes, opset}). Inputs are
// {name: [type, dims]}, outputs {name: type}, constants {name: [type, dims, values]}, nodes
// [operator, inputs, outputs, attributes]; the numbers are those of onnx.proto.
const TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 };

const varint = n => {
    const bytes = [];
    for (n = BigInt.asUintN(64, BigInt(n)); n > 127n; n >>= 7n) bytes.push(Number(n & 127n) | 128);
    return Buffer.from([...bytes, Number(n)]);
};
const number = (field, n) => Buffer.concat([varint(field << 3), varint(n)]);
const piece = (field, b) => {
    const bytes = Buffer.isBuffer(b) ? b : Buffer.from(b);
    return Buffer.concat([varint(field << 3 | 2), varint(bytes.length), bytes]);
};
const real = (field, v) => {
    const b = Buffer.alloc(4);
    b.writeFloatLE(v);
    return Buffer.concat([varint(field << 3 | 5), b]);
};

function attribute(name, v) {
    const kind = typeof v == 'string' ? [piece(4, v), number(20, 3)]
        : v instanceof Array ? [...v.map(n => number(8, n)), number(20, 7)]
        : Number.isInteger(v) ? [number(3, v), number(20, 2)]
        : [real(2, v.float), number(20, 1)]; // {float: 0.5}
    return Buffer.concat([piece(1, name), ...kind]);
}

const node = ([op, inputs, outputs, attributes = {}]) => Buffer.concat([...inputs.map(s => piece(1, s)),
    ...outputs.map(s => piece(2, s)), piece(4, op),
    ...Object.entries(attributes).map(([k, v]) => piece(5, attribute(k, v)))]);

function tensor(name, [type, dims, values]) {
    const put = { float32: 'Float32Array', int64: 'BigInt64Array', int32: 'Int32Array', uint8: 'Uint8Array',
                  int8: 'Int8Array', float64: 'Float64Array', float16: 'Uint16Array' }[type];
    const data = globalThis[put].from(type == 'int64' ? values.map(BigInt) : values);
    return Buffer.concat([...dims.map(d => number(1, d)), number(2, TYPES[type]), piece(8, name),
        piece(9, Buffer.from(data.buffer))]);
}

function value(name, type, dims) {
    const shape = dims ? piece(2, Buffer.concat(dims.map(d => piece(1, number(1, d))))) : Buffer.alloc(0);
    return Buffer.concat([piece(1, name), piece(2, piece(1, Buffer.concat([number(1, TYPES[type]), shape])))]);
}

exports.model = ({ inputs, outputs, constants = {}, nodes, opset = 17, ir = 8 }) => {
    const graph = Buffer.concat([...nodes.map(n => piece(1, node(n))), piece(2, 'g'),
        ...Object.entries(constants).map(([k, v]) => piece(5, tensor(k, v))),
        ...Object.entries(inputs).map(([k, [t, d]]) => piece(11, value(k, t, d))),
        ...Object.entries(outputs).map(([k, t]) => piece(12, value(k, t)))]);
    return Buffer.concat([number(1, ir), piece(7, graph), piece(8, number(2, opset))]);
};

// The fields of a message, [number, value] in order: numbers, or bytes.
exports.fields = function* (b) {
    let at = 0;
    const read = () => {
        let v = 0, unit = 1, c;
        do { c = b[at++]; v += (c & 127) * unit; unit *= 128; } while (c & 128);
        return v;
    };
    while (at < b.length) {
        const key = read(), field = Math.floor(key / 8), wire = key % 8;
        if (wire == 0) { yield [field, read()]; continue; }
        const size = wire == 2 ? read() : wire == 1 ? 8 : 4;
        yield [field, b.subarray(at, at += size)];
    }
};

// SPDX-License-Identifier: MIT
// attention_models.js DIR COUNT: Attention and RotaryEmbedding with shapes, masks, pasts and attributes drawn at
// random, and RMSNormalization, N.onnx, as many of COUNT as ONNX Runtime takes, with N_in0.pb ... and its answers
// N_out0.pb ... Prints N, inputs, outputs and what it is.
const fs = require('fs');
const ort = require('onnxruntime-node');
const { T, names, coded, node, model, feed, options, save, noise } = require('./onnx.js');
const [dir, count] = process.argv.slice(2);
const random = noise(19);
const pick = (...list) => list[Math.floor(random() * list.length)];
const between = (lo, hi) => lo + Math.floor(random() * (hi - lo + 1));
const often = p => random() < p;

function input(name, type, dims, draw) {
    const length = dims.reduce((a, b) => a * b, 1);
    return { name, type, dims, data: coded(type, Array.from({ length }, draw || (() => 3 * random() - 1.5))) };
}

function attention() {
    const opset = pick(23, 24), batch = between(1, 3), kv = between(1, 3), heads = kv * pick(1, 1, 2, 3), size = pick(2, 4, 8, 20);
    const vsize = pick(size, 6), places = between(1, 5), flat = often(0.5), attrs = {};
    const past = often(0.3) ? between(1, 4) : 0, seen = often(0.5) ? places : between(1, 7), all = past + seen;
    const part = (name, h, p, s) => input(name, T.FLOAT, flat ? [batch, p, h * s] : [batch, h, p, s]);
    const ins = [part('q', heads, places, size), part('k', kv, seen, size), part('v', kv, seen, vsize)], used = ['q', 'k', 'v', '', '', ''];
    if (flat) Object.assign(attrs, { q_num_heads: heads, kv_num_heads: kv });
    // with a past and one query ONNX Runtime (1.30) masks nothing, whatever stands behind the past: then as many of both
    if ((!past || seen == places) && often(0.4)) attrs.is_causal = 1;
    if (often(0.3)) attrs.scale = { float: pick(0.1, 0.5, 1) };
    if (often(0.3)) attrs.softcap = { float: pick(0.5, 2) };
    if (often(0.6)) {
        const dims = pick([places, all], [1, 1, places, all], [batch, 1, places, all], [batch, heads, places, all], [1, heads, places, all]);
        used[3] = 'mask'; // the first place is always seen
        ins.push(often(0.5) ? input('mask', T.FLOAT, dims) : input('mask', T.BOOL, dims, (_, i) => i % all == 0 || often(0.6) ? 1 : 0));
    }
    if (past) {
        ins.push(input('pk', T.FLOAT, [batch, kv, past, size]), input('pv', T.FLOAT, [batch, kv, past, vsize]));
        used[4] = 'pk', used[5] = 'pv';
    }
    if (opset == 24 && !past && seen >= places && often(0.3)) {
        ins.push(input('filled', T.INT64, [batch], () => BigInt(between(places, seen))));
        used.push('filled');
    }
    const outs = past || often(0.2) ? ['y', 'nk', 'nv'] : ['y'];
    return { op: 'Attention', opset, ins, outs, used, attrs };
}

function rotary() {
    const batch = between(1, 3), heads = between(1, 4), places = between(1, 6), size = pick(4, 8, 12), flat = often(0.5), attrs = {};
    const turned = often(0.3) ? pick(2, 4) : 0, pairs = (turned || size) / 2, rows = between(places, 9);
    if (flat || turned) attrs.num_heads = heads;
    if (turned) attrs.rotary_embedding_dim = turned;
    if (often(0.5)) attrs.interleaved = 1;
    const ins = [input('x', T.FLOAT, flat ? [batch, places, heads * size] : [batch, heads, places, size])], placed = often(0.6);
    const dims = placed ? [rows, pairs] : [batch, places, pairs];
    ins.push(input('cos', T.FLOAT, dims), input('sin', T.FLOAT, dims));
    if (placed) ins.push(input('at', T.INT64, [batch, places], () => BigInt(between(0, rows - 1))));
    return { op: 'RotaryEmbedding', opset: 23, ins, outs: ['y'], used: ins.map(i => i.name), attrs };
}

function rms() {
    const dims = Array.from({ length: between(1, 4) }, () => between(1, 6)), axis = between(-dims.length, dims.length - 1);
    const ins = [input('x', T.FLOAT, dims), input('scale', T.FLOAT, dims.slice(axis))];
    return { op: 'RMSNormalization', opset: 23, ins, outs: ['y'], used: ['x', 'scale'], attrs: { axis, epsilon: pick(1e-5, 1e-2) } };
}

(async () => {
    let refused = 0;
    for (let n = 0; n < Number(count); n++) {
        const c = pick(attention, attention, attention, rotary, rms)(), file = `${dir}/${n}`;

        fs.writeFileSync(file + '.onnx', model({ opset: c.opset, ir: 10, parts: [node(c.op, c.used, c.outs, c.attrs)], ins: c.ins,
            outs: c.outs.map(name => ({ name, dims: null })) }));
        const what = `${c.op} ${c.opset} ${c.ins.map(i => `${i.name} ${names[i.type]}[${i.dims}]`).join(' ')} ${JSON.stringify(c.attrs)}`;
        try {
            const s = await ort.InferenceSession.create(file + '.onnx', options), given = feed(ort, Object.fromEntries(c.ins.map(i => [i.name, i])));
            const y = await s.run(given);
            c.ins.forEach((v, i) => save(`${file}_in${i}.pb`, given[v.name]));
            c.outs.forEach((v, i) => save(`${file}_out${i}.pb`, y[v]));
            console.log(n, c.ins.length, c.outs.length, what);
        } catch (e) {
            refused++;
            if (process.env.VERBOSE) console.error(what, String(e).slice(0, 300));
        }
    }
    console.error(`ONNX Runtime refused ${refused} of ${count}`);
})().catch(e => { console.error(String(e)); process.exit(1); });

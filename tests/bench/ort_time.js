// SPDX-License-Identifier: MIT
// Times ONNX Runtime on request: reads lines "MODEL NxCxHxW THREADS RUNS", answers each with the
// median of RUNS runs after warm-up, in milliseconds. Prints its version first.
const readline = require('readline');
const ort = require('onnxruntime-node');

async function median(session, shape, runs) {
    const dims = shape.split('x').map(Number);
    const x = new Float32Array(dims.reduce((a, b) => a * b)).map((_, i) => Math.sin(i * 0.1));
    const feed = { [session.inputNames[0]]: new ort.Tensor('float32', x, dims) };
    const times = [];
    for (let i = -3; i < +runs; i++) {
        const start = process.hrtime.bigint();
        await session.run(feed);
        if (i >= 0) times.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
    return times.sort((a, b) => a - b)[times.length >> 1].toFixed(4);
}

// The session goes again: all networks and thread counts at once would hold gigabytes.
async function measure(model, shape, threads, runs) {
    const session = await ort.InferenceSession.create(model,
        { intraOpNumThreads: +threads, interOpNumThreads: 1, graphOptimizationLevel: 'all' });
    try {
        return await median(session, shape, runs);
    } finally {
        await session.release();
    }
}

(async () => {
    console.log(require('onnxruntime-node/package.json').version);
    for await (const line of readline.createInterface({ input: process.stdin }))
        console.log(await measure(...line.split(' ')).catch(e => 'failed ' + e));
})();

// SPDX-License-Identifier: MIT
// Times ONNX Runtime on request: reads lines "MODEL CxHxW THREADS RUNS", answers each with the
// median of RUNS runs of one image after warm-up, in milliseconds. Prints its version first.
const readline = require('readline');
const ort = require('onnxruntime-node');
const sessions = new Map();

async function open(model, threads) {
    const key = `${model} ${threads}`;
    if (!sessions.has(key))
        sessions.set(key, await ort.InferenceSession.create(model,
            { intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all' }));
    return sessions.get(key);
}

async function measure(model, shape, threads, runs) {
    const session = await open(model, +threads);
    const dims = [1, ...shape.split('x').map(Number)];
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

(async () => {
    console.log(require('onnxruntime-node/package.json').version);
    for await (const line of readline.createInterface({ input: process.stdin }))
        console.log(await measure(...line.split(' ')).catch(e => 'failed ' + e));
})();

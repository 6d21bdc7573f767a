// SPDX-License-Identifier: MIT
// ort_start.js MODEL NxCxHxW THREADS: milliseconds from the file to the first answer of ONNX Runtime (a
// session and one run) and the process's peak memory in MB.
const ort = require('onnxruntime-node');

async function main(model, shape, threads) {
    const dims = shape.split('x').map(Number);
    const x = new Float32Array(dims.reduce((a, b) => a * b)).map((_, i) => Math.sin(i * 0.1));
    const start = process.hrtime.bigint();
    const session = await ort.InferenceSession.create(model,
        { intraOpNumThreads: +threads, interOpNumThreads: 1, graphOptimizationLevel: 'all' });
    await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', x, dims) });
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    console.log(ms.toFixed(3), (process.resourceUsage().maxRSS / 1024).toFixed(1));
}

main(...process.argv.slice(2));

// SPDX-License-Identifier: MIT
// tflite_accuracy.js tfjs|litert FOLDER MODEL.tflite: the share of Fashion-MNIST's test images, whose gzipped files FOLDER
// has, that a classifier of [1,28,28,1] gets right in this runtime, in per cent.
const fs = require('fs'), zlib = require('zlib');
const runtimes = require('./tflite_run.js');
const [, , runtime, folder, model] = process.argv;
const MEAN = 0.286, STD = 0.353, SIDE = 28, SIZE = SIDE * SIDE;

const idx = (name, header) => zlib.gunzipSync(fs.readFileSync(`${folder}/${name}`)).subarray(header);

(async () => {
    const { infer } = await (await runtimes[runtime]())(fs.readFileSync(model));
    const images = idx('t10k-images-idx3-ubyte.gz', 16), labels = idx('t10k-labels-idx1-ubyte.gz', 8);
    let right = 0;
    for (let i = 0; i < labels.length; i++) {
        const data = Float32Array.from(images.subarray(i * SIZE, (i + 1) * SIZE), v => (v / 255 - MEAN) / STD);
        const [{ data: row }] = await infer([{ dims: [1, SIDE, SIDE, 1], data }]);
        right += row.indexOf(Math.max(...row)) == labels[i];
    }
    console.log(100 * right / labels.length);
    process.exit(0);
})().catch(e => {
    console.error(String(e));
    process.exit(1);
});

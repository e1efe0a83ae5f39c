import assert from 'node:assert/strict';
import {test} from 'node:test';
import {whyNoCard} from '../../lib/engine/device';

const lib = '7f00-7f01 r-xp 00000000 fe:00 1 /opt';
const cuda = `${lib}/.venv/engine/tensorflow-2.21.0/tensorflow/libtensorflow_cc.so.2\n`;
const cudart = `${lib}/.venv/engine/tensorflow-2.21.0/nvidia/cuda_runtime/lib/libcudart.so.12\n`;
const driver = `${lib}/libcuda.so.1\n`;
const management = `${lib}/libnvidia-ml.so.1\n`;

test('the likeliest reason why no card computes is told with its remedy', () => {
  const cases: [string, string | undefined, RegExp][] = [
    [cuda.replace('tensorflow-2', 'tensorflow-cpu-2'), undefined, /run `LAB_DEVICE=gpu npm run setup`, then/],
    [cuda + cudart, undefined, /driver's libcuda\.so\.1 is not found/],
    [cuda + cudart, '0', /driver's libcuda\.so\.1 is not found/],
    [cuda + cudart + driver, '', /CUDA_VISIBLE_DEVICES is '', which leaves none .* unset it/],
    [cuda + cudart + driver + management, '7', /CUDA_VISIBLE_DEVICES is '7'/],
    [
      cuda + cudart + driver,
      undefined,
      /driver does not begin, or its libnvidia-ml\.so\.1 is not found: `nvidia-smi` tells which/,
    ],
    [
      cuda + driver + management,
      undefined,
      /CUDA's libraries are missing: run `LAB_DEVICE=gpu npm run setup`/,
    ],
    [cuda + cudart + driver + management, undefined, /the driver tells of no card/],
  ];
  for (const [libraries, visible, reason] of cases) {
    const text = whyNoCard({libraries, visible});
    assert.match(text, reason);
    assert.doesNotMatch(text, /\n/);
  }
});

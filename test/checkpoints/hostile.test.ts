/** Every file, however damaged, is either read or refused with a LabError. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {test} from 'node:test';

import {openCheckpoint, writeSafetensors} from '../../lib/checkpoints';
import {LabError} from '../../lib/errors';
import {mulberry32} from '../../lib/random';
import {temporaryFolder} from '../ending';

const fixtures = path.join(__dirname, 'fixtures');

/** Whether the whole of a file can be read; throws what is neither success nor a LabError. */
function readable(file: string): boolean {
  try {
    const checkpoint = openCheckpoint(file);
    try {
      for (const tensor of checkpoint.tensors.values()) tensor.values();
    } finally {
      checkpoint.close();
    }
    return true;
  } catch (error) {
    if (error instanceof LabError) return false;
    throw error;
  }
}

/** Changes to a file, drawn from a seed: some bytes overwritten, or the end cut off. */
function* damages(whole: Buffer, seed: number, count: number): Generator<Buffer> {
  const random = mulberry32(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let i = 0; i < count; i++) {
    if (i % 5 === 0) {
      yield whole.subarray(0, below(whole.length));
      continue;
    }
    const changed = Buffer.from(whole);
    for (let bytes = 1 + below(3); bytes > 0; bytes--) changed[below(changed.length)] = below(256);
    yield changed;
  }
}

test('damaged files are read or refused, never worse', (t) => {
  const folder = temporaryFolder(t);
  const safetensors = path.join(folder, 'small.safetensors');
  writeSafetensors(safetensors, [
    {name: 'w', shape: [4], values: new Float32Array(4)},
    {name: 'b', shape: [], values: new Float32Array(1)},
  ]);
  const pths = fs.readdirSync(fixtures).filter((name) => name.endsWith('.pth'));
  const files = [safetensors, ...pths.map((name) => path.join(fixtures, name))];
  const damaged = path.join(folder, 'damaged');
  files.forEach((file, seed) => {
    const outcomes = new Set<boolean>();
    for (const bytes of damages(fs.readFileSync(file), seed, 400)) {
      fs.writeFileSync(damaged, bytes);
      outcomes.add(readable(damaged));
    }
    assert.ok(outcomes.has(false), `${file}: no damage was noticed`);
  });
});

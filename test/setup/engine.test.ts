import assert from 'node:assert/strict';
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {missingOfCuda} from '../../setup/engine.mjs';
import {temporaryFolder} from '../ending';

test("the CUDA build misses a companion's wheel, another version of it, or a library that was removed", (t) => {
  const folder = temporaryFolder(t, 'lab cuda ');
  const write = (file: string, text = '') => {
    mkdirSync(path.dirname(path.join(folder, file)), {recursive: true});
    writeFileSync(path.join(folder, file), text);
  };
  const lock = 'nvidia-cudnn-cu12==9.1.0.7 \\\n    --hash=sha256:0\n';
  const library = 'nvidia/cudnn/lib/libcudnn.so.9';
  assert.equal(missingOfCuda(folder, lock), 'nvidia-cudnn-cu12 9.1.0.7 is missing');
  write(
    'nvidia_cudnn_cu12-9.1.0.7.dist-info/RECORD',
    `nvidia/cudnn/README,,\n${library},sha256=b,2\nnvidia_cudnn_cu12-9.1.0.7.dist-info/RECORD,,\n`,
  );
  assert.equal(missingOfCuda(folder, lock), `nvidia-cudnn-cu12's ${library} is missing`);
  write(library);
  assert.equal(missingOfCuda(folder, lock), null);
  assert.equal(
    missingOfCuda(folder, lock.replace('9.1.0.7', '9.2.0.1')),
    'nvidia-cudnn-cu12 9.2.0.1 is missing',
  );
});

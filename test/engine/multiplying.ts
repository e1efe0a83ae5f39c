/** Multiplies [32, 256] with [256, 6], as a head does, until so many signals have come. */
import {setImmediate} from 'node:timers/promises';
import {tf} from '../../lib/engine';

async function multiplyUntil(expected: number): Promise<void> {
  let signals = 0;
  process.on('SIGWINCH', () => signals++);
  const [features, weights] = [tf.ones([32, 256]), tf.ones([256, 6])];
  console.log('begun');
  while (signals < expected) {
    for (let i = 0; i < 10; i++) tf.tidy(() => tf.matMul(features, weights).dataSync());
    await setImmediate();
  }
  console.log('multiplied');
}

void multiplyUntil(Number(process.argv[2]));

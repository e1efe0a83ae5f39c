import {existsSync, readFileSync} from 'node:fs';
import type {Precision} from './tables';

const cpuinfo = '/proc/cpuinfo';

/** The precisions in which this processor is quick: bfloat16 only where it has instructions for it. */
export function precisionsAtHand(): Precision[] {
  const flags = existsSync(cpuinfo) ? readFileSync(cpuinfo, 'utf8') : '';
  return /\b(avx512_bf16|amx_bf16)\b/.test(flags) ? ['float32', 'bfloat16'] : ['float32'];
}

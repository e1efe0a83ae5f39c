/** What the processor can do, by what Linux tells of it. */
import {existsSync, readFileSync} from 'node:fs';

/**
 * Whether a processor multiplies bfloat16 by itself: its flags in the text of `/proc/cpuinfo` hold avx512_bf16 or
 * amx_bf16. TensorFlow takes bfloat16 from AVX-512F on, but without these it is slower than float32.
 */
export const multipliesBfloat16 = (cpuinfo: string): boolean =>
  /^flags\s*:.*\b(avx512_bf16|amx_bf16)\b/m.test(cpuinfo);

/** The same of this machine; where there is no such file, it does not. */
export function hasBfloat16Instructions(file = '/proc/cpuinfo'): boolean {
  return existsSync(file) && multipliesBfloat16(readFileSync(file, 'utf8'));
}

/** What the processor can do, by what Linux tells of it. */
import {existsSync, readFileSync} from 'node:fs';

const hasFlag = (cpuinfo: string, flag: string): boolean =>
  new RegExp(`^flags\\s*:.*\\b${flag}\\b`, 'm').test(cpuinfo);

/**
 * Whether a processor multiplies bfloat16 by itself: its flags in the text of `/proc/cpuinfo` hold avx512_bf16 or
 * amx_bf16. TensorFlow takes bfloat16 from AVX-512F on, but without these it is slower than float32.
 */
export const multipliesBfloat16 = (cpuinfo: string): boolean =>
  hasFlag(cpuinfo, 'avx512_bf16') || hasTileRegisters(cpuinfo);

/** Whether a processor has tile registers for bfloat16 (AMX), by the same text. */
export const hasTileRegisters = (cpuinfo: string): boolean => hasFlag(cpuinfo, 'amx_bf16');

/** Whether a processor has AVX-512, by the same text. */
export const hasAvx512 = (cpuinfo: string): boolean => hasFlag(cpuinfo, 'avx512f');

/** What Linux tells of this machine's processor; nothing where there is no such file. */
export const processorText = (file = '/proc/cpuinfo'): string =>
  existsSync(file) ? readFileSync(file, 'utf8') : '';

/** Writes what was measured into bench/RESULTS.md, a section for each kind on each kind of processor. */
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {cpus} from 'node:os';
import {join} from 'node:path';
import {engineReport, hasAvx512, processorText} from '../lib/engine';
import {type Comparison, speedTable, withSection} from './tables';

const file = join(__dirname, 'RESULTS.md');

/** The kind of processor, by what kernels are chosen. */
function processorKind(): string {
  const {tiles, bfloat16} = engineReport();
  if (tiles) return 'with AMX';
  if (bfloat16) return 'with AVX512-BF16';
  return hasAvx512(processorText()) ? 'with AVX-512' : 'without AVX-512';
}

/** Replaces the section of this title: what was measured, in words, the machine, and the tables. */
export function writeSection(title: string, explanation: string, ...tables: string[]): void {
  const {tensorflow, threads} = engineReport();
  const machine = `TensorFlow ${tensorflow}, ${threads} threads, ${cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}.`;
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '# Measured against PyTorch\n';
  writeFileSync(
    file,
    withSection(old, `${title}, ${processorKind()}`, [`${explanation}\n${machine}`, ...tables].join('\n\n')),
  );
}

/** A section of speeds. */
export function report(title: string, explanation: string, comparisons: Comparison[]): void {
  writeSection(title, explanation, speedTable(comparisons));
}

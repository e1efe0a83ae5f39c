import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {RunRecord, RunStore} from '../../lib/runs';

/** What of a stored run does not depend on the clock, its weights and probabilities as digests of their files: plain JSON. */
export interface Outcome {
  id: string;
  name: string | null;
  status: RunRecord['status'];
  configuration: unknown;
  history: unknown[];
  result: unknown;
  weights: string | null;
  probabilities: string | null;
}

export const digest = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

export function outcomeOf(runs: RunStore, record: RunRecord): Outcome {
  const {id, name, status, configuration, history, result} = record;
  const best = runs.bestWeights(id);
  const probabilities = join(runs.folder, id, 'probabilities.safetensors');
  return {
    id,
    name,
    status,
    configuration,
    history: history.map(({seconds: _, valSeconds: __, imagesPerSecond: ___, ...epoch}) => epoch),
    result,
    weights: best && digest(readFileSync(best)),
    probabilities: result && digest(readFileSync(probabilities)),
  };
}

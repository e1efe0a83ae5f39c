import {createHash} from 'node:crypto';
import {canonicalJson} from '../canonical-json';
import type {RunConfiguration} from './record';

/** A configuration with all that makes its run another: besides what is trained, the split's id and the seed. */
export type RunIdentity = RunConfiguration & {split: string; seed: number};

/** For people: 'mobilenet_v2', or 'efficientnet_lite0 for mobilenet_v2' where another network stood in for it. */
export function networkTitle({backbone, network}: RunConfiguration): string {
  return network === backbone ? backbone : `${network} for ${backbone}`;
}

/** For people: 'mobilenet_v2, last 3 stages'. */
export function runTitle(configuration: RunConfiguration): string {
  return `${networkTitle(configuration)}, ${configuration.regime}`;
}

/**
 * A run's identifier, such as `mobilenet_v2-last-3-stages-1a2b3c4d`: backbone and regime, then the first 8 hex digits
 * of the SHA-256 of the whole configuration.
 */
export function runId(configuration: RunConfiguration): string {
  const readable = `${configuration.backbone}-${configuration.regime}`
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-');
  const hash = createHash('sha256').update(canonicalJson(configuration)).digest('hex');
  return `${readable}-${hash.slice(0, 8)}`;
}

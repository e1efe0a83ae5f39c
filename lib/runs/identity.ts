import {createHash} from 'node:crypto';
import {LabError} from '../errors';
import type {RunConfiguration} from './record';

/** A configuration with all that makes its run another: besides what is trained, the split's id and the seed. */
export type RunIdentity = RunConfiguration & {split: string; seed: number};

/**
 * A value's JSON with the keys of objects in order, so that equal values give equal texts; fields that are undefined
 * are left out. Throws a LabError naming the field that JSON cannot hold (a function, NaN, an infinity).
 */
export function canonicalJson(value: unknown, where = 'configuration'): string {
  if (Array.isArray(value)) {
    return `[${value.map((item, index) => canonicalJson(item, `${where}[${index}]`)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field, `${where}.${key}`)}`);
    return `{${fields.join(',')}}`;
  }
  if (value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)) {
    return JSON.stringify(value);
  }
  const found = typeof value === 'number' ? value : `a ${typeof value}`;
  throw new LabError(`${where} is ${found}, which cannot be stored. Give plain JSON, or leave it out.`);
}

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

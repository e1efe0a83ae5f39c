import {createHash} from 'node:crypto';
import {canonicalJson} from '../canonical-json';
import type {RunConfiguration, RunRecord} from './record';
import {regimeName} from './regime';

/** A configuration with all that makes its run another: besides what is trained, the split's id and the seed. */
export type RunIdentity = RunConfiguration & {split: string; seed: number};

/** For people: 'mobilenet_v2', or 'efficientnet_lite0 for mobilenet_v2' where another network stood in for it. */
export function networkTitle({backbone, network}: RunConfiguration): string {
  return network === backbone ? backbone : `${network} for ${backbone}`;
}

/** For people: 'mobilenet_v2, last 3 stages'. */
export function runTitle(configuration: RunConfiguration): string {
  return `${networkTitle(configuration)}, ${regimeName(configuration.regime)}`;
}

/**
 * What a run is called where runs are told apart: its name, else backbone and kind of regime ('mobilenet_v2, last
 * stages'). Of runs that are called the same, the latest takes the place of the others.
 */
export function runName({name, configuration: {backbone, regime}}: RunRecord): string {
  return name ?? `${backbone}, ${regime.kind}`;
}

/** Which state of a set that grows a run was trained on, counted from 1: its split's id tells. */
export function stateOf({configuration: {split}}: RunRecord): number {
  return Number(/@(\d+)/.exec(typeof split === 'string' ? split : '')?.[1] ?? 1);
}

/**
 * A run's identifier, such as `mobilenet_v2-last-3-stages-1a2b3c4d`: backbone and regime, then the first 8 hex digits
 * of the SHA-256 of the whole configuration, `stored` where an earlier version stored it in another form.
 */
export function runId(configuration: RunConfiguration, stored: unknown = configuration): string {
  const readable = `${configuration.backbone}-${regimeName(configuration.regime)}`
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-');
  const hash = createHash('sha256').update(canonicalJson(stored)).digest('hex');
  return `${readable}-${hash.slice(0, 8)}`;
}

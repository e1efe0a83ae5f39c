import {LabError} from '../errors';
import type {Regime} from '../runs';

/** A regime, and one whose frozen stages are kept in the same pass over the photos. */
export type SharedRegime = Regime & {sharing?: Regime};

/**
 * The backbone is frozen, the new head alone is trained. With `sharing`, the output in front of the stages that
 * another regime trains is kept in the same pass over the photos, so that its experiment starts at once.
 */
export const featureExtraction = (options: {sharing?: Regime} = {}): SharedRegime => ({
  kind: 'feature extraction',
  ...options,
});

/** The last `count` stages of the backbone are trained with the head, what comes before is frozen. */
export const lastStages = (count: number): Regime => ({kind: 'last stages', count});

/** The whole network is trained. */
export const everything = (): Regime => ({kind: 'everything'});

/** How many of a backbone's stages a regime freezes; a LabError when it has not that many. */
export function frozenStages(regime: Regime, stages: number): number {
  if (regime.kind === 'feature extraction') return stages;
  if (regime.kind === 'everything') return 0;
  if (!Number.isInteger(regime.count) || regime.count < 1 || regime.count > stages) {
    throw new LabError(
      `lastStages(${regime.count}): this backbone has ${stages} stages. Give 1 to ${stages}.`,
    );
  }
  return stages - regime.count;
}

/**
 * The numbers of frozen stages, ascending, whose output a pass over the photos keeps: the regime's own, and that of the
 * regime that shares the pass.
 */
export function keptStages(regime: SharedRegime, stages: number): number[] {
  const regimes = regime.sharing ? [regime.sharing, regime] : [regime];
  const counts = new Set(regimes.map((sharer) => frozenStages(sharer, stages)));
  return [...counts].filter((count) => count > 0);
}

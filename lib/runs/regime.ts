/** What of a network a run trains, as its configuration holds it: plain data. */
export type Regime =
  {kind: 'feature extraction'} | {kind: 'last stages'; count: number} | {kind: 'everything'};

/** A regime in words: 'feature extraction', 'last 3 stages' or 'everything'. */
export function regimeName(regime: Regime): string {
  if (regime.kind !== 'last stages') return regime.kind;
  return regime.count === 1 ? 'last stage' : `last ${regime.count} stages`;
}

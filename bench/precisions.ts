import {engineReport, type Precision} from '../lib/engine';

/** The precisions in which this processor is quick. */
export const precisionsAtHand = (): Precision[] =>
  engineReport().bfloat16 ? ['float32', 'bfloat16'] : ['float32'];

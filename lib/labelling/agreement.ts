/** A way of labelling held against a sample that a person has checked. */
import {LabError} from '../errors';
import {
  accuracy,
  bootstrapInterval,
  cohensKappa,
  type Confusion,
  confusionMatrix,
  type Interval,
} from '../metrics';
import type {Judgement} from './judgement';

/** A photo of the sample that a way of labelling judges otherwise than the person did. */
export interface Disagreement {
  /** The photo's key. */
  photo: string;
  checked: string;
  judged: string;
  confidence: number;
}

export interface Agreement {
  /** What gave the labels: 'deit_tiny_patch16_224, offline'. */
  way: string;
  classes: readonly string[];
  /** Photos of the sample, and those of them that this way left without a label. */
  checked: number;
  left: number;
  /**
   * Of the photos that have a label: the share on which both agree, its 95 % bootstrap interval, and Cohen's kappa, null
   * where there is nothing beyond chance. All three are null where no photo has a label.
   */
  agreement: number | null;
  interval: Interval | null;
  kappa: number | null;
  /** Photos indexed [checked][judged]. */
  confusion: Confusion;
  /** The surest first. */
  disagreements: readonly Disagreement[];
  /** The one label that it gives to every photo although the sample holds others; null where there is none. */
  only: string | null;
}

/** A label as its giver stands to it; who states no confidence is sure. */
type Given = Pick<Judgement, 'label'> & {confidence: number | null};

/**
 * Holds labels against those of a hand-checked sample, both by the photo's key. Throws a LabError on an empty sample and on
 * a label that is none of the classes.
 */
export function agreementWith(
  sample: ReadonlyMap<string, string>,
  labels: ReadonlyMap<string, Given>,
  {way, classes}: {way: string; classes: readonly string[]},
): Agreement {
  if (sample.size === 0) {
    throw new LabError(`There is no photo to hold "${way}" against. Check some by hand first.`);
  }
  const place = (label: string, whose: string) => placeOf(label, classes, whose);
  const pairs = [...sample].flatMap(([photo, checked]) => {
    const judgement = labels.get(photo);
    const truth = place(checked, 'the sample');
    if (!judgement) return [];
    const {label, confidence} = judgement;
    return [
      {photo, checked, judged: label, confidence: confidence ?? 1, truth, predicted: place(label, way)},
    ];
  });
  const confusion = confusionMatrix(
    pairs.map(({truth}) => truth),
    pairs.map(({predicted}) => predicted),
    classes.length,
  );
  const judged = new Set(pairs.map((pair) => pair.judged));
  const isMixed = new Set(pairs.map(({checked}) => checked)).size > 1;
  const some = pairs.length > 0;
  return {
    way,
    classes,
    checked: sample.size,
    left: sample.size - pairs.length,
    agreement: some ? accuracy(confusion) : null,
    interval: some ? bootstrapInterval(pairs, classes.length, {metric: 'accuracy'}) : null,
    kappa: some ? cohensKappa(confusion) : null,
    confusion,
    disagreements: pairs
      .filter(({truth, predicted}) => truth !== predicted)
      .sort((a, b) => b.confidence - a.confidence)
      .map(({truth: _, predicted: __, ...disagreement}) => disagreement),
    only: judged.size === 1 && isMixed ? [...judged][0] : null,
  };
}

function placeOf(label: string, classes: readonly string[], whose: string): number {
  const place = classes.indexOf(label);
  if (place !== -1) return place;
  throw new LabError(`${whose}: "${label}" is none of the classes ${classes.join(', ')}.`);
}

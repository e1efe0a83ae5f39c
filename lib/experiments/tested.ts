/** What a testing loop of one's own gathered, in the form in which stored runs are shown. */
import {LabError} from '../errors';
import {confusionMatrix, scoresOf} from '../metrics';
import type {Tested} from '../runs';
import type {ExperimentParts} from './experiment';
import type {Workspace} from './workspace';

export interface Gathered {
  /** The true classes of the test photos, in the order of `sources.test.batches('evaluation')`. */
  truth: readonly number[];
  /** The probabilities of all classes for each of them. */
  probabilities: readonly (readonly number[])[];
}

/** Scores and predictions of the test part. Throws a LabError unless there is something gathered for each of its photos. */
export function testedByHand(
  {title, experiment}: Pick<ExperimentParts, 'title' | 'experiment'>,
  {split}: Pick<Workspace, 'split'>,
  {truth, probabilities}: Gathered,
): Tested {
  const {classes, standIns} = experiment;
  const {test} = split.parts;
  for (const [name, {length}] of Object.entries({truth, probabilities})) {
    if (length === test.length) continue;
    throw new LabError(
      `${title}: ${name} has ${length} entries for ${test.length} test photos. Give one for each.`,
    );
  }
  const predicted = probabilities.map((row) => row.indexOf(Math.max(...row)));
  const confusion = confusionMatrix(truth, predicted, classes.length);
  const flat = {truth: Int32Array.from(truth), probabilities: Float32Array.from(probabilities.flat())};
  return {
    title,
    configuration: {classes, standIns},
    result: {
      test: scoresOf(confusion, {loss: NaN, ...flat}),
      confusion,
      predictions: test.map(({picture}, photo) => ({
        path: picture.name,
        truth: truth[photo],
        predicted: predicted[photo],
        probability: probabilities[photo][predicted[photo]],
      })),
    },
  };
}

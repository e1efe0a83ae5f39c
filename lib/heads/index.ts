/** Heads, and what trains: a backbone with a new head, or a whole network. */
export {Classifier} from './classifier';
export {Head, type HeadOptions} from './head';
export {HeadOnFeatures} from './headOnFeatures';
export {
  type Criterion,
  type LayeredLearner,
  type Learner,
  penultimate,
  type Trainable,
  type TrainingPass,
} from './learner';
export {WholeNetwork} from './wholeNetwork';

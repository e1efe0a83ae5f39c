/** Heads, and what trains: a backbone with a new head, or a whole network. */
export {Classifier} from './classifier';
export {Head, type HeadOptions} from './head';
export {type Criterion, type Learner, penultimate, type Trainable, type TrainingPass} from './learner';
export {WholeNetwork} from './wholeNetwork';

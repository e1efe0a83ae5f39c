/** Heads: what stands on a backbone's pooled features, and the classifier that both make. */
export {Classifier, type Trainable} from './classifier';
export {Head, type HeadOptions} from './head';

/**
 * Optimizers by their options, plain data, so that a run's configuration can be stored. `Optimizer` computes what
 * torch.optim computes.
 */
import {LabError} from '../errors';

/** One rate for all, or one for the backbone and one for the new head. */
export type LearningRate = number | {backbone: number; head: number};

export interface SgdOptions {
  learningRate: LearningRate;
  /** Default: 0.9. */
  momentum?: number;
  /** Nesterov's momentum. Default: false. */
  nesterov?: boolean;
  /** L2 penalty added to the gradient. Default: 0. */
  weightDecay?: number;
}

export interface AdamOptions {
  learningRate: LearningRate;
  /** Default: 0.9. */
  beta1?: number;
  /** Default: 0.999. */
  beta2?: number;
  /** Default: 1e-8. */
  epsilon?: number;
  /** Adam: L2 penalty added to the gradient, 0 by default. AdamW: decoupled decay, 0.01 by default. */
  weightDecay?: number;
}

export type OptimizerOptions =
  ({kind: 'sgd'} & Required<SgdOptions>) | ({kind: 'adam' | 'adamw'} & Required<AdamOptions>);

/** Stochastic gradient descent with momentum (Sutskever et al. 2013), as torch.optim.SGD. */
export function sgd(options: SgdOptions): OptimizerOptions {
  return checked({kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0, ...options});
}

const adamDefaults = {beta1: 0.9, beta2: 0.999, epsilon: 1e-8};

/** Adam (Kingma and Ba 2015, arXiv:1412.6980), as torch.optim.Adam. */
export function adam(options: AdamOptions): OptimizerOptions {
  return checked({kind: 'adam', ...adamDefaults, weightDecay: 0, ...options});
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), as torch.optim.AdamW. */
export function adamw(options: AdamOptions): OptimizerOptions {
  return checked({kind: 'adamw', ...adamDefaults, weightDecay: 0.01, ...options});
}

function checked(options: OptimizerOptions): OptimizerOptions {
  const {kind, learningRate, weightDecay} = options;
  const isPair = typeof learningRate === 'object' && (learningRate as unknown) !== null;
  const amounts = {
    ...(isPair
      ? {'learningRate.backbone': learningRate.backbone, 'learningRate.head': learningRate.head}
      : {learningRate}),
    weightDecay,
    ...(kind !== 'sgd' && {epsilon: options.epsilon}),
  };
  for (const [name, value] of Object.entries(amounts as Record<string, number>)) {
    if (!(Number.isFinite(value) && value >= 0)) {
      throw new LabError(
        `${kind}: a ${name} of ${value} cannot be. Give a number of 0 or more, such as 1e-3.`,
      );
    }
  }
  const fractions =
    kind === 'sgd' ? {momentum: options.momentum} : {beta1: options.beta1, beta2: options.beta2};
  for (const [name, value] of Object.entries(fractions)) {
    if (!(value >= 0 && value < 1)) throw new LabError(`${kind}: a ${name} of ${value} is not in [0, 1).`);
  }
  if (kind === 'sgd' && options.nesterov && options.momentum === 0) {
    throw new LabError('sgd: nesterov needs a momentum above 0, such as 0.9.');
  }
  return options;
}

/** The base learning rate of a part of the network. */
export function baseRate({learningRate}: OptimizerOptions, part: 'backbone' | 'head'): number {
  return typeof learningRate === 'number' ? learningRate : learningRate[part];
}

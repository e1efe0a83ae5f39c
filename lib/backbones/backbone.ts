/** A backbone: an architecture with weights, computed stage by stage. */
import {formulaTensor} from '../checkpoints';
import {type Precision, tf, type Tensor, widen} from '../engine';
import {type Architecture, type Extent, originalLogits} from './architecture';
import {type LoadOptions, loadWeights} from './loading';
import type {Net, Value} from './net';
import type {ParameterSpec} from './shapes';
import {InferenceNet, TrainingNet, type TrainingOptions} from './tensors';
import {randomValues, Weights} from './weights';

export interface StageRange {
  /** First stage to compute. Default: 0. */
  from?: number;
  /** Stage to stop before. Default: all. */
  to?: number;
}

/** What a net gives to those who know nothing of narrow tensors. */
const result = (value: Value): Tensor => widen(value as Tensor);

export class Backbone {
  constructor(
    readonly architecture: Architecture,
    readonly weights: Weights,
    /** What its convolutions and matrix products multiply. */
    readonly precision: Precision = 'float32',
  ) {}

  /**
   * Loads weights: safetensors (or the index of a sharded one) or .pth; float32, float16, bfloat16 or float64. They may
   * stand under a prefix or in a dictionary; where several networks fit, `file#ema` means the one under `ema`. A head,
   * original or not, is left out unless the original is asked for. Throws a LabError that names every missing, extra and
   * misshapen tensor, integers, and NaN or infinite numbers.
   */
  static load(architecture: Architecture, file: string, options: LoadOptions = {}): Backbone {
    return new Backbone(architecture, loadWeights(architecture, file, options));
  }

  /** Fills it with seeded random weights: for training from scratch. */
  static random(architecture: Architecture, seed: number, extent: Extent = 'stages'): Backbone {
    return new Backbone(architecture, new Weights(architecture.parameters(extent), randomValues(seed)));
  }

  /** Fills it, original head included, by the formula that stands in for a checkpoint in comparisons with PyTorch. */
  static formula(architecture: Architecture, salt = ''): Backbone {
    const specs = architecture.parameters('whole');
    const values = ({name, shape}: ParameterSpec) => new Float32Array(formulaTensor(name, shape, salt));
    return new Backbone(architecture, new Weights(specs, values));
  }

  /** The same backbone, with the same tensors, in another precision. */
  in(precision: Precision): Backbone {
    return new Backbone(this.architecture, this.weights, precision);
  }

  /**
   * Runs stages on photos [batch, height, width, 3] or on the output of an earlier stage. The caller's net decides
   * whether gradients are recorded.
   */
  run(net: Net, x: Tensor, {from = 0, to = this.architecture.stages.length}: StageRange = {}): Tensor {
    const stages = this.architecture.stages.slice(from, to);
    return result(stages.reduce<Value>((value, stage) => net.block(() => stage.forward(net, value)), x));
  }

  /**
   * Logits of the original head for photos [batch, height, width, 3], and in training those of the auxiliary classifier
   * where the architecture has one. Throws a LabError where there is no original head.
   */
  logits(net: Net, photos: Tensor): {logits: Tensor; auxiliary?: Tensor} {
    const {auxiliary} = this.architecture;
    const tap = auxiliary && net instanceof TrainingNet ? this.tap : 0;
    const map = this.run(net, photos, {to: tap});
    const logits = result(originalLogits(this.architecture, net, this.run(net, map, {from: tap})));
    if (!auxiliary || tap === 0) return {logits};
    return {logits, auxiliary: result(auxiliary.output(net, auxiliary.features(net, map)))};
  }

  /** How many stages come before the auxiliary classifier; 0 where there is none. */
  get tap(): number {
    const {stages, auxiliary} = this.architecture;
    return stages.findIndex(({name}) => name === auxiliary?.after) + 1;
  }

  /** What a head stands on, by default pooled features [batch, width], of a last stage's output. */
  pool(net: Net, map: Tensor): Tensor {
    return result(this.architecture.pool(net, map));
  }

  /** What a head stands on, by default pooled features [batch, width], of photos [batch, height, width, 3], in inference mode. */
  features(photos: Tensor): Tensor {
    const net = this.inference();
    try {
      return tf.tidy(() => this.pool(net, this.run(net, photos)));
    } finally {
      net.dispose();
    }
  }

  /** A net that computes in inference mode with the weights as they are now; dispose it when they change. */
  inference(): InferenceNet {
    return new InferenceNet(this.weights, this.precision);
  }

  /** A net that computes in training mode. */
  training(options: TrainingOptions = {}): TrainingNet {
    return new TrainingNet(this.weights, options, this.precision);
  }

  /** Names of the trainable tensors of the stages from `from` on. */
  trainable(from = 0): string[] {
    const tensors = this.architecture
      .summary()
      .slice(from)
      .flatMap((stage) => stage.tensors);
    return tensors.filter((name) => this.weights.specs.get(name)?.trainable);
  }

  dispose(): void {
    this.weights.dispose();
  }
}

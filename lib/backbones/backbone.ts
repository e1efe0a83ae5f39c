/** A backbone: an architecture with weights, computed stage by stage. */
import {formulaTensor, matchTensors, openCheckpoint} from '../checkpoints';
import {tf, type Tensor} from '../engine';
import type {Architecture} from './architecture';
import type {Net, Value} from './net';
import {InferenceNet, TrainingNet} from './tensors';
import {randomValues, Weights} from './weights';

export interface StageRange {
  /** First stage to compute. Default: 0. */
  from?: number;
  /** Stage to stop before. Default: all. */
  to?: number;
}

export class Backbone {
  constructor(
    readonly architecture: Architecture,
    readonly weights: Weights,
  ) {}

  /**
   * Loads pretrained weights (safetensors or .pth; float32, float16, bfloat16). The original head may be there or not.
   * Throws a LabError that names every missing, extra and misshapen tensor.
   */
  static load(architecture: Architecture, file: string): Backbone {
    const specs = architecture.parameters();
    const checkpoint = openCheckpoint(file);
    try {
      const shapes = new Map([...specs].map(([name, {shape}]) => [name, shape]));
      matchTensors(checkpoint, shapes, {ignore: (name) => architecture.classifier?.owns(name) ?? false});
      return new Backbone(
        architecture,
        new Weights(specs, ({name}) => checkpoint.tensors.get(name)!.values()),
      );
    } finally {
      checkpoint.close();
    }
  }

  /** Fills it with seeded random weights: for demonstrations and for training from scratch. */
  static random(architecture: Architecture, seed: number): Backbone {
    return new Backbone(architecture, new Weights(architecture.parameters(), randomValues(seed)));
  }

  /** Fills it, original head included, by the formula that stands in for a checkpoint in comparisons with PyTorch. */
  static formula(architecture: Architecture, salt = ''): Backbone {
    const values = ({name, shape}: {name: string; shape: number[]}) => formulaTensor(name, shape, salt);
    return new Backbone(architecture, new Weights(architecture.parameters({withClassifier: true}), values));
  }

  /**
   * Runs stages on photos [batch, height, width, 3] or on the output of an earlier stage. The caller's net decides
   * whether gradients are recorded.
   */
  run(net: Net, x: Tensor, {from = 0, to = this.architecture.stages.length}: StageRange = {}): Tensor {
    return this.architecture.stages
      .slice(from, to)
      .reduce<Value>((value, stage) => net.block(() => stage.forward(net, value)), x) as Tensor;
  }

  /** Pooled features [batch, features] of a last stage's output. */
  pool(net: Net, map: Tensor): Tensor {
    return this.architecture.pool(net, map) as Tensor;
  }

  /** Pooled features [batch, features] of photos [batch, height, width, 3], in inference mode. */
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
    return new InferenceNet(this.weights);
  }

  /** A net that computes in training mode. `random` draws dropout; without it nothing is dropped. */
  training(random?: () => number): TrainingNet {
    return new TrainingNet(this.weights, random);
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

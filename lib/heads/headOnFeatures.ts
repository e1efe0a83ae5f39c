import {InferenceNet, TrainingNet, type TrainingOptions} from '../backbones';
import type {NamedValues} from '../checkpoints';
import {tf, type Tensor} from '../engine';
import type {Head} from './head';
import type {Learner, Trainable, TrainingPass} from './learner';

/** A head by itself: what comes in are features of photos that somebody else has computed. It owns the head. */
export class HeadOnFeatures implements Learner {
  constructor(readonly head: Head) {}

  get classes(): number {
    return this.head.classes;
  }

  trainable(): Map<string, Trainable> {
    const {weights} = this.head;
    const names = weights.names().filter((name) => weights.specs.get(name)!.trainable);
    return new Map(names.map((name) => [name, {variable: weights.get(name), part: 'head'}]));
  }

  forTraining(options: TrainingOptions): TrainingPass {
    const net = new TrainingNet(this.head.weights, options);
    return {
      loss: (features, criterion) => {
        const logits = this.head.logits(net, features);
        return {loss: criterion(logits), logits};
      },
      applyUpdates: () => net.applyUpdates(),
      dispose: () => net.dispose(),
    };
  }

  forInference(): {logits(features: Tensor): Tensor; dispose(): void} {
    const net = new InferenceNet(this.head.weights);
    return {
      logits: (features) => tf.tidy(() => this.head.logits(net, features)),
      dispose: () => net.dispose(),
    };
  }

  state(): NamedValues[] {
    const {weights} = this.head;
    return weights.names().map((name) => weights.read(name));
  }

  restore(tensors: Iterable<{name: string; values: Float32Array}>): void {
    for (const {name, values} of tensors) this.head.weights.set(name, values);
  }

  dispose(): void {
    this.head.dispose();
  }
}

import {type Backbone, InferenceNet, TrainingNet} from '../backbones';
import type {NamedValues} from '../checkpoints';
import {tf, type Tensor, type Variable} from '../engine';
import {LabError} from '../errors';
import type {Head} from './head';

/** A tensor that training moves, and the part whose learning rate it has. */
export interface Trainable {
  variable: Variable;
  part: 'backbone' | 'head';
}

/**
 * A backbone whose first `frozen` stages stand still, and a head on it. What comes in is the output of the frozen
 * stages: photos when none is frozen, pooled features when all are.
 */
export class Classifier {
  constructor(
    readonly backbone: Backbone,
    readonly head: Head,
    readonly frozen: number,
  ) {
    const stages = backbone.architecture.stages.length;
    if (!Number.isInteger(frozen) || frozen < 0 || frozen > stages) {
      throw new LabError(
        `${backbone.architecture.name}: cannot freeze ${frozen} stages. Give 0 to ${stages}.`,
      );
    }
  }

  get isFrozen(): boolean {
    return this.frozen === this.backbone.architecture.stages.length;
  }

  /** What training moves, by name: the head's tensors and those of the stages that are not frozen. */
  trainable(): Map<string, Trainable> {
    const found = new Map<string, Trainable>();
    for (const name of this.backbone.trainable(this.frozen)) {
      found.set(name, {variable: this.backbone.weights.get(name), part: 'backbone'});
    }
    for (const name of this.head.weights.names()) {
      found.set(name, {variable: this.head.weights.get(name), part: 'head'});
    }
    return found;
  }

  /**
   * Logits [batch, classes] on the gradient tape, and what must be done after the step: move running statistics, or,
   * where it failed, forget them.
   */
  forTraining(random: () => number): {logits(x: Tensor): Tensor; applyUpdates(): void; dispose(): void} {
    const body = this.backbone.training({random});
    const top = new TrainingNet(this.head.weights, {random});
    return {
      logits: (x) => this.head.logits(top, this.isFrozen ? x : this.rest(body, x)),
      applyUpdates: () => body.applyUpdates(),
      dispose: () => body.dispose(),
    };
  }

  /** Logits [batch, classes] in inference mode with the weights as they are now. */
  forInference(): {logits(x: Tensor): Tensor; dispose(): void} {
    const body = this.backbone.inference();
    const top = new InferenceNet(this.head.weights);
    return {
      logits: (x) => tf.tidy(() => this.head.logits(top, this.isFrozen ? x : this.rest(body, x))),
      dispose: () => {
        body.dispose();
        top.dispose();
      },
    };
  }

  /** The tensors that differ from the pretrained weights: the head and all of the stages that are not frozen. */
  state(): NamedValues[] {
    const {weights, architecture} = this.backbone;
    const moved = architecture
      .summary()
      .slice(this.frozen)
      .flatMap((stage) => stage.tensors);
    return [
      ...moved.map((name) => weights.read(name)),
      ...this.head.weights.names().map((name) => this.head.weights.read(name)),
    ];
  }

  /** Puts such tensors back. */
  restore(tensors: Iterable<{name: string; values: Float32Array}>): void {
    for (const {name, values} of tensors) {
      (this.head.weights.has(name) ? this.head.weights : this.backbone.weights).set(name, values);
    }
  }

  dispose(): void {
    this.backbone.dispose();
    this.head.dispose();
  }

  private rest(net: InferenceNet | TrainingNet, x: Tensor): Tensor {
    return this.backbone.pool(net, this.backbone.run(net, x, {from: this.frozen}));
  }
}

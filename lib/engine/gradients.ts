import type {NamedTensorMap, Scalar, Tensor, Variable} from '@tensorflow/tfjs-node';
import {tf} from './tensorflow';

/** An operation of the forward pass, as tfjs keeps it on its tape. */
interface TapeNode {
  inputs: NamedTensorMap;
  saved?: Tensor[];
  /** Computes the slopes in the inputs, by the inputs' names, from those in the outputs. */
  gradient?: (slopes: (Tensor | null)[]) => Record<string, () => Tensor>;
}

/** What the gradients computed so far needed and no other will, in a pass of `gradients`. */
let spent: Tensor[] | undefined;

/** What a gradient made for itself: it is released as what the gradient was given. */
export function releasedAfterNext(made: Tensor): Tensor {
  spent?.push(made);
  return made;
}

/**
 * tfjs keeps everything that a backward pass has touched until its end. An operation's gradient is complete when the
 * next one's begins, so what only it needed is released then; that halves the memory of a training step. What it hands
 * on as it is stays.
 */
function releaseEarly(tape: TapeNode[]): void {
  const reached = new Set<number>();
  const handedOn = new Set<Tensor>();

  const passedOn = (slope: Tensor, input: Tensor): Tensor => {
    if (spent?.includes(slope)) handedOn.add(slope);
    // tfjs adds the second slope in a tensor to the first.
    else if (reached.has(input.id)) releasedAfterNext(slope);
    reached.add(input.id);
    return slope;
  };

  for (const node of tape) {
    const {gradient, inputs, saved = []} = node;
    if (!gradient) continue;
    node.gradient = (slopes) => {
      tf.dispose(spent?.filter((tensor) => !handedOn.has(tensor)) ?? []);
      spent = [...slopes.filter((slope) => slope !== null), ...saved];
      const found = Object.entries(gradient(slopes));
      return Object.fromEntries(
        found.map(([name, compute]) => [name, () => passedOn(compute(), inputs[name])]),
      );
    };
  }
}

/**
 * A loss and its slope in every variable, by the variables' names. Whatever is thrown on the way leaves no tensor behind:
 * by itself tfjs disposes what it keeps for a backward pass only after one that succeeds.
 */
export function gradients(loss: () => Tensor, variables: Variable[]): {value: Tensor; grads: NamedTensorMap} {
  const {state} = tf.engine();
  try {
    return tf.tidy(() =>
      tf.variableGrads(() => {
        const value = loss() as Scalar;
        spent = [];
        releaseEarly(state.activeTape as unknown as TapeNode[]);
        return value;
      }, variables),
    );
  } catch (error) {
    if (state.gradientDepth === 0) {
      for (const {saved} of state.activeTape ?? []) tf.dispose(saved ?? []);
      state.activeTape = [];
    }
    throw error;
  } finally {
    spent = undefined;
  }
}

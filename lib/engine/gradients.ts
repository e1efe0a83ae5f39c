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
 * next one's begins, so what only it needed is released then; that halves the memory of a training step.
 */
function releaseEarly(tape: TapeNode[]): void {
  const reached = new Set<number>();
  for (const node of tape) {
    const {gradient, inputs, saved = []} = node;
    node.gradient =
      gradient &&
      ((slopes) => {
        tf.dispose(spent);
        spent = [...slopes.filter((slope) => slope !== null), ...saved];
        const found = Object.entries(gradient(slopes)).map(([name, compute]): [string, () => Tensor] => [
          name,
          () => {
            const slope = compute();
            const {id} = inputs[name];
            // The second slope in a tensor is added to the first.
            if (reached.has(id)) releasedAfterNext(slope);
            else reached.add(id);
            return slope;
          },
        ]);
        return Object.fromEntries(found);
      });
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

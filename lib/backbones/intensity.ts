import {type LayerSummary, sizeOf} from './shapes';

/** The layers that are computed as matrix products; a depthwise convolution is not. */
const products = new Set(['convolution', 'linear', 'matrix product']);

/**
 * How many multiply-adds of dense convolutions, linear layers and matrix products there are for each number that the
 * layers give: the arithmetic intensity that decides whether a network's time goes into multiplying or into moving numbers
 * (Williams et al. 2009, doi:10.1145/1498765.1498785).
 */
export function multiplyAddsPerOutput(layers: readonly LayerSummary[]): number {
  const outputs = layers.reduce((sum, {output}) => sum + sizeOf(output), 0);
  const dense = layers.filter(({kind}) => products.has(kind));
  return dense.reduce((sum, {multiplyAdds}) => sum + multiplyAdds, 0) / outputs;
}

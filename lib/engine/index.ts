/** The engine: TensorFlow under tfjs-node, and its native operations with their gradients. Nothing else imports it. */
export {tf, cardMissed, engineReport, peakMemory, type EngineReport} from './tensorflow';
export {gradients} from './gradients';
export {inDoublePrecision} from './precision';
export * from './operations';
export type {Scalar, Tensor, Variable} from '@tensorflow/tfjs-node';

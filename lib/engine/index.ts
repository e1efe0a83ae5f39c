/** The engine: TensorFlow under tfjs-node, and its native operations with their gradients. Nothing else imports it. */
import {engineReport, machine} from './tensorflow';
import {firstWrongProduct} from './trial';

if (engineReport().bfloat16) {
  const wrong = firstWrongProduct();
  if (wrong) {
    machine.bfloat16 = false;
    console.warn(`In bfloat16 this machine's ${wrong} is wrong: all is computed in float32.`);
  }
}

export {firstWrongProduct} from './trial';
export {tf, cardMissed, engineReport, peakMemory, type EngineReport} from './tensorflow';
export {gradients} from './gradients';
export {inDoublePrecision, type Precision} from './precision';
export {hasAvx512, hasTileRegisters, multipliesBfloat16, processorText} from './processor';
export {release, tensorTaking} from './values';
export * from './operations';
export type {Scalar, Tensor, Variable} from '@tensorflow/tfjs-node';

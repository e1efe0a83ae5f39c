export {type Batch, type BatchItem, type BatchOptions, batches, firstBatch} from './batches';
export {type BatchDescription, batchValues, denormalise, describeBatch} from './description';
export {batchCount, type Partition, partition} from './partition';

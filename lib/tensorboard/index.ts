/** TensorBoard: runs and embeddings in the files that it opens. */
export {type BoardObserver, type BoardOptions, tensorBoard} from './board';
export {type Embedding, projector} from './projector';

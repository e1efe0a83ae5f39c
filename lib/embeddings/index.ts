/** What the layer before the last makes of photos: in two dimensions, nearest neighbours, how well it tells classes apart. */
export {embed, type Embeddings, somePhotos} from './embed';
export {inPlane, type PlaneMethod, type PlaneOptions} from './plane';
export {principalComponents} from './principal';
export {type Distance, neighbours, separation, type Separation} from './quality';

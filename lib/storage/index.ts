/** Files that several kernels share: locks, files replaced in one step, files that grow line by line, what is damaged set aside, disk errors in words. */
export {appendLine, appendWhole} from './append';
export {isFull, requireSpace, writing, writingError} from './disk';
export {type ForeignLine, JsonLines} from './json-lines';
export {type Lock, LockHeld, lockHolder, takeLock, tryLock, waitForLock, withLock} from './lock';
export type {LockHolder, WaitOptions} from './lock';
export {createFile, partOf, replaceFile, writeFully, writeJson} from './replace';
export {setAside} from './set-aside';

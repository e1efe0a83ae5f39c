/** Run as a child process: reads a checkpoint, keeps every tensor, and prints the growth of the peak memory in bytes. */
import {openCheckpoint} from '../../lib/checkpoints';

const peak = () => process.resourceUsage().maxRSS * 1024;

const before = peak();
const checkpoint = openCheckpoint(process.argv[2]);
const kept = [...checkpoint.tensors.values()].map((tensor) => tensor.values());
checkpoint.close();
console.log(peak() - before, kept.length);

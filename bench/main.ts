/** Comparisons with PyTorch and of precisions on this machine, how this project scales, and its stress test: npm run bench -- COMMAND [...] */
import {data} from './data';
import {features} from './features';
import {lab} from './lab';
import {scale} from './scale';
import {scores} from './scores';
import {steps} from './steps';
import {stress} from './stress';

const commands: Record<string, (names: string[]) => Promise<void>> = {
  steps,
  features,
  data,
  lab,
  scale,
  scores,
  stress,
};
const [command, ...names] = process.argv.slice(2);

if (command in commands) {
  commands[command](names).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
} else {
  console.error(`Usage: npm run bench -- ${Object.keys(commands).join('|')} [NAME...]`);
  process.exitCode = 2;
}

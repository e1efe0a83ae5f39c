/** Comparisons with PyTorch on this machine, and how this project scales: npm run bench -- COMMAND [NAME...] */
import {features} from './features';
import {lab} from './lab';
import {steps} from './steps';

const commands: Record<string, (names: string[]) => Promise<void>> = {steps, features, lab};
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

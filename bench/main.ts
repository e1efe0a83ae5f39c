/** Comparisons with PyTorch on this machine, and the stress test: npm run bench -- steps|features|stress [NAME...] */
import {features} from './features';
import {steps} from './steps';
import {stress} from './stress';

const commands: Record<string, (names: string[]) => Promise<void>> = {steps, features, stress};
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

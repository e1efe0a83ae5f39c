/** npm run setup: makes a fresh clone into a working lab; done again, it renews what has changed or broken since. */
import {commandLine} from './processes.mjs';
import {setUp, stepsOnDemand} from './steps.mjs';

await commandLine(async () => {
  await setUp({thorough: true, more: stepsOnDemand()});
  console.log('The lab is set up.');
});

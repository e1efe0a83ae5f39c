/** npm run setup: makes a fresh clone into a working lab; done again, it only does what has changed since. */
import {commandLine} from './processes.mjs';
import {setUp} from './steps.mjs';

await commandLine(async () => {
  await setUp();
  console.log('The lab is set up.');
});

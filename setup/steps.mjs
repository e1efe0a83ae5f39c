/** The steps that make a fresh clone into a working lab, in their order. */
import {binding} from './binding.mjs';
import {engine, engineBuild} from './engine.mjs';
import {jupyter} from './jupyter.mjs';
import {library} from './library.mjs';
import {lockFolder} from './lock.mjs';
import {checkNode} from './machine.mjs';
import {npmPackages} from './packages.mjs';
import {SetupError} from './processes.mjs';
import {root} from './project.mjs';
import {findPython, hasTensorBoard, pythonPackages, tensorBoard} from './python.mjs';

/**
 * @typedef {object} Step
 * @property {() => string} title what the step brings
 * @property {() => string | null} missing why the step has to be done, null when all is in place; reads files only
 * @property {() => string | null} works uses what the step has brought: what is wrong with it, null when it works
 * @property {() => void | Promise<void>} perform may be broken off and repeated at any point; renews what does not work
 */

/** @type {Step[]} */
export const steps = [npmPackages, pythonPackages, engine, binding, jupyter, library];

/** The steps of what a command of its own has brought, which the set-up then keeps in order too. */
export const stepsOnDemand = () => (hasTensorBoard() ? [tensorBoard] : []);

/**
 * Does what is missing, with a line for each step, and tries what it has done; quick, silent and without the network
 * when nothing is. Of several at once one does it and the others wait.
 * @param {{thorough?: boolean, more?: Step[]}} [options] `thorough` also tries what is in place, and renews what does
 *   not work; `more` are steps to do after the others
 * @throws {SetupError} before anything is done when this machine cannot run the lab
 */
export async function setUp({thorough = false, more = []} = {}) {
  checkNode(process.versions.node);
  engineBuild();
  const all = [...steps, ...more];
  /** @param {Step} step */
  const isDone = (step) => step.missing() === null && (!thorough || step.works() === null);
  /** @type {(() => void) | undefined} */
  let unlock;
  try {
    for (const [index, step] of all.entries()) {
      if (isDone(step)) continue;
      unlock ??= await lockFolder(root, findPython());
      if (isDone(step)) continue;
      process.stdout.write(`[${index + 1}/${all.length}] ${step.title()} ... `);
      const start = performance.now();
      await bring(step);
      console.log(`${Math.round((performance.now() - start) / 1000)} s`);
    }
  } finally {
    unlock?.();
  }
}

/**
 * Performs a step and uses what it has brought.
 * @param {Step} step
 * @throws {SetupError} when that does not work
 */
export async function bring(step) {
  await step.perform();
  const fault = step.missing() ?? step.works();
  if (fault === null) return;
  throw new SetupError(
    `${step.title()}: installed, but ${fault}. Run: npm run doctor, which examines the whole set-up.`,
  );
}

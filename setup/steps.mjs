/** The steps that make a fresh clone into a working lab, in their order. */
import {binding} from './binding.mjs';
import {engine, engineBuild} from './engine.mjs';
import {jupyter} from './jupyter.mjs';
import {library} from './library.mjs';
import {checkNode} from './machine.mjs';
import {npmPackages} from './packages.mjs';
import {pythonPackages} from './python.mjs';

/**
 * @typedef {object} Step
 * @property {() => string} title what the step brings
 * @property {() => string | null} missing why the step has to be done, null when all is in place; reads files only
 * @property {() => void | Promise<void>} perform may be broken off and repeated at any point
 */

/** @type {Step[]} */
export const steps = [npmPackages, pythonPackages, engine, binding, jupyter, library];

/**
 * Does what is missing, with a line for each step; quick, silent and without the network when nothing is.
 * @throws {import('./processes.mjs').SetupError} before anything is done when this machine cannot run the lab
 */
export async function setUp() {
  checkNode(process.versions.node);
  engineBuild();
  for (const [index, step] of steps.entries()) {
    if (step.missing() === null) continue;
    process.stdout.write(`[${index + 1}/${steps.length}] ${step.title()} ... `);
    const start = performance.now();
    await step.perform();
    console.log(`${Math.round((performance.now() - start) / 1000)} s`);
  }
}

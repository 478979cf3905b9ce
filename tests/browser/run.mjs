// SPDX-License-Identifier: Apache-2.0
// All browser tests, as TAP: node tests/browser/run.mjs [part of a name]
import './budgets.mjs';
import { stopDemo } from './demo.mjs';
import { quit, runAll } from './lib.mjs';
import { stopTracking } from './tracking.mjs';
import { stop } from './views.mjs';
import './watching.mjs';

const failed = await runAll(process.argv[2] ?? '');
stop();
await stopDemo();
await stopTracking();
await quit();
process.exit(failed ? 1 : 0);

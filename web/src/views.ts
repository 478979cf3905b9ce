// SPDX-License-Identifier: Apache-2.0
// Every page's code. Small pages are in the first bundle, so that going to them costs one request;
// a page with a heavy library is a chunk of its own.
import type { ComponentType } from 'preact';
import type { ViewProps } from './state';
import type { ViewName } from './types';
import compare from './views/compare';
import datasets from './views/datasets';
import endpoints from './views/endpoints';
import home from './views/home';
import missing from './views/missing';
import model from './views/model';
import models from './views/models';
import run from './views/run';
import runs from './views/runs';
import version from './views/version';

type AnyView = ComponentType<ViewProps<any>>;

const ready: Partial<Record<ViewName | 'missing', AnyView>> = { compare, datasets, endpoints, home, missing, model, models, run, runs, version };
const lazy: Partial<Record<ViewName, () => Promise<{ default: AnyView }>>> = {
  audit: () => import('./views/audit'), dataset: () => import('./views/dataset'), endpoint: () => import('./views/endpoint'), alerts: () => import('./views/alerts'), monitor: () => import('./views/monitor'), feature: () => import('./views/feature'),
  performance: () => import('./views/performance'), story: () => import('./views/story'), experiments: () => import('./views/experiments'), trash: () => import('./views/trash'),
};

export async function loadView(name: ViewName | 'missing'): Promise<AnyView> {
  return ready[name] ?? (await lazy[name as ViewName]!()).default;
}

// SPDX-License-Identifier: Apache-2.0
// Every page against the stand-in server: typical, empty, huge, broken; each language and theme;
// narrow; keyboard only.
import { axe, calm, check, close, equal, fits, nodes, open, shot, test, visit } from './lib.mjs';
import { startMock } from './mock.mjs';

const RUN = 'latest';
export const routes = ['/', '/runs', `/runs/${RUN}`, `/runs/${RUN}?tab=model`, `/runs/${RUN}?tab=charts`, `/runs/${RUN}?tab=artifacts&file=README.md`, `/runs/${RUN}?tab=artifacts&file=data/table.csv`, `/runs/${RUN}?tab=artifacts&file=data/rows.parquet`, `/runs/${RUN}?tab=log`, '/compare?model=diabetes&versions=1,2', '/models', '/models/greeting', '/models/diabetes', '/models/diabetes/2', '/models/diabetes/2?tab=model',
  '/models/diabetes/2?tab=slices', '/models/diabetes/2?tab=explain', '/models/diabetes/2?tab=origin', '/models/diabetes/2?tab=facts', '/models/diabetes/2?tab=files', '/endpoints', '/endpoints/diabetes', '/endpoints/diabetes/monitor', '/endpoints/diabetes/monitor/bmi', '/endpoints/diabetes/monitor/clinic', '/endpoints/diabetes/performance', '/endpoints/diabetes/story', '/alerts', '/alerts?show=all', '/datasets', '/datasets/diabetes', '/datasets/diabetes?view=table', '/audit', '/trash', '/experiments', '/nothing/here/at/all'];

const mock = {};
const server = async (state) => (mock[state] ??= await startMock({ state }));
export const stop = () => Object.values(mock).forEach((m) => m.close());
const nameOf = (path) => path.replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'home';

for (const lang of ['en', 'zh-CN'])
  for (const theme of ['light', 'dark'])
    test(`views: ${lang} ${theme}: no violation, no complaint, within the node budget, on ${routes.length} pages`, async () => {
      const m = await server('typical'), page = await open({ lang, theme });
      for (const path of routes) {
        await visit(page, m.url, path);
        equal(await page.evaluate(() => document.documentElement.lang), lang, path);
        await axe(page, path);
        await nodes(page, path);
        await fits(page, path);
        if (lang === 'en' || theme === 'light') await shot(page, `mock-${nameOf(path)}-${lang}-${theme}`);
      }
      calm(page, `${lang} ${theme}`);
      await close(page);
    });

test('views: 360 px wide: nothing sticks out, no violation', async () => {
  const m = await server('typical'), page = await open({ width: 360, height: 740 });
  for (const path of routes) {
    await visit(page, m.url, path);
    await fits(page, path);
    await axe(page, `${path} at 360 px`);
    if (['/', '/endpoints/diabetes', '/models/diabetes/2', '/runs'].includes(path)) await shot(page, `mock-${nameOf(path)}-narrow`);
  }
  await page.click('.side button[aria-expanded]');
  check(await page.isVisible('nav a[href="/audit"]'), 'the menu opens');
  await axe(page, 'menu at 360 px');
  calm(page, 'narrow');
  await close(page);
});

test('views: words a third longer still fit, wide and narrow', async () => {
  const m = await server('typical');
  for (const width of [1280, 360]) {
    const page = await open({ width });
    for (const path of routes) {
      await visit(page, m.url, path);
      await page.evaluate(() => {
        const walk = document.createTreeWalker(document.querySelector('.shell'), NodeFilter.SHOW_TEXT);
        const all = [];
        while (walk.nextNode()) if (!walk.currentNode.parentElement.closest('code, pre, .num, svg')) all.push(walk.currentNode);
        for (const n of all) n.data = n.data.replace(/[\p{L}]{3,}/gu, (w) => w + w.slice(0, Math.ceil(w.length * 0.3)));
      });
      await fits(page, `${path} at ${width} px`);
    }
    await close(page);
  }
});

test('views: forced colours keep every page without violation', async () => {
  const m = await server('typical'), page = await open({ forcedColors: 'active' });
  for (const path of ['/', '/runs', '/models/diabetes/2', '/endpoints/diabetes']) {
    await visit(page, m.url, path);
    await axe(page, `${path} in forced colours`);
  }
  await shot(page, 'mock-forced-colors');
  await close(page);
});

test('views: empty: says why and shows a command', async () => {
  const m = await server('empty'), page = await open();
  for (const path of ['/', '/runs', '/models', '/endpoints', '/datasets', '/audit', '/trash']) {
    await visit(page, m.url, path);
    check(await page.locator('.empty').count() > 0, `${path} explains itself`);
    check(/slipway /.test(await page.locator('main').innerText()), `${path} shows a command`);
    await axe(page, `${path} empty`);
  }
  await shot(page, 'mock-empty');
  calm(page, 'empty');
  await close(page);
});

test('views: 100,000 runs × 1,000 columns: bounded nodes, far rows and columns, order by the server', async () => {
  const m = await server('huge'), page = await open();
  const all = Array.from({ length: 1000 }, (_, i) => `metrics.m${i}`);
  await visit(page, m.url, `/runs?columns=name,status,${all.join(',')}`);
  await page.waitForSelector('.grid-row .grid-link');
  equal(await page.getAttribute('[role=grid]', 'aria-rowcount'), '100001', 'rows that are said to be there');
  equal(await page.getAttribute('[role=grid]', 'aria-colcount'), '1003', 'columns that are said to be there');
  await nodes(page, '/runs');
  await axe(page, '/runs huge');
  await page.evaluate(() => { const box = document.querySelector('.grid'); box.scrollTop = box.scrollHeight; box.scrollLeft = box.scrollWidth; });
  await page.waitForSelector('[aria-rowindex="100001"] .grid-link:has-text("run-99999")');
  await page.waitForFunction(() => /^[\d.]+$/.test(document.querySelector('[aria-rowindex="100001"] [aria-colindex="1003"]')?.textContent ?? ''));
  check(await page.isVisible('[role=columnheader]:has-text("m999")'), 'the last column has its header');
  await nodes(page, '/runs at its end');
  await axe(page, '/runs at its end');
  for (let i = 0; i < 20; i++) await page.evaluate((y) => { document.querySelector('.grid').scrollTop = y; }, i * 170_000);
  await nodes(page, '/runs after scrolling');
  await page.evaluate(() => { const box = document.querySelector('.grid'); box.scrollTop = 0; box.scrollLeft = 0; });
  await page.waitForSelector('[aria-rowindex="2"] .grid-link:has-text("run-0")');
  await page.click('.grid-th:has-text("m1")');
  await page.waitForURL(/order_by=metrics.m1/);
  await page.waitForFunction(() => document.querySelector('[role=columnheader][aria-sort=descending]'));
  await page.waitForFunction(() => Number(document.querySelector('[aria-rowindex="2"] [aria-colindex="5"]')?.textContent) > 99);
  await shot(page, 'mock-runs-huge');
  calm(page, 'huge');
  await close(page);
});

test('views: the grid by keyboard: arrows, ends, order, selection by range, that stays', async () => {
  const m = await server('huge'), page = await open();
  const at = () => page.evaluate(() => { const c = document.activeElement?.closest('[data-cell]'); return c ? c.dataset.cell : document.activeElement?.tagName; });
  await visit(page, m.url, '/runs');
  await page.waitForSelector('.grid-row .grid-link');
  equal(await page.locator('.grid [tabindex="0"]').count(), 1, 'one Tab stop');
  await page.focus('.grid [tabindex="0"]');
  equal(await at(), '-1:1', 'it begins at the header');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  equal(await at(), '1:1', 'arrows go down');
  equal(await page.evaluate(() => document.activeElement.tagName), 'A', 'the link in the cell has the focus');
  await page.keyboard.press(' ');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Shift+ ');
  equal(await page.locator('.grid-row[aria-selected=true]').count(), 3, 'a range is selected');
  await page.keyboard.press('End');
  await page.keyboard.press('Control+End');
  await page.waitForFunction(() => document.activeElement?.closest('[data-cell^="99999:"]'));
  equal(await page.locator('.grid [tabindex="0"]').count(), 1, 'one Tab stop at the end');
  await page.keyboard.press('Control+Home');
  await page.waitForFunction(() => document.activeElement?.closest('[data-cell="0:0"]'));
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.waitForURL(/order_by=status/);
  await page.waitForSelector('button:has-text("Compare 3")');
  await page.click('button:has-text("Columns")');
  await page.fill('.chooser input[type=search]', 'm77');
  await page.click('.chooser label:has-text("lowest m77")');
  await page.waitForURL(/metrics_min\.m77/);
  await page.fill('.chooser input[type=search]', 'never.seen');
  await axe(page, 'column chooser');
  await page.click('.chooser label:has-text("metric never.seen")');
  await page.waitForURL(/metrics\.never\.seen/);
  await page.keyboard.press('Escape');
  await page.reload();
  await page.waitForSelector('.grid-row .grid-link');
  await page.evaluate(() => { document.querySelector('.grid').scrollLeft = 1e6; });
  await page.waitForSelector('[role=columnheader]:has-text("never.seen")');
  calm(page, 'grid by keyboard');
  await close(page);
});

test('views: 100 runs × 1,000 points in charts: no spike lost, smoothing, log, time, table', async () => {
  const m = await server('typical'), page = await open();
  const ids = Array.from({ length: 100 }, (_, i) => (0x10000000 + i).toString(16)).join(',');
  await visit(page, m.url, `/compare?runs=${ids}`);
  await page.locator('.metric-chart').first().scrollIntoViewIfNeeded();
  await page.waitForSelector('.metric-chart canvas');
  check((await page.locator('.metric-chart figcaption').first().textContent()).includes('100,000 points, from 2') , 'what the chart says');
  check(/to 60/.test(await page.locator('.metric-chart figcaption').first().textContent()), 'the spike is there');
  await nodes(page, 'charts of 100 runs');
  await axe(page, 'charts of 100 runs');
  await page.fill('.chart-tools input[type=range]', '0.6');
  await page.waitForURL(/smooth=0.6/);
  await page.click('button:has-text("Logarithmic")');
  await page.waitForURL(/log=1/);
  await page.selectOption('.chart-tools select', 'time');
  await page.waitForURL(/x=time/);
  await page.focus('.metric-chart .uplot-box');
  await page.keyboard.press('End');
  check(/run-0/.test(await page.locator('.metric-chart .readout').first().textContent()), 'keys walk the points');
  await shot(page, 'mock-charts-100');
  await page.locator('.metric-chart .link-button').first().click();
  check(await page.locator('.metric-chart table').count() === 1, 'the chart as a table');
  calm(page, 'charts');
  await close(page);
});

test('views: 500 runs compared: pages of columns beside the baseline, equal rows folded', async () => {
  const m = await server('typical'), page = await open();
  const ids = Array.from({ length: 500 }, (_, i) => (0x1000000000 + i).toString(16)).join(',');
  await visit(page, m.url, `/compare?runs=${ids}`);
  await nodes(page, 'compare of 500');
  await axe(page, 'compare of 500');
  check((await page.textContent('main')).includes('37 equal'), 'equal rows are folded with their number');
  check((await page.textContent('main')).includes('1–8 of 499'), 'which columns are shown');
  await page.click('button[aria-label="The next columns"]');
  check((await page.textContent('main')).includes('9–16 of 499'), 'the next columns');
  check((await page.textContent('table.compare thead')).includes('run-0'), 'the baseline stays');
  await page.click('button[aria-label="as baseline: run-9"]');
  await page.waitForURL(/base=9/);
  await shot(page, 'mock-compare-500');
  calm(page, 'compare of 500');
  await close(page);
});

test('views: artifacts: each kind has its view, nothing large unasked, a web page reaches nothing', async () => {
  const m = await server('typical'), page = await open();
  await visit(page, m.url, `/runs/${RUN}?tab=artifacts`);
  await page.click('.file:has-text("README.md")');
  await page.waitForSelector('.markdown h3');
  check(await page.locator('.markdown table td').count() === 2 && await page.locator('.markdown li code').count() === 1, 'Markdown as elements');
  equal(await page.locator('.markdown a').count(), 1, 'only the link to a web address');
  check((await page.textContent('.markdown')).includes('<script>'), 'HTML stays text');
  await page.click('button:has-text("As text")');
  await page.waitForSelector('pre.log:has-text("# Report")');
  await page.click('.file:has-text("data/")');
  await page.click('.file:has-text("table.csv")');
  await page.waitForSelector('.file-view th:has-text("a, b")');
  check((await page.textContent('.file-view')).includes('501 rows, 2 columns'), 'the size of the table');
  await nodes(page, 'a table of 501 rows');
  await page.click('.file:has-text("conf.json")');
  await page.waitForSelector('.json-fold');
  await axe(page, 'JSON tree');
  await page.click('.file:has-text("plots/")');
  await page.click('.file:has-text("curve.svg")');
  await page.waitForFunction(() => document.querySelector('.picture img')?.naturalWidth === 200);
  await page.click('.file:has-text("big.txt")');
  page.sent.length = 0;
  await page.waitForSelector('button:has-text("Load it")');
  check(!page.sent.some((r) => r.path.startsWith('/get-artifact')), 'a large file waits to be asked for');
  await page.click('button:has-text("Load it")');
  await page.waitForSelector('pre.log:has-text("xxxx")');
  calm(page, 'artifacts');
  await page.click('.file:has-text("page.html")');
  const frame = page.frameLocator('iframe.foreign');
  await frame.locator('#p:has-text("ran kept in")').waitFor();
  equal(await page.getAttribute('iframe.foreign', 'sandbox'), 'allow-scripts', 'rights of the frame');
  check(!/owned/.test(await page.title()), 'the page is untouched');
  await shot(page, 'mock-artifacts-html');
  await page.click('.file:has-text("model.pkl")');
  await page.waitForSelector('.empty:has-text("not shown")');
  check(/file=model.pkl/.test(page.url()), 'the file is in the address');
  await close(page);
});

test('views: a prompt is shown as its text, not as a model to deploy', async () => {
  const m = await server('typical'), page = await open();
  await visit(page, m.url, '/models');
  await page.click('main a:has-text("greeting")');
  await page.waitForSelector('pre.prompt');
  check((await page.textContent('pre.prompt')).includes('Hello {{ name }}, version 2'), 'the newest text first');
  check(/name.*language/.test(await page.textContent('main')), 'its variables');
  equal(await page.locator('button:has-text("Deploy")').count(), 0, 'buttons to deploy');
  await shot(page, 'mock-prompt');
  calm(page, 'prompt');
  await close(page);
});

test('views: an error shows reason, request id, retry and the commands', async () => {
  const m = await server('error'), page = await open();
  await visit(page, m.url, '/models');
  const text = await page.locator('main').innerText();
  for (const part of ["cannot read 'slipway.db'", '0192f3a0-mock', 'Try again', 'slipway model ls', 'curl http'])
    check(text.includes(part), `the error shows ${part}`);
  await axe(page, 'error');
  await shot(page, 'mock-error');
  await close(page);
});

test('views: a wrong filter is told under the box and the rows stay', async () => {
  const m = await server('typical'), page = await open();
  await visit(page, m.url, '/runs');
  await page.fill('[data-filter]', 'wrong < 1');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#filter-error');
  check((await page.textContent('#filter-error')).includes("unknown name 'wrong'"), 'the server\'s words');
  check(await page.locator('.grid-row').count() > 5, 'the rows stay');
  await axe(page, 'wrong filter');
  await page.fill('[data-filter]', 'metr');
  await page.waitForSelector('.suggest li');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  check((await page.inputValue('[data-filter]')).startsWith('metrics.'), 'a name was completed');
  await close(page);
});

test('views: a route change is one request', async () => {
  const m = await server('typical'), page = await open();
  await visit(page, m.url, '/');
  await page.waitForTimeout(800);
  for (const [link, most] of [['nav a[href="/runs"]', 1], ['nav a[href="/models"]', 1], ['main a[href="/models/diabetes"]', 1], ['nav a[href="/endpoints"]', 1], ['main a[href="/endpoints/diabetes"]', 2], ['nav a[href="/audit"]', 2]]) {
    page.sent.length = 0;
    await Promise.all([page.waitForResponse((r) => r.url().includes('/api/v1/view/')), page.click(link)]);
    await page.waitForTimeout(300); /* for requests that should not come */
    const sent = page.sent.filter((r) => !/\/api\/v1\/endpoints\//.test(r.path));
    check(sent.length <= most, `${link}: ${sent.map((r) => r.path).join(' ')}`);
    check(sent.some((r) => r.path.startsWith('/api/v1/view/')), `${link} asked for its view`);
  }
  calm(page, 'navigation');
  await close(page);
});

test('views: keyboard only: skip link, palette, go, filter, rows, selection, compare, tabs, help', async () => {
  const m = await server('typical'), page = await open();
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
  await visit(page, m.url, '/');
  await page.keyboard.press('Tab');
  check((await focused()).startsWith('Skip'), 'the first stop is the skip link');
  await page.keyboard.press('Enter');
  equal(await page.evaluate(() => document.activeElement?.id), 'main', 'skipped to');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('dialog[open] [role=option]');
  await axe(page, 'palette');
  await page.keyboard.type('audit');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/audit$/);
  await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
  await page.keyboard.press('g');
  await page.keyboard.press('r');
  await page.waitForURL(/\/runs$/);
  await page.waitForSelector('.grid-row .grid-link');
  await page.keyboard.press('/');
  equal(await page.evaluate(() => document.activeElement?.hasAttribute('data-filter')), true, 'slash goes to the filter');
  await page.keyboard.type('gr?');
  check(page.url().endsWith('/runs'), 'keys are text while typing');
  await page.fill('[data-filter]', '');
  await page.evaluate(() => document.activeElement.blur());
  for (const k of ['j', 'x', 'j', 'x', 'c']) await page.keyboard.press(k);
  await page.waitForURL(/\/compare\?runs=/);
  await page.goBack();
  await page.waitForURL(/\/runs$/);
  await visit(page, m.url, '/models/diabetes/2');
  await page.keyboard.press('2');
  await page.waitForURL(/tab=model/);
  await page.focus('.chart svg');
  await page.keyboard.press('ArrowRight');
  check(/Fitted/.test(await page.textContent('.readout')), 'arrows walk the points');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open] .keys');
  await axe(page, 'help');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('dialog[open]'));
  check(await page.evaluate(() => document.activeElement?.tagName === 'svg'), 'the focus returns to where it was');
  calm(page, 'keyboard');
  await close(page);
});

test('views: the focused row is never under the sticky header', async () => {
  const m = await server('huge'), page = await open();
  await visit(page, m.url, '/runs');
  await page.waitForSelector('.grid-row .grid-link');
  await page.evaluate(() => { document.querySelector('.grid').scrollTop = 900; });
  await page.waitForSelector('[aria-rowindex="40"]');
  await page.keyboard.press('j');
  for (let i = 0; i < 12; i++) await page.keyboard.press('j');
  for (let i = 0; i < 30; i++) await page.keyboard.press('k');
  const hidden = await page.evaluate(() => {
    const r = document.activeElement.getBoundingClientRect(), h = document.querySelector('.grid-head').getBoundingClientRect();
    return !document.activeElement.closest('.grid-row') || r.top < h.bottom - 1;
  });
  check(!hidden, 'the focused link lies below the header');
  await close(page);
});

test('views: dialogs promote, refuse and roll back, and show both commands', async () => {
  const m = await server('typical'), page = await open();
  await visit(page, m.url, '/endpoints/diabetes');
  await page.click('button:has-text("Promote")');
  await page.waitForSelector('dialog[open]');
  await axe(page, 'promote dialog');
  await page.selectOption('dialog select', '4');
  await page.fill('dialog input', "it's better");
  const text = await page.locator('dialog').innerText();
  check(text.includes("slipway promote diabetes --to 4 --reason 'it'\\''s better'"), 'the CLI line');
  check(/curl http\S+\/api\/v1\/endpoints\/diabetes:promote/.test(text), 'the curl line');
  await shot(page, 'mock-promote-dialog');
  page.complaints.length = 0;
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('dialog .inline-error');
  check((await page.textContent('dialog .inline-error')).includes('did not pass'), 'why it was refused');
  await axe(page, 'refused dialog');
  page.complaints = page.complaints.filter((c) => !/409/.test(c)); /* the browser reports the answer itself */
  await page.selectOption('dialog select', '3');
  await page.click('dialog button[type=submit]');
  await page.waitForFunction(() => !document.querySelector('dialog[open]') && /v3/.test(document.querySelector('.key-facts').textContent));
  calm(page, 'dialogs');
  await close(page);
});

test('views: a run shows what it warned of, and why its stages ran in the language of the page', async () => {
  const m = await server('typical'), page = await open({ lang: 'zh-CN' });
  await visit(page, m.url, `/runs/${RUN}`);
  await page.waitForSelector(`.banner-warn:has-text("column 's3' has 7 missing values")`);
  await page.waitForSelector('.stage-why:has-text("没有变化")');
  await page.waitForSelector('.stage-why:has-text("clean 有变化")');
  await visit(page, m.url, '/');
  await page.waitForSelector('.needs:has-text("最近一次运行失败：被 validate 拒绝：rmse 71.3 > 60")');
  calm(page, 'warnings of a run');
  await close(page);
});

test('views: language and colours change at once and are remembered', async () => {
  const m = await server('typical'), page = await open();
  await visit(page, m.url, '/models');
  await page.click('.side-foot button:has-text("Display")');
  await page.click('input[value="zh-CN"]');
  await page.waitForSelector('h1:has-text("模型")');
  await page.click('input[value="dark"]');
  equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'theme');
  await axe(page, 'display menu');
  await page.reload();
  await page.waitForSelector('h1:has-text("模型")');
  equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'theme after a reload');
  calm(page, 'preferences');
  await close(page);
});

test('views: the form asks the endpoint and shows what moved the answer', async () => {
  const m = await server('typical'), page = await open();
  await visit(page, m.url, '/endpoints/diabetes');
  await page.click('form.try button[type=submit]');
  await page.waitForSelector('.prediction');
  equal((await page.textContent('.prediction')).trim(), '206.117', 'the prediction');
  check(await page.locator('.contributions li').count() === 10, 'ten contributions');
  await axe(page, 'prediction');
  for (const toggle of await page.locator('figure .link-button').all()) await toggle.click();
  check(await page.locator('figure table').count() >= 2, 'charts as tables');
  await axe(page, 'charts as tables');
  calm(page, 'try it');
  await close(page);
});

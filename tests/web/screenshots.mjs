// Pictures of every view: node tests/web/screenshots.mjs FOLDER [NAME...]
//
// In light and dark, for a desk and for a phone; with NAMEs, like overview-light-1440, only those.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { items, members, openBrowser, openPage, Server } from './support.mjs';

const [folder, ...names] = process.argv.slice(2);
const widths = [1440, 390];

// A cluster with something to see: uneven members, one that drains, one that is too small by now.
async function populate(server) {
    await server.write(members(8, (n) => 60 + 20 * (n % 3)));
    await server.write(items(480, 3));
    await server.write(items(60, 2, (n) => `jobs/nightly-${n}`));
    await server.settle();
    await server.request('POST', '/v1/members/zone-b/m-03/drain', {});
    await server.request('PATCH', '/v1/members/zone-c/m-02', { item_limit: 40 });
    await server.request('PUT', '/v1/members/zone-a/web-1', { item_limit: 80, ttl_seconds: 600, session: 'a-secret-of-16-or-more' });
    await server.settle();
}

const views = {
    overview: { path: '#/' },
    trouble: {
        path: '#/',
        async before(server) {
            await server.request('PUT', '/v1/items/everywhere', { replication: 40 });
            await server.settle();
            await server.request('PUT', '/v1/allocator', { paused: 'rebalance', reason: 'new switches in zone-b' });
        },
        async after(server) {
            await server.request('DELETE', '/v1/items/everywhere', {});
            await server.request('PUT', '/v1/allocator', { paused: 'no' });
            await server.settle();
        },
        ready: (page) => page.getByText('whatever the allocator does').waitFor(),
    },
    members: { path: '#/members', ready: (page) => page.getByText(/\d+ s of 600 s/).first().waitFor({ state: 'attached' }) },
    member: { path: '#/members/zone-a/m-01', ready: (page) => page.getByText('primary').first().waitFor() },
    drain: {
        path: '#/members/zone-a/m-01',
        async act(page) {
            await page.getByRole('button', { name: 'Drain…' }).click();
            await page.getByText(/replicas? added/).waitFor();
        },
    },
    items: { path: '#/items', ready: (page) => page.getByText('jobs/nightly-0').first().waitFor() },
    item: { path: '#/items/orders%2F00007', ready: (page) => page.getByText('stays: the solution').first().waitFor() },
    'what-if': {
        path: '#/what-if',
        async act(page) {
            const which = page.getByLabel('Which');
            await which.selectOption('zone:zone-a');
            await page.getByRole('button', { name: 'Add to the plan' }).click();
            await page.getByLabel('Suppose to').selectOption('add');
            await page.getByLabel('In the zone').fill('zone-b');
            await page.getByLabel('Items each').fill('120');
            await page.getByRole('button', { name: 'Add to the plan' }).click();
            await page.getByText(/in \d+ rounds?\./).waitFor();
            await page.getByText(/new-3/).first().waitFor();
        },
    },
    time: { path: '#/time', ready: (page) => page.getByText(/allocator, round/).first().waitFor() },
    past: { path: '#/time/at/20', ready: (page) => page.getByText('Back to now').waitFor() },
};

// What a server with tokens shows first.
const signIn = { path: '#/', ready: (page) => page.getByRole('heading', { name: 'Sign in to allot' }).waitFor() };

async function shoot(browser, server, name, view, dark, width) {
    const file = `${name}-${dark ? 'dark' : 'light'}-${width}`;
    if (names.length > 0 && !names.includes(file)) return;
    const page = await openPage(browser, server, { width, height: width > 500 ? 900 : 844, dark });
    await page.goto(`${server.base}/${view.path}`);
    if (!server.token) await page.getByText('Live').first().waitFor();
    await view.ready?.(page);
    await view.act?.(page);
    await page.waitForTimeout(300);
    await page.screenshot({ path: join(folder, `${file}.png`), fullPage: names.length === 0 });
    if (page.faults.length > 0 && !server.token) console.error(file, page.faults);
    await page.context().close();
}

mkdirSync(folder, { recursive: true });
const server = await new Server().start();
const guarded = await new Server({ auth: true }).start();
const browser = await openBrowser();
try {
    await populate(server);
    for (const [name, view] of Object.entries(views)) {
        await view.before?.(server);
        for (const width of widths) for (const dark of [false, true]) await shoot(browser, server, name, view, dark, width);
        await view.after?.(server);
    }
    for (const width of widths) for (const dark of [false, true]) await shoot(browser, guarded, 'sign-in', signIn, dark, width);
} finally {
    await browser.close();
    await server.end();
    await guarded.end();
}

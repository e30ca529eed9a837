// Members: seen, sorted, and acted on, each time by a plan first.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server, until } from './support.mjs';

let server, browser;

before(async () => {
    server = await new Server().start();
    browser = await openBrowser();
    await server.write([...members(3, (n) => 20 + 10 * n), ...items(60, 2)]);
    await server.settle();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

async function open(path = '#/members') {
    const page = await openPage(browser, server);
    await page.goto(`${server.base}/${path}`);
    await page.getByText('Live').waitFor();
    return page;
}

function rowNames(page) {
    return page.getByRole('region', { name: 'Members' }).locator('tbody a').allTextContents();
}

test('they are drawn by zone, and say in words what is drawn', async () => {
    const page = await open();
    await page.getByRole('region', { name: 'Zone zone-b' }).waitFor();
    const { status } = await server.request('GET', '/v1/members/zone-b/m-02');
    const { totals } = await server.request('GET', '/v1/cluster');
    const share = Math.ceil((30 * totals.item_slots) / totals.member_slots);
    await page
        .getByRole('link', {
            name: `m-02 ${status.assigned}/30 items in zone-b, fair share ${share}, ${status.primaries} as primary`,
        })
        .waitFor();
    await expectNoBarriers(page);
    await expectNoFaults(page);
});

test('marks that turn text around are written out wherever a name is', async () => {
    const path = `/v1/members/zone-a/${encodeURIComponent('\u202E10-m')}`;
    await server.request('PUT', path, { item_limit: 0, labels: { team: 'a\u202Eb' } });
    const page = await open();
    await page.getByRole('region', { name: 'Members', exact: true }).getByRole('link', { name: 'zone-a/[U+202E]10-m' }).click();
    await page.getByRole('heading', { name: 'zone-a/[U+202E]10-m' }).waitFor();
    await page.getByText('team=a[U+202E]b').first().waitFor();
    await page.getByRole('button', { name: 'Deregister…' }).click();
    await page.getByRole('heading', { name: 'Deregister zone-a/[U+202E]10-m' }).waitFor();
    assert.equal(await page.title(), 'zone-a/[U+202E]10-m · allot');
    const drawn = await page.evaluate(() => document.documentElement.outerHTML);
    assert.ok(!drawn.includes('\u202E'));
    await server.request('DELETE', path);
    await expectNoFaults(page);
});

test('the table is sorted, filtered and searched', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Limit', exact: true }).first().waitFor();
    await page.locator('th').getByRole('button', { name: 'Limit' }).click();
    assert.match((await rowNames(page))[0], /m-01$/);
    await page.locator('th').getByRole('button', { name: 'Limit' }).click();
    assert.match((await rowNames(page))[0], /m-03$/);
    assert.equal(await page.locator('th[aria-sort=descending]').count(), 1);
    assert.equal(await page.locator('table.data').getAttribute('aria-rowcount'), '10', 'with the headings');
    await page.getByRole('combobox', { name: 'Zone' }).selectOption('zone-c');
    await page.getByText('3 of 9 members').waitFor();
    await page.getByLabel('Find').fill('m-02');
    await page.getByText('1 of 9 members').waitFor();
    assert.deepEqual(await rowNames(page), ['zone-c/m-02']);
    await page.getByLabel('Find').fill('nobody');
    await page.getByRole('button', { name: 'Show all of them' }).click();
    await page.getByText('9 members').waitFor();
    await expectNoFaults(page);
});

test('what is typed stays while the cluster changes', async () => {
    const page = await open();
    await page.getByText('9 members').waitFor();
    let typing = true;
    const writing = (async () => {
        for (let n = 0; typing; n++) await server.request('PUT', '/v1/items/busy', { replication: n % 2 });
    })();
    await page.getByLabel('Find').pressSequentially('zone-b/m-03', { delay: 120 });
    typing = false;
    await writing;
    await page.getByText('1 of 9 members').waitFor();
    assert.equal(await page.getByLabel('Find').inputValue(), 'zone-b/m-03');
    await server.request('DELETE', '/v1/items/busy');
    await server.settle();
    await expectNoFaults(page);
});

test('what is typed just as the former takes effect stays, too', async () => {
    const page = await open();
    const find = page.getByLabel('Find');
    await page.getByText('9 members').waitFor();
    await find.evaluate((input) => {
        const replace = history.replaceState.bind(history);
        history.replaceState = (...parts) => {
            replace(...parts);
            history.replaceState = replace;
            input.value += '/m-03';
            input.dispatchEvent(new Event('input', { bubbles: true }));
        };
    });
    await find.fill('zone-b');
    await page.getByText('1 of 9 members').waitFor({ timeout: 5000 });
    assert.equal(await find.inputValue(), 'zone-b/m-03');
    await expectNoFaults(page);
});

test('one is drained by plan, and that is taken back', async () => {
    const page = await open('#/members/zone-a/m-01');
    const held = (await server.request('GET', '/v1/members/zone-a/m-01')).status.assigned;
    assert.ok(held > 0);
    await page.getByRole('button', { name: 'Drain…', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Drain zone-a/m-01' });
    await dialog.getByText(/replicas added, \d+ replicas removed/).waitFor();
    await dialog.getByText('exiting, empty').waitFor();
    await expectNoBarriers(page);
    assert.equal((await server.request('GET', '/v1/members/zone-a/m-01')).exiting, false, 'so far it is a plan');
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByText(/Done, at revision \d+/).waitFor();
    await page.getByText('empty: it can stop').waitFor();
    assert.equal((await server.request('GET', '/v1/members/zone-a/m-01')).status.assigned, 0);
    await page.getByRole('button', { name: 'Cancel the drain…' }).click();
    await page.getByRole('dialog').getByText(/in \d+ rounds?\./).waitFor();
    await page.getByRole('button', { name: 'Cancel the drain', exact: true }).click();
    await page.getByRole('button', { name: 'Drain…', exact: true }).waitFor();
    assert.equal((await server.request('GET', '/v1/members/zone-a/m-01')).exiting, false);
    await expectNoFaults(page);
});

test('a plan that no longer holds is planned anew before it is applied', async () => {
    const page = await open('#/members/zone-a/m-02');
    await page.getByRole('button', { name: 'Drain…', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/in \d+ rounds?\./).waitFor();
    await server.request('PUT', '/v1/items/meanwhile', { replication: 2 });
    page.expectsFailures = true;
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click();
    await dialog.getByText('The cluster has changed since it was planned.').waitFor();
    assert.equal((await server.request('GET', '/v1/members/zone-a/m-02')).exiting, false);
    await server.settle();
    await until('it is drained', async () => {
        if (await dialog.isVisible()) await dialog.getByRole('button', { name: 'Drain', exact: true }).click({ timeout: 1000 }).catch(() => {});
        return (await server.request('GET', '/v1/members/zone-a/m-02')).exiting;
    });
    await server.request('DELETE', '/v1/members/zone-a/m-02/drain');
    await server.request('DELETE', '/v1/items/meanwhile');
    await expectNoFaults(page);
});

test('what is being applied can’t be left as it is', async () => {
    const page = await open('#/members/zone-c/m-01');
    let goOn;
    const held = new Promise((done) => (goOn = done));
    await page.route('**/v1/plan?apply=true', async (route) => {
        await held;
        await route.fulfill({ status: 503, json: { status: 503, detail: 'the store is away' } });
    });
    page.expectsFailures = true;
    await page.getByRole('button', { name: 'Drain…', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click();
    await dialog.getByText('Applying…').waitFor();
    assert.ok(await dialog.getByRole('button', { name: 'Leave as it is' }).isDisabled());
    for (let times = 0; times < 3; times++) await page.keyboard.press('Escape');
    await dialog.getByText('Applying…').waitFor();
    // Not by the dialog, but by going elsewhere: then how it ended is told there.
    await page.evaluate(() => (location.hash = '#/items'));
    await page.getByRole('heading', { name: 'Items', level: 1 }).waitFor();
    goOn();
    await page.getByText('✕ the store is away').waitFor();
    await expectNoFaults(page);
});

test('whoever has gone elsewhere meanwhile stays there', async () => {
    await server.request('PUT', '/v1/members/zone-c/short', { item_limit: 0 });
    const page = await open('#/members/zone-c/short');
    let goOn;
    const held = new Promise((done) => (goOn = done));
    await page.route('**/v1/plan?apply=true', async (route) => {
        await held;
        await route.continue();
    });
    await page.getByRole('button', { name: 'Deregister…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deregister' }).click();
    await page.getByText('Applying…').waitFor();
    await page.evaluate(() => (location.hash = '#/items'));
    await page.getByRole('heading', { name: 'Items', level: 1 }).waitFor();
    goOn();
    await page.getByText(/Done, at revision/).waitFor();
    assert.match(page.url(), /#\/items$/);
    await expectNoFaults(page);
});

test('a limit is changed', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Change the limit of zone-b/m-03' }).click();
    const dialog = page.getByRole('dialog');
    const button = dialog.getByRole('button', { name: 'Set the limit' });
    const field = dialog.getByLabel('It holds at most so many items');
    assert.ok(await button.isDisabled(), 'nothing is changed so far');
    await field.fill('many');
    await dialog.getByText('A whole number from 0 to 1,000,000.').waitFor();
    await field.fill('5');
    await dialog.getByText('limit 40 → 5').waitFor();
    await button.click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal((await server.request('GET', '/v1/members/zone-b/m-03')).item_limit, 5);
    await server.request('PATCH', '/v1/members/zone-b/m-03', { item_limit: 40 });
    await expectNoFaults(page);
});

test('what was read just before a change, beside what was read after it, is read again', async () => {
    const page = await openPage(browser, server);
    let goOn;
    const held = new Promise((done) => (goOn = done));
    await page.route('**/v1/cluster', (route) => held.then(() => route.continue()));
    const read = page.waitForResponse('**/v1/members?*');
    await page.goto(`${server.base}/#/members/zone-a/m-03`);
    await read;
    // Nothing moves for that, so that no other change comes after it.
    await server.request('PATCH', '/v1/members/zone-a/m-03', { item_limit: 40, labels: { rack: 'seven' } });
    goOn();
    await page.getByText('rack=seven').first().waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await expectNoFaults(page);
});

test('one is deregistered, with its secret if it has one', async () => {
    // So large that the others' fair shares become less than what they hold, whatever came before.
    await server.request('PUT', '/v1/members/zone-c/leased', {
        item_limit: 400,
        ttl_seconds: 600,
        session: 'a-secret-of-16-or-more',
    });
    await server.settle();
    const page = await open();
    await page.getByText(/\d+ s of 600 s/).waitFor();
    await page.getByRole('button', { name: 'Deregister zone-c/leased' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('gone', { exact: true }).waitFor();
    await dialog.getByText('Drain it first').waitFor();
    await expectNoBarriers(page);
    page.expectsFailures = true;
    await dialog.getByRole('button', { name: 'Deregister' }).click();
    await dialog.getByText('was registered with a session').waitFor();
    await dialog.getByLabel('Its session').fill('a-secret-of-16-or-more');
    await dialog.getByRole('button', { name: 'Deregister' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'zone-c/leased', exact: true }).waitFor({ state: 'detached' });
    await page.goto(`${server.base}/#/members/zone-c/leased`);
    await page.getByText('There is no member zone-c/leased').waitFor();
    await expectNoFaults(page);
});

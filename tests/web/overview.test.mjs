// The overview: what is, live, and what is told when something is wrong.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server } from './support.mjs';

let server, browser;

before(async () => {
    server = await new Server().start();
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

async function open(options) {
    const page = await openPage(browser, server, options);
    await page.goto(`${server.base}/`);
    await page.getByText('Live').waitFor();
    return page;
}

test('an empty cluster says what to do next', async () => {
    const page = await open();
    await page.getByText('No items yet').waitFor();
    await page.getByText('No members yet').waitFor();
    await expectNoBarriers(page);
    await page.goto(`${server.base}/#/members`);
    await page.getByText('No members yet').waitFor();
    await page.goto(`${server.base}/#/items`);
    await page.getByText('No items yet').waitFor();
    await expectNoFaults(page);
});

test('it shows what is, and what becomes of it, in every tab', async () => {
    const first = await open();
    const second = await open({ context: first.context() });
    await server.write([...members(2, 20), ...items(30, 2)]);
    for (const page of [first, second]) {
        await page.getByText('Every item is where it should be.').waitFor();
        await page.getByText('30 items, 60 replicas of 60 wanted, on 6 members in 3 zones.').waitFor();
        await page.getByText('Running.').waitFor();
    }
    const { leader, revision } = await server.request('GET', '/v1/cluster');
    await first.getByText(leader.instance).first().waitFor();
    await first.getByText(`revision ${revision}`).first().waitFor();
    await server.request('POST', '/v1/members/zone-a/m-01/drain', {});
    for (const page of [first, second]) {
        await page.getByRole('link', { name: '⇥ zone-a/m-01' }).waitFor();
        await page.getByText('empty: it can stop').waitFor();
    }
    await server.request('DELETE', '/v1/members/zone-a/m-01/drain', {});
    await second.getByText('No member is being drained.').waitFor();
    await expectNoBarriers(first);
    await expectNoFaults(first);
    await expectNoFaults(second);
});

test('replicas that can’t be placed are told with the reason', async () => {
    const page = await open();
    await server.request('PUT', '/v1/items/everywhere', { replication: 9 });
    await page.getByText('3 replicas can’t be placed.').waitFor();
    await page.getByText('1 item wants 9 replicas, and 6 members have a replica of it already').waitFor();
    await expectNoBarriers(page);
    await page.getByRole('link', { name: 'See everywhere, one of them' }).click();
    await page.getByText('It lacks 3 replicas:').waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'See everywhere, one of them' }).waitFor();
    await server.request('DELETE', '/v1/items/everywhere');
    await page.getByText('Every item is where it should be.').waitFor();
    await expectNoFaults(page);
});

test('the allocator is paused, with a reason, and goes on', async () => {
    const page = await open();
    await server.request('PUT', '/v1/allocator', { max_moves_in_flight: 7 });
    await page.getByText('moves in flight, at most').waitFor();
    await page.getByRole('button', { name: 'Pause…' }).click();
    await page.getByLabel('Everything, repairs too.').check();
    await page.getByLabel('Reason').fill('new switches');
    await expectNoBarriers(page);
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByText(/Paused by anonymous since .*: new switches\./).waitFor();
    const settings = await server.request('GET', '/v1/allocator');
    assert.equal(settings.in_force, 'all');
    assert.equal(settings.max_moves_in_flight, 7, 'the limits stay');
    await page.getByRole('button', { name: 'Resume…' }).click();
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.getByText('Running.').waitFor();
    await expectNoFaults(page);
});

test('what a pause puts off is not taken for done', async () => {
    const page = await open();
    await server.request('PUT', '/v1/allocator', { paused: 'all' });
    await server.request('POST', '/v1/members/zone-a/m-01/drain', {});
    await page.getByText(/^Every item has its replicas, but not where they should be: .* put off by the pause\.$/).waitFor();
    await expectNoBarriers(page);
    await server.request('PUT', '/v1/allocator', { paused: 'no' });
    await server.request('DELETE', '/v1/members/zone-a/m-01/drain', {});
    await page.getByText('Every item is where it should be.').waitFor();
    await expectNoFaults(page);
});

test('what changes without a revision is shown, too', async () => {
    const page = await open();
    await page.getByText('Running.').waitFor();
    const until = new Date(Date.now() + 10000).toISOString().replace(/\.\d+/, '');
    await server.request('PUT', '/v1/allocator', { paused: 'all', until });
    await page.getByText('Paused by anonymous').waitFor();
    await page.getByText('Running.').waitFor();
    await page.route('**/v1/cluster', async (route) => {
        const reply = await route.fetch();
        await route.fulfill({ json: { ...(await reply.json()), warnings: ['the disk is full'] } });
    });
    await page.getByText('the disk is full').waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await server.request('PUT', '/v1/allocator', { paused: 'no' });
    await expectNoFaults(page);
});

test('a pause stays a pause while others pause, too, and what they have set stays', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Pause…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Pause the allocator' });
    await dialog.getByLabel('Reason').fill('fire in zone-a');
    await dialog.getByRole('button', { name: 'Pause' }).focus();
    await server.request('PUT', '/v1/allocator', { paused: 'all', reason: 'B was quicker', max_moves_per_minute: 60 });
    await page.getByText(/Paused by anonymous since .*: B was quicker\./).waitFor();
    await page.keyboard.press('Enter');
    await dialog.getByText('Somebody else has changed it meanwhile').waitFor();
    await dialog.getByText('B was quicker').waitFor();
    const { in_force: inForce, reason } = await server.request('GET', '/v1/allocator');
    assert.deepEqual([inForce, reason], ['all', 'B was quicker'], 'it is not resumed');
    await expectNoBarriers(page);
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await page.getByText(/Moves are paused, repairs go on by anonymous since .*: fire in zone-a\./).waitFor();
    assert.equal((await server.request('GET', '/v1/allocator')).max_moves_per_minute, 60);
    await server.request('PUT', '/v1/allocator', { paused: 'no' });
    await page.getByText('Running.').waitFor();
    await expectNoFaults(page);
});

test('limits that are set just as one pauses are not lost', async () => {
    const page = await open();
    page.expectsFailures = true;
    let others = 0;
    await page.route('**/v1/allocator', async (route) => {
        if (route.request().method() === 'PUT' && others++ === 0)
            await server.request('PUT', '/v1/allocator', { max_moves_in_flight: 7 });
        await route.continue();
    });
    await page.getByRole('button', { name: 'Pause…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await dialog.getByText('Somebody else has changed it meanwhile').waitFor();
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Moves are paused, repairs go on').waitFor();
    assert.equal((await server.request('GET', '/v1/allocator')).max_moves_in_flight, 7);
    await server.request('PUT', '/v1/allocator', { paused: 'no' });
    await page.getByText('Running.').waitFor();
    await expectNoFaults(page);
});

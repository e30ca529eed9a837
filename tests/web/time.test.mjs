// Time: what has happened, by whom and why; and the cluster as it was.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server, until } from './support.mjs';

let server, browser, past;

before(async () => {
    server = await new Server({ auth: true }).start();
    browser = await openBrowser();
    await server.write([...members(2, 600), ...items(40, 2)]);
    await server.settle();
    past = await server.request('GET', '/v1/cluster');
    await server.request('POST', '/v1/members/zone-a/m-01/drain', {});
    await server.settle();
    await server.request('PATCH', '/v1/items/orders%2F00001', { replication: 3 });
    await server.request('DELETE', '/v1/items/orders%2F00002');
    await server.settle();
    await until('history is there', async () => {
        const { revision } = await server.request('GET', '/v1/history?limit=1');
        return revision >= (await server.request('GET', '/v1/cluster')).revision;
    });
});
after(async () => {
    await browser?.close();
    await server?.end();
});

async function open(path) {
    const page = await openPage(browser, server);
    page.expectsFailures = true; // the first request, without a token
    await page.goto(`${server.base}/${path}`);
    await page.getByLabel('Token').fill('the-operators-token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Live').waitFor();
    page.expectsFailures = false;
    return page;
}

const changes = (page) => page.getByRole('region', { name: 'Changes, newest first' });

test('rounds are drawn and listed, each with the change that caused it', async () => {
    const page = await open('#/time');
    const { rounds } = await server.request('GET', '/v1/history/rounds?limit=300');
    const moved = rounds.reduce((sum, round) => sum + round.additions + round.removals, 0);
    assert.ok(moved >= 80);
    await page.getByRole('group', { name: `${rounds.length} rounds with ${moved} moves` }).waitFor();
    const table = page.getByRole('region', { name: 'Rounds', exact: true });
    await table.getByText('the problem has changed').first().waitFor();
    await expectNoBarriers(page);
    await table.getByRole('link', { name: /^revision \d+$/ }).first().click();
    await until('the changes are those of that revision', async () => {
        const [, revision] = /from=(\d+)/.exec(page.url()) ?? [];
        const told = await changes(page).locator('tbody td:last-child a').allTextContents();
        return told.length > 0 && told.every((text) => text === revision);
    });
    await expectNoFaults(page);
});

test('a stroke over the chart filters the changes, and a click goes back', async () => {
    const page = await open('#/time');
    const chart = await page.locator('.u-over').boundingBox();
    await page.mouse.move(chart.x + 10, chart.y + 40);
    await page.mouse.down();
    await page.mouse.move(chart.x + chart.width / 2, chart.y + 40, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=.*&to=/);
    await page.getByRole('button', { name: 'Show all of them' }).click();
    await page.waitForURL(/#\/time$/);
    await page.mouse.click(chart.x + chart.width - 5, chart.y + 40);
    await page.getByText('The past:').waitFor();
    await expectNoFaults(page);
});

test('a server without history says so', async () => {
    const other = await new Server({ flags: ['--history', 'none'] }).start();
    await other.write([...members(1, 30), ...items(2, 2)]);
    const page = await openPage(browser, other);
    await page.goto(`${other.base}/#/time`);
    await page.getByText('This server keeps no history').waitFor();
    await expectNoBarriers(page);
    await page.goto(`${other.base}/#/items/orders%2F00001`);
    await page.getByText('stays: the solution').first().waitFor();
    assert.equal(await page.getByText('History', { exact: true }).count(), 0);
    await expectNoFaults(page);
    await other.end();
});

test('changes are told in words, with who made them, and filtered', async () => {
    const page = await open('#/time?kind=item');
    await changes(page).getByText('replication 2 → 3').waitFor();
    await changes(page).getByText('deleted').waitFor();
    await page.getByLabel('Kind').selectOption('member');
    await changes(page).getByText('to be drained').waitFor();
    await changes(page).getByText('registered, for 600 items').first().waitFor();
    await page.getByLabel('Kind').selectOption('');
    await page.getByLabel('By').fill('allocator');
    await changes(page).getByText(/taken from|given to/).first().waitFor();
    await page.getByLabel('By').fill('nobody');
    await page.getByText('Nothing of that kind has happened').waitFor();
    await page.getByRole('button', { name: 'Show all of them' }).click();
    await page.getByLabel('Member or zone').fill('zone-a/m-01');
    await changes(page).getByText('to be drained').waitFor();
    assert.match(page.url(), /member=zone-a%2Fm-01/);
    await page.getByLabel('Item', { exact: true }).fill('orders/00002');
    await page.getByLabel('Member or zone').fill('');
    await changes(page).getByText('deleted').waitFor();
    await expectNoBarriers(page);
    await expectNoFaults(page);
});

test('what happens is there at once', async () => {
    const page = await open('#/time?kind=item');
    await changes(page).getByText('deleted').waitFor();
    await server.request('PUT', '/v1/items/news', { replication: 1 });
    await changes(page).getByRole('link', { name: 'news' }).waitFor();
    await changes(page).getByRole('cell', { name: 'deploy' }).first().waitFor();
    await expectNoFaults(page);
});

test('one goes back, and sees the overview and the members as they were', async () => {
    const page = await open(`#/time/at/${past.revision}`);
    await page.getByText('The past:').waitFor();
    await page.getByText(`As it was at revision ${past.revision}`).first().waitFor();
    await page.getByText('40 items, 80 replicas of 80 wanted, on 6 members in 3 zones.').waitFor();
    const row = page.getByRole('region', { name: 'Members, then' }).getByRole('row').filter({ hasText: 'zone-a/m-01' });
    await row.getByText('within its fair share').waitFor();
    await expectNoBarriers(page);
    assert.equal(await page.getByRole('button', { name: /Drain|Limit|Pause/ }).count(), 1, 'only the heading that sorts');
    const now = await server.request('GET', '/v1/cluster');
    await page.goto(`${server.base}/#/time/at/${now.revision}`);
    await row.getByText('⇥ exiting').waitFor();
    await page.getByRole('link', { name: '← A revision earlier' }).click();
    await page.getByText(`As it was at revision ${now.revision - 1}`).first().waitFor();
    await page.getByRole('link', { name: 'Back to now' }).click();
    await page.getByText('Every item is where it should be.').waitFor();
    await expectNoFaults(page);
});

test('one goes back to a time, and is told where there is nothing', async () => {
    const page = await open('#/time');
    await page.getByLabel('Go back to').fill('2020-01-01T12:00:01');
    await page.getByRole('button', { name: 'Show that moment' }).click();
    await page.getByText('0 items, 0 replicas of 0 wanted').waitFor();
    page.expectsFailures = true;
    await page.goto(`${server.base}/#/time/at/999999`);
    await page.getByText('is in the future').waitFor();
    await page.getByText('That moment can’t be shown').waitFor();
    await page.getByRole('heading', { name: 'As it was', exact: true }).waitFor();
    await expectNoFaults(page);
});

test('an item tells its history, also one that is gone', async () => {
    const page = await open('#/items/orders%2F00001');
    const history = page.getByRole('region', { name: 'What has happened' });
    await history.getByText('replication 2 → 3').waitFor();
    await history.getByText('created, 2 replicas wanted').waitFor();
    await history.getByText('allocator, round').first().waitFor();
    await expectNoBarriers(page);
    page.expectsFailures = true;
    await page.goto(`${server.base}/#/items/orders%2F00002`);
    await page.getByText('There is no item orders/00002').waitFor();
    await history.getByText('deleted').waitFor();
    await page.goto(`${server.base}/#/members/zone-a/m-01`);
    await history.getByText('to be drained').waitFor();
    await expectNoFaults(page);
});

test('a history that one has scrolled on stays where it is', async () => {
    await server.write(items(700, 2, (n) => `many/${n}`));
    await server.settle();
    const page = await open('#/members/zone-b/m-01');
    const history = page.getByRole('region', { name: 'What has happened' });
    await history.getByText('registered').or(history.getByText('given to')).first().waitFor();
    const scroll = () => history.evaluate((box) => ((box.scrollTop = box.scrollHeight), box.scrollHeight));
    const first = await scroll();
    await until('there is more of it', async () => (await scroll()) > first);
    await history.evaluate((box) => (box.scrollTop = 8000));
    const height = await history.evaluate((box) => box.scrollHeight);
    await server.request('PUT', '/v1/items/unrelated', { replication: 0 });
    const { revision } = await server.request('GET', '/v1/cluster');
    await page.getByText(`revision ${revision}`).first().waitFor();
    await server.request('PATCH', '/v1/members/zone-b/m-01', { item_limit: 601 });
    await page.getByRole('button', { name: 'There may be new ones: read anew' }).waitFor();
    assert.deepEqual(await history.evaluate((box) => [box.scrollTop, box.scrollHeight]), [8000, height]);
    await page.getByRole('button', { name: 'There may be new ones: read anew' }).click();
    await page.getByRole('button', { name: 'There may be new ones: read anew' }).waitFor({ state: 'detached' });
    await expectNoFaults(page);
});

test('what takes longer to read than the next change takes to come is shown all the same', async () => {
    const page = await open('#/');
    await page.route('**/v1/history**', async (route) => {
        await new Promise((done) => setTimeout(done, 1500));
        await route.continue();
    });
    let writes = true;
    const writing = (async () => {
        for (let n = 0; writes; n++) await server.request('PUT', '/v1/items/busy', { replication: n % 2 });
    })();
    await page.goto(`${server.base}/#/time`);
    await page.getByRole('group', { name: /rounds with/ }).waitFor();
    await changes(page).getByRole('link', { name: 'busy' }).first().waitFor();
    writes = false;
    await writing;
    await server.request('DELETE', '/v1/items/busy');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await expectNoFaults(page);
});

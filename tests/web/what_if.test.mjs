// What if: changes are composed, seen, and applied.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server, until } from './support.mjs';

let server, browser;

before(async () => {
    server = await new Server().start();
    browser = await openBrowser();
    await server.write([...members(3, 30), ...items(90, 2)]);
    await server.settle();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

async function open() {
    const page = await openPage(browser, server);
    await page.goto(`${server.base}/#/what-if`);
    await page.getByText('Nothing is supposed yet').waitFor();
    return page;
}

const suppose = (page) => page.getByRole('button', { name: 'Add to the plan' }).click();

test('a zone is lost, a limit halved and members are added; then that is applied', async () => {
    const page = await open();
    await expectNoBarriers(page);
    await suppose(page);
    await page.getByText('Choose a zone or a member.').waitFor();
    await page.getByLabel('Which').selectOption('zone:zone-a');
    await suppose(page);
    await page.getByText('Lose zone zone-a (3 members)').waitFor();
    await page.getByText('Every replica would have its place.').waitFor();

    await page.getByLabel('Suppose to').selectOption('scale');
    await page.getByLabel('Which').selectOption('member:zone-b/m-01');
    await suppose(page);
    await page.getByText('limit 30 → 15').waitFor();
    await page.getByText('15 replicas could not be placed').waitFor();

    await page.getByLabel('Suppose to').selectOption('add');
    await page.getByLabel('In the zone').fill('zone-d');
    await page.getByLabel('Items each').fill('20');
    await suppose(page);
    await page.getByLabel('Loads before and after').getByText('zone-d/new-3').waitFor();
    await page.getByText('15 replicas could not be placed').waitFor({ state: 'detached' });
    await page.getByText('Every replica would have its place.').waitFor();
    await expectNoBarriers(page);

    // It is still there after a look at something else; and what was supposed is left out again.
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.getByRole('link', { name: 'What if', exact: true }).click();
    await page.getByRole('button', { name: 'Leave out: Lose zone zone-a (3 members)' }).click();
    await page.getByText('Lose zone zone-a (3 members)').waitFor({ state: 'detached' });

    const before = await server.request('GET', '/v1/cluster');
    assert.equal(before.totals.members, 9, 'nothing is done so far');
    await page.getByRole('button', { name: 'Apply…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('All of it is done in one transaction, or nothing.').waitFor();
    await dialog.getByRole('button', { name: 'Apply 4 changes' }).click();
    await page.getByText('Nothing is supposed yet').waitFor();
    assert.equal((await server.request('GET', '/v1/cluster')).totals.members, 12);
    assert.equal((await server.request('GET', '/v1/members/zone-b/m-01')).item_limit, 15);
    await expectNoFaults(page);
});

test('ideas about the same members are joined, and what can’t be is told', async () => {
    const page = await open();
    await page.getByLabel('Which').selectOption('zone:zone-c');
    await suppose(page);
    await page.getByLabel('Suppose to').selectOption('scale');
    await page.getByLabel('Which').selectOption('all');
    await suppose(page);
    await page.getByText('Overridden for 3 of 12 by: Lose zone zone-c (3 members)').waitFor();
    await page.getByLabel('Loads before and after').getByText('gone').first().waitFor();
    await page.getByText('limit 30 → 15').first().waitFor();
    await suppose(page);
    await page.getByText('limit 30 → 8').first().waitFor();
    await page.getByText(/replicas? could not be placed/).waitFor();
    await expectNoBarriers(page);
    await page.getByRole('button', { name: 'Begin again' }).click();
    await server.request('POST', '/v1/members/zone-c/m-01/drain', {});
    await page.getByLabel('Suppose to').selectOption('drain');
    await until('the page knows', async () => {
        await page.getByLabel('Which').selectOption('member:zone-c/m-01');
        await suppose(page);
        return page.getByText('Nothing to do: that is being drained already').isVisible();
    });
    await server.request('DELETE', '/v1/members/zone-c/m-01/drain');
    await expectNoFaults(page);
});

test('items that would be in one zone alone are told', async () => {
    const page = await open();
    for (const [zone, limit] of Object.entries({ 'zone-a': 60, 'zone-b': 0, 'zone-c': 0, 'zone-d': 5 })) {
        await page.getByLabel('Suppose to').selectOption('limit');
        await page.getByLabel('Which').selectOption(`zone:${zone}`);
        await page.getByLabel('Items', { exact: true }).fill(String(limit));
        await suppose(page);
    }
    await page.getByText(/^75 items would have all their replicas in one zone/).waitFor();
    await expectNoBarriers(page);
    await expectNoFaults(page);
});

test('what can’t be planned is said in words', async () => {
    const page = await open();
    page.expectsFailures = true;
    await page.getByLabel('Suppose to').selectOption('replication');
    await page.getByLabel('Item', { exact: true }).fill('none');
    await page.getByLabel('Replicas', { exact: true }).fill('3');
    await suppose(page);
    await page.getByText('there is no such item').waitFor();
    await page.getByRole('button', { name: /^Leave out/ }).click();
    await page.getByLabel('Suppose to').selectOption('add');
    await page.getByLabel('How many').fill('99');
    await page.getByLabel('In the zone').fill('zone-e');
    await page.getByLabel('Items each').fill('1');
    await suppose(page);
    await suppose(page);
    await page.getByText('These are 198 changes, and one plan takes at most 100.').waitFor();
    await expectNoBarriers(page);
    await expectNoFaults(page);
});

test('two members whose names are the same but for where the slash is are two', async () => {
    const [first, second] = ['/v1/members/e%2Ff/g', '/v1/members/e/f%2Fg'];
    for (const path of [first, second]) await server.request('PUT', path, { item_limit: 0 });
    const page = await open();
    const planned = page.waitForRequest('**/v1/plan?*');
    await page.getByLabel('Which').selectOption({ label: 'e/f › g' });
    await suppose(page);
    assert.equal((await planned).postDataJSON().changes[0].path, `${first}?force=true`);
    await page.getByText('Lose e/f › g').waitFor();
    await page.getByRole('link', { name: 'Members', exact: true }).click();
    await page.getByLabel('Find').fill('e/f/g');
    await page.getByText(/^2 of \d+ members/).waitFor();
    const names = page.getByRole('region', { name: 'Members', exact: true }).locator('tbody a');
    assert.deepEqual(await names.allTextContents(), ['e › f/g', 'e/f › g']);
    for (const path of [first, second]) await server.request('DELETE', path);
    await expectNoFaults(page);
});

// Items, very many of them; and each, with why it is where it is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server } from './support.mjs';

let server, browser;
const many = 50000;

before(async () => {
    server = await new Server({ large: true }).start();
    browser = await openBrowser();
    await server.write([...members(10, 4000), ...items(many, 2)]);
    await server.settle();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

async function open(path = '#/items') {
    const page = await openPage(browser, server);
    await page.goto(`${server.base}/${path}`);
    await page.getByText('Live').waitFor();
    return page;
}

test('50,000 are scrolled through, and only those in view are there', async () => {
    const page = await open();
    await page.getByText('the first 1,000 of 50,000; scroll for more').waitFor();
    await expectNoBarriers(page);
    const table = page.getByRole('region', { name: 'Items' });
    for (let pages = 2; pages <= 6; pages++) {
        await table.evaluate((element) => (element.scrollTop = element.scrollHeight));
        await page.getByText(`the first ${pages},000 of 50,000`).waitFor();
    }
    await page.getByRole('link', { name: 'orders/04999' }).waitFor();
    assert.ok((await page.locator('.data tbody tr').count()) < 100);
    await expectNoFaults(page);
});

test('they are searched and filtered, and where one searches is in the address', async () => {
    const page = await open();
    await page.getByLabel('Find').fill('4242');
    await page.getByText('15 items of 50,000').waitFor();
    assert.match(page.url(), /contains=4242/);
    await page.getByLabel('Begins with').fill('orders/142');
    await page.getByText('1 item of 50,000').waitFor();
    await page.reload();
    await page.getByText('1 item of 50,000').waitFor();
    await page.getByLabel('State').selectOption('unassigned');
    await page.getByText('No item is like that').waitFor();
    await page.getByRole('button', { name: 'Show all of them' }).click();
    await page.getByText('the first 1,000 of 50,000').waitFor();
    page.expectsFailures = true;
    await page.getByLabel('Label').fill('=2');
    await page.getByRole('alert').getByText(/label/).waitFor();
    assert.equal(await page.locator('.list-state').innerText(), '');
    page.expectsFailures = false;
    await page.getByLabel('Label').fill('tier=2');
    await page.getByText('the first 1,000; scroll for more').waitFor();
    await page.getByRole('link', { name: 'orders/00002' }).waitFor();
    await page.getByRole('link', { name: 'orders/00001' }).waitFor({ state: 'detached' });
    await expectNoFaults(page);
});

test('a row in view that changes is shown as it is now', async () => {
    const page = await open();
    const row = page.getByRole('row').filter({ hasText: 'orders/00003' });
    await row.getByText('2 of 2').waitFor();
    await server.request('PATCH', '/v1/items/orders%2F00003', { replication: 4 });
    await row.getByText('4 of 4').waitFor();
    await server.request('PUT', '/v1/items/aaa', { replication: 1 });
    await page.getByRole('button', { name: 'Others have changed: read anew' }).click();
    await page.getByRole('link', { name: 'aaa' }).waitFor();
    await server.request('DELETE', '/v1/items/aaa');
    await expectNoFaults(page);
});

test('one tells where its replicas are and why, and is given more by plan', async () => {
    const page = await open('#/items/orders%2F00007');
    const { items: replicas } = await server.request('GET', '/v1/items/orders%2F00007/assignments');
    for (const { zone, suffix } of replicas)
        await page.getByRole('rowheader').getByRole('link', { name: `${zone}/${suffix}` }).waitFor();
    await page.getByText('stays: the solution wants it here').first().waitFor();
    await page.getByText('could, but the item has what it wants elsewhere').first().waitFor();
    await expectNoBarriers(page);
    await page.getByRole('button', { name: 'Change the replication…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('It wants so many replicas').fill('5');
    await dialog.getByText('3 replicas added').waitFor();
    await dialog.getByText(/steps?, one by one/).click();
    await dialog.getByText('+ add').first().waitFor();
    await expectNoBarriers(page);
    await dialog.getByRole('button', { name: 'Set the replication' }).click();
    await page.getByText('of 5 replicas').waitFor();
    await page.getByRole('rowheader').nth(4).waitFor();
    assert.equal((await server.request('GET', '/v1/items/orders%2F00007')).replication, 5);
    await page.goto(`${server.base}/#/items/none`);
    await page.getByText('There is no item none').waitFor();
    page.faults = page.faults.filter((fault) => !fault.startsWith('Failed to load resource'));
    await expectNoFaults(page);
});

test('the loads beside its reasons are those of now, whatever has changed them', async () => {
    const page = await open('#/items/orders%2F00009');
    const { items: replicas } = await server.request('GET', '/v1/items/orders%2F00009/assignments');
    const name = `${replicas[0].zone}/${replicas[0].suffix}`;
    const row = page.getByRole('region', { name: 'Members and reasons' }).getByRole('row').filter({ hasText: name });
    const loadOf = async () => (await server.request('GET', `/v1/members/${name}`)).status.assigned;
    const shown = (load) => row.getByText(load.toLocaleString('en-US'), { exact: true }).first();
    const before = await loadOf();
    await shown(before).waitFor();
    await server.write(items(300, 2, (n) => `further/${n}`));
    await server.settle();
    const now = await loadOf();
    assert.notEqual(now, before);
    await shown(now).waitFor();
    await expectNoFaults(page);
});

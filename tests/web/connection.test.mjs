// The page when its server is lost, silent, late or stale: it says so, and goes on when that is over.
import { after, before, test } from 'node:test';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server } from './support.mjs';

let server, browser;

before(async () => {
    server = await new Server().start();
    browser = await openBrowser();
    await server.write([...members(2, 20), ...items(30, 2)]);
    await server.settle();
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

test('a killed server is told, and when it comes back the page goes on', async () => {
    const page = await open();
    page.expectsFailures = true;
    await page.getByText('30 items').waitFor();
    await server.kill('SIGKILL');
    await page.getByText('Connection lost:').waitFor();
    await page.getByText('What is shown is as of').waitFor();
    await page.getByText('Not connected').waitFor();
    await page.getByText('30 items').waitFor(); // what was last seen stays
    await expectNoBarriers(page);
    await server.start();
    await page.getByText('Connection lost:').waitFor({ state: 'detached' });
    await page.getByText('Live').waitFor();
    page.expectsFailures = false;
    await server.request('PUT', '/v1/items/after', { replication: 1 });
    await page.getByText('31 items').waitFor();
    await expectNoFaults(page);
});

test('a server that says nothing is not taken for one with nothing to say', async () => {
    const page = await open();
    page.expectsFailures = true;
    server.process.kill('SIGSTOP');
    await page.getByText('Connection lost:').waitFor();
    server.process.kill('SIGCONT');
    await page.getByText('Live').waitFor();
    await page.getByText('Connection lost:').waitFor({ state: 'detached' });
    await expectNoFaults(page);
});

test('a read that is never answered is told, and tried again', async () => {
    const page = await open();
    let lost = 0;
    await page.route('**/v1/cluster', (route) => (lost++ === 0 ? undefined : route.continue()));
    await server.request('PUT', '/v1/items/everywhere', { replication: 9 });
    await page.getByText('What is shown is stale:').waitFor();
    await page.getByText('○Stale').waitFor();
    await expectNoBarriers(page);
    await page.getByText('3 replicas can’t be placed.').waitFor();
    await page.getByText('Live').waitFor();
    await page.getByText('What is shown is stale:').waitFor({ state: 'detached' });
    await server.request('DELETE', '/v1/items/everywhere');
    await expectNoFaults(page);
});

test('a tab that is looked at again is not live before it has been answered', async () => {
    const page = await open();
    page.expectsFailures = true;
    const setHidden = (hidden) =>
        page.evaluate((value) => {
            Object.defineProperty(document, 'hidden', { value, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
    await page.getByText('31 items').waitFor();
    await setHidden(true);
    await server.request('PUT', '/v1/items/unseen', { replication: 1 });
    server.process.kill('SIGSTOP');
    await setHidden(false);
    await page.getByText('Connecting…').waitFor();
    await page.getByText('Connection lost:').waitFor();
    server.process.kill('SIGCONT');
    await page.getByText('32 items').waitFor();
    await page.getByText('Live').waitFor();
    await expectNoFaults(page);
});

test('a server whose store can’t be reached is told to be stale', async () => {
    const page = await open();
    page.expectsFailures = true;
    await page.route('**/readyz', (route) =>
        route.fulfill({ status: 503, json: { status: 503, detail: 'the store can’t be reached' } }),
    );
    await page.getByText('What is shown may be stale: the store can’t be reached.').waitFor();
    await page.unroute('**/readyz');
    await page.getByText('What is shown may be stale').waitFor({ state: 'detached' });
    await expectNoFaults(page);
});

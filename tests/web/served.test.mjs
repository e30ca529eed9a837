// How the page and what it loads are served, and the frame that all views have.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { request } from 'node:http';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server, until } from './support.mjs';

let server, browser;

before(async () => {
    server = await new Server().start();
    browser = await openBrowser();
    await server.write([...members(2, 20), ...items(20, 2)]);
    await server.settle();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

// As it comes: not decompressed, as fetch would.
function raw(path, headers = {}) {
    return new Promise((done, failed) => {
        const call = request(server.base + path, { headers }, (response) => {
            const pieces = [];
            response.on('data', (piece) => pieces.push(piece));
            response.on('end', () => done({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }));
        });
        call.on('error', failed);
        call.end();
    });
}

async function assetsOf() {
    const page = await raw('/');
    return ['/', ...new Set(page.body.toString().match(/\/assets\/[\w.-]+/g))];
}

test('all of it is less than 150 KiB, compressed', async () => {
    let total = 0;
    const paths = await assetsOf();
    assert.equal(paths.length, 4);
    for (const path of paths) {
        const reply = await raw(path, { 'Accept-Encoding': 'gzip' });
        assert.equal(reply.status, 200);
        assert.equal(reply.headers['content-encoding'], 'gzip');
        total += reply.body.length;
    }
    assert.ok(total > 10000 && total < 150 * 1024, `${total} bytes`);
});

test('it comes with a strict policy, is kept by browsers, and not sent twice', async () => {
    for (const path of await assetsOf()) {
        const reply = await raw(path);
        const policy = reply.headers['content-security-policy'];
        assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
        assert.doesNotMatch(policy, /unsafe|\*|http/);
        assert.equal(reply.headers['x-content-type-options'], 'nosniff');
        assert.equal(reply.headers['cache-control'], path === '/' ? 'no-cache' : 'public, max-age=31536000, immutable');
        const again = await raw(path, { 'If-None-Match': reply.headers.etag });
        assert.equal(again.status, 304);
        assert.equal(again.body.length, 0);
    }
    assert.match((await raw('/')).headers['content-type'], /^text\/html/);
    assert.equal((await raw('/assets/none.js')).status, 404);
});

test('a second visit loads nothing again but asks for the page', async () => {
    const page = await openPage(browser, server);
    await page.goto(`${server.base}/`);
    await page.getByText('Every item is where it should be.').waitFor();
    const loaded = [];
    page.on('response', (response) => {
        const path = new URL(response.url()).pathname;
        if (!path.startsWith('/v1/') && path !== '/readyz') loaded.push(`${path} ${response.status()}`);
    });
    await page.goto(`${server.base}/#/members`);
    await page.reload();
    await page.getByRole('heading', { name: 'Members' }).waitFor();
    const fromServer = loaded.filter((each) => each.startsWith('/ '));
    assert.deepEqual(fromServer, ['/ 200']); // a 304, told to the page as what it stands for
    await expectNoFaults(page);
});

test('it can be used with the keyboard alone', async () => {
    const page = await openPage(browser, server);
    await page.goto(`${server.base}/`);
    await page.getByText('Live').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await page.getByRole('link', { name: 'Members', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Members', level: 1 }).waitFor();
    assert.equal(await page.title(), 'Members · allot');
    await page.getByRole('button', { name: 'Drain zone-a/m-01' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText(/in \d+ rounds?\./).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const focused = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    assert.equal(focused, 'Drain zone-a/m-01', 'the focus goes back to where it was');
    await expectNoFaults(page);
});

test('a fault in a view is told, and the rest goes on', async () => {
    const page = await openPage(browser, server);
    await page.route('**/v1/cluster', async (route) => {
        const reply = await route.fetch();
        await route.fulfill({ json: { ...(await reply.json()), zones: null } });
    });
    await page.goto(`${server.base}/`);
    await page.getByText('This view has failed').waitFor();
    await page.getByRole('link', { name: 'Items', exact: true }).click();
    await page.getByText('orders/00000').waitFor();
    await page.unroute('**/v1/cluster');
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.getByText('This view has failed').waitFor();
    await server.request('PUT', '/v1/items/another', { replication: 1 });
    await page.getByText(/revision/).first().waitFor();
    await until('it works again', async () => {
        await page.getByRole('button', { name: 'Try again' }).click({ timeout: 500 }).catch(() => {});
        return page.getByText('Every item is where it should be.').isVisible();
    });
});

test('on a phone nothing is wider than the page, however long a name is', async () => {
    const [zone, suffix] = ['Z'.repeat(128), 'm'.repeat(128)];
    await server.request('PUT', `/v1/members/${zone}/${suffix}`, { item_limit: 20, labels: { long: 'v'.repeat(200) } });
    await server.request('POST', `/v1/members/${zone}/${suffix}/drain`, {});
    const paths = ['', 'members', `members/${zone}/${suffix}`, 'items', 'items/orders%2F00001', 'what-if', 'time'];
    for (const [width, dark] of [[390, false], [390, true], [320, false]]) {
        const page = await openPage(browser, server, { width, height: 844, dark });
        for (const path of paths) {
            await page.goto(`${server.base}/#/${path}`);
            await page.getByText('Live').waitFor();
            await page.waitForTimeout(150);
            const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.ok(over <= 0, `${path} is ${over} px too wide for ${width}`);
            await expectNoBarriers(page);
        }
        await expectNoFaults(page);
    }
});

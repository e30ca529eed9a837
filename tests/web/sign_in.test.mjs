// Signing in with a token, and what those see who may not do everything.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { expectNoBarriers, expectNoFaults, items, members, openBrowser, openPage, Server, tokens, until } from './support.mjs';

let server, browser;

before(async () => {
    server = await new Server({ auth: true }).start();
    browser = await openBrowser();
    await server.write([...members(2, 20), ...items(20, 2)]);
    await server.settle();
});
after(async () => {
    await browser?.close();
    await server?.end();
});

// Whoever is asked for a token has been answered 401, which the browser writes to the console.
async function open(context) {
    const page = await openPage(browser, server, context ? { context } : {});
    page.expectsFailures = true;
    await page.goto(`${server.base}/`);
    await page.getByRole('heading', { name: 'Sign in to allot' }).waitFor();
    return page;
}

async function signIn(page, token) {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
}

test('a token lets one in, for this tab only, until one signs out', async () => {
    const page = await open();
    await expectNoBarriers(page);
    await signIn(page, 'not-a-token-of-anybody');
    await page.getByText('the token is nobody’s').or(page.getByText("the token is nobody's")).waitFor();
    await signIn(page, tokens.operator);
    await page.getByText('Every item is where it should be.').waitFor();
    await page.getByText('deploy (operator)').waitFor();
    await page.getByRole('button', { name: 'Pause…' }).waitFor();
    await page.reload();
    await page.getByText('deploy (operator)').waitFor();
    assert.equal(await page.evaluate(() => localStorage.length), 0);
    assert.equal(await page.evaluate(() => document.cookie), '');
    const other = await open(page.context());
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to allot' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await expectNoFaults(page);
    await expectNoFaults(other);
});

test('a reader sees everything, and no button that would be refused', async () => {
    const page = await open();
    await signIn(page, tokens.reader);
    await page.getByText('wall (reader)').waitFor();
    await page.getByText('Running.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Pause…' }).count(), 0);
    await page.getByRole('link', { name: 'Members', exact: true }).click();
    await page.getByRole('link', { name: 'zone-a/m-01', exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: /Drain|Deregister/ }).count(), 0);
    await page.getByRole('link', { name: 'zone-a/m-01', exact: true }).click();
    await page.getByText('Items that it holds').waitFor();
    await page.getByText('primary').first().waitFor();
    assert.equal(await page.getByRole('button', { name: /…$/ }).count(), 0);
    await page.goto(`${server.base}/#/items/orders%2F00001`);
    await page.getByText('stays: the solution wants it here').first().waitFor();
    assert.equal(await page.getByRole('button', { name: /…$/ }).count(), 0);
    await page.getByRole('link', { name: 'What if', exact: true }).click();
    await page.getByLabel('Which').selectOption('zone:zone-a');
    await page.getByRole('button', { name: 'Add to the plan' }).click();
    await page.getByText(/in \d+ rounds?\./).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Apply…' }).count(), 0);
    await expectNoBarriers(page);
    await expectNoFaults(page);
});

test('a member’s token is told apart', async () => {
    const page = await open();
    await signIn(page, tokens.member);
    await page.getByText('This token is that of the member zone-a/m-01.').waitFor();
    await expectNoBarriers(page);
    await page.getByRole('button', { name: 'Use another token' }).click();
    await page.getByRole('heading', { name: 'Sign in to allot' }).waitFor();
    await expectNoFaults(page);
});

// The server reads other tokens, and is told so.
async function readTokens(lines, token, status, role) {
    writeFileSync(join(server.folder, 'tokens'), lines);
    server.process.kill('SIGHUP');
    await until('the tokens are read', async () => {
        const reply = await fetch(`${server.base}/v1/whoami`, { headers: { Authorization: `Bearer ${token}` } });
        return reply.status === status && (role === undefined || (await reply.json()).role === role);
    });
}

test('an operator who is a reader now has no buttons any more', async () => {
    const lines = readFileSync(join(server.folder, 'tokens'), 'utf8');
    const demoted = lines.replace('deploy operator', 'deploy reader');
    const page = await open();
    await signIn(page, tokens.operator);
    await page.getByText('deploy (operator)').waitFor();
    await page.goto(`${server.base}/#/members/zone-a/m-01`);
    await page.getByRole('button', { name: 'Drain…' }).click();
    await page.getByRole('dialog').getByText(/in \d+ rounds?\./).waitFor();
    await readTokens(demoted, tokens.operator, 200, 'reader');
    await page.getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByText('Your role is reader now.').waitFor();
    await page.getByText('deploy (reader)').waitFor();
    assert.equal(await page.getByRole('button', { name: /…$/ }).count(), 0);
    await readTokens(lines, tokens.operator, 200, 'operator');
    for (const hidden of [true, false])
        await page.evaluate((value) => {
            Object.defineProperty(document, 'hidden', { value, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
    await page.getByRole('button', { name: 'Drain…' }).waitFor();
    await expectNoFaults(page);
});

test('a token that is taken away leads back to the door', async () => {
    const lines = readFileSync(join(server.folder, 'tokens'), 'utf8');
    const page = await open();
    await signIn(page, tokens.reader);
    await page.getByText('wall (reader)').waitFor();
    await readTokens(lines.replace(/^wall.*\n/m, ''), tokens.reader, 401);
    await server.request('PUT', '/v1/items/news', { replication: 1 });
    await page.getByRole('heading', { name: 'Sign in to allot' }).waitFor();
    await page.getByText('That did not work:').waitFor();
    await readTokens(lines, tokens.reader, 200);
    await expectNoFaults(page);
});

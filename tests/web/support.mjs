// An allotd of one's own, and a browser that looks at it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(join(root, 'web/package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const tokens = { operator: 'the-operators-token', reader: 'the-readers-token', member: 'the-token-of-a-member' };

const patience = 30000;

export async function until(what, holds) {
    const end = Date.now() + patience;
    for (;;) {
        const found = await holds();
        if (found) return found;
        if (Date.now() > end) throw new Error(`it never came that ${what}`);
        await new Promise((done) => setTimeout(done, 50));
    }
}

// --- a server ---

export class Server {
    // `large`: it will hold very much, so not the one with sanitizers.
    constructor({ auth = false, large = false, flags = [] } = {}) {
        const { ALLOTD = 'build/allotd', ALLOTD_LARGE = ALLOTD } = process.env;
        this.allotd = join(root, large ? ALLOTD_LARGE : ALLOTD);
        this.folder = mkdtempSync(join(tmpdir(), 'allot-web.'));
        this.port = 0;
        this.flags = flags;
        this.token = auth ? tokens.operator : null;
        if (auth) {
            const line = (name, role, token) =>
                `${name} ${role} ${createHash('sha256').update(token).digest('hex')}\n`;
            const file = join(this.folder, 'tokens');
            writeFileSync(
                file,
                line('deploy', 'operator', tokens.operator) +
                    line('wall', 'reader', tokens.reader) +
                    line('one', 'member:zone-a/m-01', tokens.member),
            );
            this.flags = [...flags, '--auth-file', file];
        }
    }

    get base() {
        return `http://127.0.0.1:${this.port}`;
    }

    // On the port of before, if there was one.
    async start() {
        const args = ['serve', '--listen', `127.0.0.1:${this.port}`, '--data-dir', join(this.folder, 'data')];
        this.log = '';
        this.process = spawn(this.allotd, [...args, ...this.flags], { stdio: ['ignore', 'inherit', 'pipe'] });
        this.ended = new Promise((done) => this.process.on('exit', done));
        this.process.stderr.on('data', (text) => (this.log += text));
        await until('allotd listens', () => {
            if (this.process.exitCode !== null) throw new Error(`allotd has ended: ${this.log}`);
            const found = /listening.*127\.0\.0\.1:(\d+)/.exec(this.log);
            if (found) this.port = Number(found[1]);
            return found;
        });
        await until('allotd is ready', async () => (await fetch(`${this.base}/readyz`)).ok);
        return this;
    }

    async kill(signal = 'SIGTERM') {
        this.process.kill(signal);
        const status = await this.ended;
        if (signal === 'SIGTERM' && status !== 0) throw new Error(`allotd ended with ${status}: ${this.log}`);
    }

    async end() {
        if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
        rmSync(this.folder, { recursive: true, force: true });
    }

    async request(method, path, body) {
        const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
        if (this.token) headers.Authorization = `Bearer ${this.token}`;
        if (method === 'POST') headers['Content-Type'] = 'application/json';
        const response = await fetch(this.base + path, {
            method,
            headers,
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
        return text ? JSON.parse(text) : null;
    }

    // Many writes, each for itself.
    async write(changes) {
        for (let at = 0; at < changes.length; at += 5000) {
            const done = await this.request('POST', '/v1/batch?atomic=false', changes.slice(at, at + 5000));
            const bad = done.results.find((result) => result.status >= 400);
            if (bad) throw new Error(JSON.stringify(bad));
        }
    }

    async settle() {
        await until('everything is assigned', async () => {
            const cluster = await this.request('GET', '/v1/cluster');
            const pending = cluster.allocator.pending;
            return pending && pending.add + pending.remove === 0;
        });
    }
}

export function two(number) {
    return String(number).padStart(2, '0');
}

// So many members in each of the zones a, b and c.
export function members(perZone, limit) {
    return ['zone-a', 'zone-b', 'zone-c'].flatMap((zone) =>
        Array.from({ length: perZone }, (_, n) => ({
            method: 'PUT',
            path: `/v1/members/${zone}/m-${two(n + 1)}`,
            body: { item_limit: typeof limit === 'function' ? limit(n) : limit },
        })),
    );
}

export function items(count, replication, name = (n) => `orders/${String(n).padStart(5, '0')}`) {
    return Array.from({ length: count }, (_, n) => ({
        method: 'PUT',
        path: `/v1/items/${encodeURIComponent(name(n))}`,
        body: { replication, labels: { tier: String(n % 3) } },
    }));
}

// --- a browser ---

export async function openBrowser() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
}

// A page that remembers what a good one never does: errors in the console, requests elsewhere.
// While `expectsFailures`, requests that fail are no fault: the browser writes each to the console.
export async function openPage(browser, server, { width = 1440, height = 900, dark = false, context } = {}) {
    const own =
        context ?? (await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light' }));
    const page = await own.newPage();
    page.setDefaultTimeout(patience);
    page.faults = [];
    page.expectsFailures = false;
    page.on('console', (message) => {
        const failed = message.text().startsWith('Failed to load resource');
        if (message.type() === 'error' && !(failed && page.expectsFailures)) page.faults.push(message.text());
        if (/content security policy|trusted ?type/i.test(message.text())) page.faults.push(message.text());
    });
    page.on('pageerror', (error) => page.faults.push(String(error)));
    page.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(server.base) && !url.startsWith('data:')) page.faults.push(`a request to ${url}`);
    });
    return page;
}

// What axe finds against the page as it is now: nothing, if all is well.
async function findBarriers(page) {
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
        const result = await globalThis.axe.run(document, { resultTypes: ['violations'] });
        return result.violations.map((violation) => ({
            id: violation.id,
            help: violation.help,
            nodes: violation.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`),
        }));
    });
    return found;
}

export async function expectNoBarriers(page) {
    const found = await findBarriers(page);
    if (found.length > 0) throw new Error(`${page.url()}: ${JSON.stringify(found, null, 2)}`);
}

// And the page is done with.
export async function expectNoFaults(page) {
    if (page.faults.length > 0) throw new Error(page.faults.join('\n'));
    await page.close();
}

// How soon the dashboard can be used: node tests/bench/dashboard.mjs [ITEMS...]
import { items, members, openBrowser, openPage, Server } from '../web/support.mjs';

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10000, 100000];
const visits = 7;
const views = {
    overview: ['#/', (page) => page.getByText('Every item is where it should be.')],
    members: ['#/members', (page) => page.getByRole('row').nth(1)],
    items: ['#/items', (page) => page.getByRole('row').nth(1)],
    item: ['#/items/orders%2F00007', (page) => page.getByText('stays: the solution').first()],
};

function median(numbers) {
    return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

// From asking for the page to what it is about being there; each visit with an empty cache.
async function measure(browser, server, path, there) {
    const took = [];
    for (let visit = 0; visit < visits; visit++) {
        const page = await openPage(browser, server);
        const begin = performance.now();
        await page.goto(`${server.base}/${path}`);
        await there(page).waitFor();
        took.push(performance.now() - begin);
        await page.context().close();
    }
    return median(took);
}

const browser = await openBrowser();
for (const size of sizes) {
    const server = await new Server({ large: true }).start();
    await server.write([...members(33, Math.ceil(size / 25)), ...items(size, 3)]);
    await server.settle();
    for (const [name, [path, there]] of Object.entries(views))
        console.log(`${size} items, 99 members: ${name} after ${Math.round(await measure(browser, server, path, there))} ms`);
    const begin = performance.now();
    for (let n = 0; n < 10; n++) await server.request('GET', '/v1/cluster');
    console.log(`${size} items: GET /v1/cluster ${((performance.now() - begin) / 10).toFixed(1)} ms`);
    await server.end();
}
await browser.close();

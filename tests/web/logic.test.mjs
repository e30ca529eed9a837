// What is only computed, without a browser.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const web = fileURLToPath(new URL('../../web', import.meta.url));
const { build } = createRequire(join(web, 'package.json'))('esbuild');
const folder = mkdtempSync(join(tmpdir(), 'allot-logic.'));
const names = ['format', 'history', 'ideas', 'item_pages', 'load', 'plans', 'watch'];
const logic = {};

before(async () => {
    const entryPoints = names.map((name) => join(web, `src/data/${name}.ts`));
    await build({ entryPoints, outdir: folder, bundle: true, splitting: true, format: 'esm', outExtension: { '.js': '.mjs' } });
    for (const name of names) logic[name] = await import(pathToFileURL(join(folder, `${name}.mjs`)));
});
after(() => rmSync(folder, { recursive: true }));

test('a fair share is that of the solver', () => {
    const { fairShare } = logic.load;
    assert.equal(fairShare(10, 50, 100), 5);
    assert.equal(fairShare(10, 51, 100), 6, 'rounded up');
    assert.equal(fairShare(10, 101, 100), 10, 'never above the limit');
    assert.equal(fairShare(10, 100, 100), 10);
    assert.equal(fairShare(0, 0, 0), 0);
});

test('changes are said as an operator would', () => {
    const { changes, sayChange } = logic.plans;
    const member = { zone: 'zone a/1', suffix: 'm#é' };
    assert.equal(changes.drain(member).path, '/v1/members/zone%20a%2F1/m%23%C3%A9/drain');
    assert.equal(sayChange(changes.drain(member)), 'Drain zone a/1 › m#é');
    assert.equal(sayChange(changes.cancelDrain(member)), 'Take the drain of zone a/1 › m#é back');
    assert.equal(sayChange(changes.deregister(member)), 'Remove member zone a/1 › m#é');
    assert.equal(sayChange(changes.register(member, 7)), 'Add member zone a/1 › m#é, for 7 items');
    assert.equal(sayChange(changes.limit(member, 7)), 'Set the limit of zone a/1 › m#é to 7');
    assert.equal(sayChange(changes.replication('a/drain', 2)), 'Give item a/drain 2 replicas');
    assert.deepEqual(changes.deregister(member), { method: 'DELETE', path: `${changes.limit(member, 1).path}?force=true` });
});

function memberOf(suffix, more = {}) {
    return { zone: 'a', suffix, item_limit: 20, exiting: false, ...more };
}

test('limits are changed on top of what is supposed already', () => {
    const { gather, lose, scaleLimits, setLimits } = logic.ideas;
    const [one, two] = [memberOf('1'), memberOf('2')];
    const said = ({ changes }) => changes.map((change) => `${change.method} ${change.path} ${change.body?.item_limit ?? ''}`.trim());
    const halve = () => scaleLimits([one, two], 'all', 0.5);
    assert.deepEqual(said(gather([halve(), halve()])), ['PATCH /v1/members/a/1 5', 'PATCH /v1/members/a/2 5']);
    assert.deepEqual(gather([halve(), halve()]).notes, [null, null]);
    assert.deepEqual(said(gather([setLimits([one], 'one', 30), halve()])), ['PATCH /v1/members/a/1 15', 'PATCH /v1/members/a/2 10']);
    for (const list of [[lose([one], 'one'), halve()], [halve(), lose([one], 'one')]])
        assert.deepEqual(said(gather(list)).sort(), ['DELETE /v1/members/a/1?force=true', 'PATCH /v1/members/a/2 10']);
});

test('of ideas that can’t be joined one is told to be overridden, and by which', () => {
    const { drain, gather, lose, replicate, scaleLimits, setLimits } = logic.ideas;
    const [one, two] = [memberOf('1'), memberOf('2')];
    const halve = scaleLimits([one, two], 'all', 0.5);
    assert.deepEqual(gather([lose([one], 'one'), halve]).notes, [null, 'Overridden for 1 of 2 by: Lose one']);
    assert.deepEqual(gather([lose([one], 'one'), drain([one], 'one')]).notes, [null, 'Overridden by: Lose one']);
    assert.deepEqual(gather([drain([one], 'one'), lose([one], 'one')]).notes, ['Overridden by: Lose one', null]);
    assert.deepEqual(gather([setLimits([one], 'one', 3), drain([one], 'one')]).notes, ['Overridden by: Drain one', null]);
    assert.deepEqual(gather([halve, setLimits([one], 'one', 20)]).notes, ['Overridden for 1 of 2 by: Set the limit of one to 20', null]);
    assert.deepEqual(gather([replicate('i', 2), replicate('i', 3)]).notes, ['Overridden by: Give i 3 replicas', null]);
    assert.deepEqual(gather([lose([one], 'one'), lose([one, two], 'all')]).notes, [null, null]);
});

test('an idea with nothing to do says so', () => {
    const { drain, gather, scaleLimits, setLimits } = logic.ideas;
    const note = (idea) => gather([idea]).notes[0];
    assert.match(note(drain([memberOf('1', { exiting: true })], 'it')), /^Nothing to do: that is being drained already/);
    assert.match(note(setLimits([memberOf('1')], 'it', 20)), /^Nothing to do/);
    assert.match(note(scaleLimits([memberOf('1', { item_limit: 0 })], 'it', 2)), /^Nothing to do/);
    assert.equal(note(setLimits([memberOf('1')], 'it', 21)), null);
});

test('new members take nobody’s name', () => {
    const { addMembers, ideas } = logic.ideas;
    const member = memberOf('new-1');
    const first = addMembers([member], 'a', 2, 9);
    assert.deepEqual(first.changes.map((change) => change.path), ['/v1/members/a/new-2', '/v1/members/a/new-3']);
    ideas.set([first]);
    assert.equal(addMembers([member], 'a', 1, 9).changes[0].path, '/v1/members/a/new-4');
});

// What the requests for a list of so many items get, each after as many turns as it says.
function serveItems(total, delayOf) {
    let asked = 0;
    globalThis.fetch = async (path) => {
        const query = new URL(path, 'http://allot').searchParams;
        const [from, limit] = [Number(query.get('continue') ?? 0), Number(query.get('limit'))];
        for (let turns = delayOf(++asked); turns > 0; turns--) await new Promise((done) => setImmediate(done));
        const items = Array.from({ length: Math.min(limit, total - from) }, (_, n) => ({ id: `i${from + n}` }));
        const more = from + limit < total ? { continue: String(from + limit) } : {};
        return Response.json({ revision: 1, items, ...more });
    };
}

test('a list that is read anew while one scrolls has every row once', async () => {
    for (const delays of [[1], [9, 1, 1, 1], [1, 1, 1, 9, 1], [1, 9, 1, 1, 1, 9]]) {
        serveItems(5000, (nth) => delays[(nth - 1) % delays.length]);
        const pages = new logic.item_pages.ItemPages({ contains: '', prefix: '', state: '', label: '' });
        pages.state.subscribe(() => pages.see(0, pages.state.value.rows.length));
        const settled = async () => {
            for (let turns = 0; turns < 100; turns++) await new Promise((done) => setImmediate(done));
            return pages.state.value;
        };
        const first = pages.reload();
        pages.see(0, 0);
        await first;
        await Promise.all([pages.reload(), pages.reload()]);
        const { rows, more, busy } = await settled();
        assert.deepEqual(rows.map((row) => row.id), Array.from({ length: 5000 }, (_, n) => `i${n}`));
        assert.deepEqual([more, busy], [false, false]);
        pages.close();
    }
});

test('a list that has been read anew is not outdated by what was before it', async () => {
    const { setTimeout: real } = globalThis;
    const timers = [];
    globalThis.setTimeout = (call) => timers.push(call);
    try {
        serveItems(10, () => 1);
        const pages = new logic.item_pages.ItemPages({ contains: '', prefix: '', state: '', label: '' });
        await pages.reload();
        pages.take([{ kind: 'item', operation: 'delete', id: 'i3' }]);
        assert.ok(pages.state.value.outdated);
        await pages.reload();
        for (const call of timers.splice(0)) call();
        for (let turns = 0; turns < 20; turns++) await new Promise((done) => setImmediate(done));
        assert.ok(!pages.state.value.outdated);
    } finally {
        globalThis.setTimeout = real;
    }
});

test('lines are found however a stream is cut', async () => {
    const text = new TextEncoder().encode('{"a":"é"}\n\n{"b":2}\n{"cut');
    for (let size = 1; size <= text.length; size++) {
        const stream = new ReadableStream({
            start(controller) {
                for (let at = 0; at < text.length; at += size) controller.enqueue(text.slice(at, at + size));
                controller.close();
            },
        });
        const lines = [];
        for await (const line of logic.watch.linesOf(stream)) lines.push(line);
        assert.deepEqual(lines, ['{"a":"é"}', '{"b":2}'], `in pieces of ${size}`);
    }
});

test('numbers and times are told shortly', () => {
    const { counted, duration, percent } = logic.format;
    assert.equal(counted(1, 'item'), '1 item');
    assert.equal(counted(12345, 'entry', 'entries'), '12,345 entries');
    assert.equal(percent(1, 3), '33 %');
    assert.equal(percent(1, 1000), '0.1 %');
    assert.equal(percent(1, 50000), '< 0.1 %', 'not nothing');
    assert.equal(percent(99999, 100000), '99.9 %', 'not all of it');
    assert.equal(percent(0, 0), '–');
    assert.equal(duration(89000), '89 s');
    assert.equal(duration(3600000), '60 min');
    assert.equal(duration(36e5 * 50), '2 days');
});

test('names look like no other, and leave a sentence as it is', () => {
    const { inSentence, memberName, visible } = logic.format;
    assert.equal(visible('\u202Egnp.exe\u0007'), '[U+202E]gnp.exe[U+0007]');
    assert.equal(visible('ze\u200Bro\u2028'), 'ze[U+200B]ro[U+2028]');
    assert.equal(visible('é 😀 a\tb'), 'é 😀 a\tb');
    assert.equal(inSentence('orders/7'), 'orders/7');
    assert.equal(inSentence('עברית/12'), '\u2068עברית/12\u2069');
    assert.equal(inSentence('a\u2069\u202Eb'), 'a[U+2069][U+202E]b', 'it can’t leave its isolate');
    assert.equal(visible(`Give ${inSentence('עברית/12')} 31 replicas`), 'Give \u2068עברית/12\u2069 31 replicas');
    assert.equal(memberName({ zone: 'אזור', suffix: 'm-1' }), '\u2068אזור\u2069/m-1');
});

test('a convergence ends with the last round that did something about a change', () => {
    const round = (why, began, time, additions) => ({ why, began: `2026-01-01T00:00:${began}Z`, time: `2026-01-01T00:00:${time}Z`, additions });
    const rounds = [
        round('network', '01', '02', 5),
        round('assignments', '03', '04', 1),
        round('assignments', '05', '06', 0), // nothing was left to do
        round('network', '10', '11', 0),
        round('settings', '20', '21', 2),
    ];
    assert.deepEqual(logic.history.convergenceTimes(rounds), [null, 3000, null, null, 1000]);
    assert.deepEqual(logic.history.convergenceTimes([]), []);
});

test('a replica that gets another slot is told of once', () => {
    const { joinSlots, sayEvent } = logic.history;
    const event = (revision, operation, suffix, slot) => ({ revision, kind: 'assignment', operation, item: 'i', zone: 'a', suffix, slot, before: null });
    const joined = joinSlots([
        event(9, 'create', '1', 0),
        event(9, 'delete', '1', 2),
        event(9, 'delete', '2', 0),
        event(8, 'create', '2', 0),
        event(7, 'delete', '3', 4),
        event(7, 'create', '3', 1),
    ]);
    assert.deepEqual(joined.map(sayEvent), [
        'now primary on a/1',
        'taken from a/2',
        'given to a/2, as primary',
        'on a/3: slot 4 → 1',
    ]);
});

test('changes are told in words', () => {
    const { sayEvent } = logic.history;
    const say = (kind, operation, before, after, more = {}) => sayEvent({ kind, operation, before, after, ...more });
    assert.equal(say('item', 'update', { replication: 2, labels: {} }, { replication: 3, labels: { a: 'b' } }), 'replication 2 → 3, labels {} → {"a":"b"}');
    assert.equal(say('member', 'expire', {}, null), 'gone: its lease has expired');
    assert.equal(say('member', 'update', { exiting: true }, { exiting: false }), 'no longer to be drained');
    assert.equal(say('assignment', 'create', null, {}, { zone: 'a', suffix: '1', slot: 0 }), 'given to a/1, as primary');
    assert.equal(say('assignment', 'update', { reported: false }, { reported: true }, { zone: 'a', suffix: '1' }), 'consistent on a/1');
    assert.equal(say('allocator', 'update', { paused: 'no' }, { paused: 'all', reason: 'x' }), 'paused: x');
    assert.equal(say('gap', 'miss', null, { from_revision: 1, to_revision: 20 }), 'what happened from revision 1 to 20 is not known');
    assert.match(say('item', 'delete', {}, null, { reconstructed: true }), /^deleted \(when and by whom is not known\)$/);
});

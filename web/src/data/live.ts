// The cluster as it is now, kept so by the stream of changes.
//
//     connecting ──► live ⇄ lost
//         ▲ shown again after a time in the background
//
// What is shown is read anew, as a whole and not too often, whenever the stream tells that something
// has changed, and now and then for what changes without a revision. A stream that breaks off goes on
// after the revision that was seen last, so nothing is missed; where that is no longer possible,
// everything is read anew. While nobody looks (the tab is in the background) there is no stream: a
// browser has only a few connections for one server.
import { useEffect } from 'preact/hooks';
import { get, getAll, Problem, read, wordsOf } from './http';
import { Observable } from './observable';
import type { Allocator, Cluster, Member, WatchEvent } from './types';
import { watch } from './watch';

export interface Live {
    link: 'connecting' | 'live' | 'lost';
    heard: number; // where it is lost: when the server was heard of last
    trouble: string | null; // why it is lost
    notReady: string | null; // why the server can't serve what is current, in its own words
    behind: boolean; // the stream has told of more than could be read, for some seconds
    cluster: Cluster | null;
    allocator: Allocator | null;
    members: Member[] | null;
}

// Twice the time after which the server sends a bookmark when nothing happens, and some.
const silence = 8000;
const pauses = [250, 500, 1000, 2000, 4000];
// Between two reads of everything, beside the time that one takes, as far as that counts.
const leastGap = 300;
const mostWeight = 2000;
// What is shown is read anew after so long even if the stream tells of no change: a pause that ends, a
// store that can't be written and other conditions are of no revision.
const mostAge = 8000;
// What the stream has told of is shown after so long, or it is said to be missing.
const mostBehind = 8000;

export const live = new Observable<Live>({
    link: 'connecting',
    heard: 0,
    trouble: null,
    notReady: null,
    behind: false,
    cluster: null,
    allocator: null,
    members: null,
});

const listeners = new Set<(events: WatchEvent[]) => void>();

// Tells of changes as they come, for those who show something of their own.
export function onChanges(listener: (events: WatchEvent[]) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

/* --- reading --- */

let membersWanted = 0;
let reading = false;
let again = false;

// When what is shown was asked for, its lowest revision, the newest that the stream has told of, and since
// when that is more.
let asked = 0;
let shown = 0;
let told = 0;
let aheadSince: number | null = null;

function judge(): void {
    const behind = aheadSince !== null && Date.now() - aheadSince > mostBehind;
    if (behind !== live.value.behind) live.update({ behind });
}

async function readAll(): Promise<void> {
    const began = Date.now();
    const [cluster, allocator, members] = await Promise.all([
        get<Cluster>('/v1/cluster'),
        read<Allocator>('/v1/allocator'),
        membersWanted > 0 ? getAll<Member>('/v1/members') : null,
    ]);
    // They are read at the same time, not at the same revision.
    shown = Math.min(cluster.revision, allocator.revision, members?.revision ?? Infinity);
    asked = began;
    aheadSince = shown < told ? began : null;
    live.update({ cluster, allocator: allocator.body, ...(members ? { members: members.items } : {}) });
    judge();
}

// Reads everything soon; what is asked for meanwhile is one more read.
export function refresh(): void {
    if (reading) {
        again = true;
        return;
    }
    reading = true;
    const begin = Date.now();
    void readAll()
        .catch((error: unknown) => {
            // The stream will find out, too; but it may be the store, and no change will come.
            if (error instanceof Problem) live.update({ notReady: wordsOf(error) });
        })
        .then(() => new Promise((done) => setTimeout(done, leastGap + Math.min(Date.now() - begin, mostWeight))))
        .then(() => {
            reading = false;
            if (again) {
                again = false;
                refresh();
            }
        });
}

async function askReady(): Promise<void> {
    try {
        await get('/readyz');
        if (live.value.notReady !== null) {
            live.update({ notReady: null });
            refresh();
        }
    } catch (error) {
        if (error instanceof Problem) live.update({ notReady: wordsOf(error) });
    }
}

/* --- the stream --- */

let running: AbortController | null = null;

// Not part of what is observed: it is news of nothing to whoever shows something.
let heard = 0;

async function follow(from: number, signal: AbortSignal, seen: (revision: number) => void): Promise<void> {
    for await (const message of watch(from, silence, signal)) {
        heard = Date.now();
        if (live.value.link !== 'live') {
            aheadSince = null;
            live.update({ link: 'live', trouble: null });
            refresh();
        }
        if (message.gone || message.revision === undefined) throw new Problem(410, {});
        seen(message.revision);
        if (message.events) for (const listener of listeners) listener(message.events);
        told = message.revision;
        if (told > shown) {
            aheadSince ??= heard;
            refresh();
        } else if (heard - asked > mostAge) refresh();
        judge();
        if (message.bookmark) void askReady();
    }
}

async function run(signal: AbortSignal): Promise<void> {
    let last: number | null = null;
    for (let failures = 0; !signal.aborted; failures++) {
        try {
            if (last === null) {
                told = 0;
                await readAll();
                last = shown;
                heard = Date.now();
                live.update({ link: 'live', trouble: null });
            }
            await follow(last, signal, (revision) => {
                last = revision;
                failures = 0;
            });
        } catch (error) {
            if (signal.aborted) return;
            // The server no longer has what came after, or it isn't the one that we knew.
            if (error instanceof Problem) last = null;
            if (live.value.link !== 'lost')
                live.update({ link: 'lost', heard, trouble: wordsOf(error) });
        }
        const pause = pauses[Math.min(failures, pauses.length - 1)] ?? 0;
        await new Promise((done) => setTimeout(done, pause * (0.75 + Math.random() / 2)));
    }
}

function begin(): void {
    if (running || document.hidden) return;
    running = new AbortController();
    live.update({ link: 'connecting', trouble: null });
    void run(running.signal);
}

function end(): void {
    running?.abort();
    running = null;
}

// Until the returned function is called.
export function startLive(): () => void {
    const onVisibility = (): void => (document.hidden ? end() : begin());
    document.addEventListener('visibilitychange', onVisibility);
    begin();
    return () => {
        document.removeEventListener('visibilitychange', onVisibility);
        end();
        live.set({ ...live.value, link: 'connecting', behind: false, cluster: null, allocator: null, members: null });
    };
}

// Has the members read as long as the component is there.
export function useMembersWanted(): void {
    useEffect(() => {
        membersWanted++;
        if (live.value.cluster) refresh();
        return () => {
            membersWanted--;
        };
    }, []);
}

// Changes that are being thought of: each idea is one or several changes, said as one.
import { counted, inSentence } from './format';
import { memberKey } from './http';
import { Observable } from './observable';
import { changes } from './plans';
import type { Change, Member } from './types';

export interface Idea {
    words: string;
    changes: Change[];
    factor?: number; // each change is a limit multiplied by that
    idle?: string; // why it has nothing to do, if so
}

// Kept while other views are looked at.
export const ideas = new Observable<Idea[]>([]);

export function add(idea: Idea): void {
    ideas.set([...ideas.value, idea]);
}

export function remove(index: number): void {
    ideas.set(ideas.value.filter((_, each) => each !== index));
}

function resourceOf(change: Change): string {
    return (change.path.split('?')[0] ?? '').replace(/\/drain$/, '');
}

function limitIn(change: Change): number | null {
    const limit = change.body?.['item_limit'];
    return typeof limit === 'number' ? limit : null;
}

// A member that is lost or drained is that, whatever its limit is supposed to be.
function rankOf(change: Change): number {
    if (change.method === 'DELETE') return 2;
    return change.path.endsWith('/drain') ? 1 : 0;
}

interface Decided {
    change: Change;
    by: number[]; // the ideas, by their places
}

// What comes of one more idea about what was decided so far.
function decide(former: Decided, next: Decided, factor: number | undefined): Decided {
    const ranks = rankOf(next.change) - rankOf(former.change);
    if (ranks !== 0) return ranks > 0 ? next : former;
    const limit = limitIn(former.change);
    if (factor !== undefined && limit !== null) {
        const scaled = { ...former.change, body: { ...former.change.body, item_limit: Math.round(limit * factor) } };
        return { change: scaled, by: [...former.by, ...next.by] };
    }
    const same = JSON.stringify(former.change) === JSON.stringify(next.change);
    return same ? { change: next.change, by: [...former.by, ...next.by] } : next;
}

export interface Gathered {
    changes: Change[];
    notes: (string | null)[]; // of each idea: what of it is not in the changes, and why
}

// "Overridden for 2 of 6 by: Lose zone a (2 members)"
function noteOf(list: Idea[], index: number, decided: Map<string, Decided>, overrides: Set<number>): string | null {
    const { changes: own, idle } = list[index] ?? { changes: [] };
    if (idle !== undefined && !overrides.has(index)) return idle;
    const lost = own.map((change) => decided.get(resourceOf(change))).filter((each) => !each?.by.includes(index));
    if (lost.length === 0) return null;
    const others = [...new Set(lost.flatMap((each) => each?.by ?? []))].map((other) => list[other]?.words ?? '');
    const part = lost.length === own.length ? '' : ` for ${lost.length} of ${own.length}`;
    return `Overridden${part} by: ${others.join('; ')}`;
}

// All changes of some ideas, each on top of those before it. A plan names each resource once, so that
// of two that can't be joined one is left out; its idea is told so.
export function gather(list: Idea[]): Gathered {
    const decided = new Map<string, Decided>();
    const overrides = new Set<number>();
    list.forEach((idea, index) => {
        for (const change of idea.changes) {
            const resource = resourceOf(change);
            const former = decided.get(resource);
            const next = { change, by: [index] };
            decided.set(resource, former ? decide(former, next, idea.factor) : next);
            if (former && decided.get(resource) !== former) overrides.add(index);
        }
    });
    return {
        changes: [...decided.values()].map(({ change }) => change),
        notes: list.map((_, index) => noteOf(list, index, decided, overrides)),
    };
}

export function lose(members: Member[], what: string): Idea {
    return { words: `Lose ${what}`, changes: members.map((member) => changes.deregister(member)) };
}

export function drain(members: Member[], what: string): Idea {
    const staying = members.filter((member) => !member.exiting);
    return {
        words: `Drain ${what}`,
        changes: staying.map(changes.drain),
        ...(staying.length === 0 ? { idle: 'Nothing to do: that is being drained already' } : {}),
    };
}

function limits(words: string, members: Member[], limitOf: (member: Member) => number): Idea {
    return {
        words,
        changes: members.map((member) => changes.limit(member, limitOf(member))),
        ...(members.every((member) => limitOf(member) === member.item_limit)
            ? { idle: 'Nothing to do: no limit would be another' }
            : {}),
    };
}

export function scaleLimits(members: Member[], what: string, factor: number): Idea {
    const words = `${factor === 0.5 ? 'Halve' : factor === 2 ? 'Double' : `Multiply by ${factor}`} the limit of ${what}`;
    return { ...limits(words, members, (member) => Math.round(member.item_limit * factor)), factor };
}

export function setLimits(members: Member[], what: string, limit: number): Idea {
    return limits(`Set the limit of ${what} to ${limit}`, members, () => limit);
}

// New members are called so that they take nobody's name.
export function addMembers(members: Member[], zone: string, number: number, limit: number): Idea {
    const taken = new Set(members.map(memberKey));
    for (const idea of ideas.value)
        for (const change of idea.changes) taken.add(resourceOf(change).split('/').slice(3).join('/'));
    const made: Change[] = [];
    for (let n = 1; made.length < number; n++) {
        const member = { zone, suffix: `new-${n}` };
        if (!taken.has(memberKey(member))) made.push(changes.register(member, limit));
    }
    return { words: `Add ${counted(number, 'member')} to ${inSentence(zone)}, each for ${counted(limit, 'item')}`, changes: made };
}

export function replicate(item: string, replication: number): Idea {
    return { words: `Give ${inSentence(item)} ${counted(replication, 'replica')}`, changes: [changes.replication(item, replication)] };
}

// Changes that are being thought of: each idea is one or several changes, said as one.
import { counted, memberName } from './format';
import { Observable } from './observable';
import { changes } from './plans';
import type { Change, Member } from './types';

export interface Idea {
    words: string;
    changes: Change[];
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

// All changes of some ideas. A plan names each resource once: of two that are about the same, the
// later idea counts.
export function gather(list: Idea[]): Change[] {
    const found = new Map<string, Change>();
    for (const idea of list) for (const change of idea.changes) found.set(resourceOf(change), change);
    return [...found.values()];
}

export function lose(members: Member[], what: string): Idea {
    return { words: `Lose ${what}`, changes: members.map((member) => changes.deregister(member)) };
}

export function drain(members: Member[], what: string): Idea {
    return { words: `Drain ${what}`, changes: members.filter((member) => !member.exiting).map(changes.drain) };
}

export function scaleLimits(members: Member[], what: string, factor: number): Idea {
    return {
        words: `${factor === 0.5 ? 'Halve' : factor === 2 ? 'Double' : `Multiply by ${factor}`} the limit of ${what}`,
        changes: members.map((member) => changes.limit(member, Math.round(member.item_limit * factor))),
    };
}

export function setLimits(members: Member[], what: string, limit: number): Idea {
    return {
        words: `Set the limit of ${what} to ${limit}`,
        changes: members.map((member) => changes.limit(member, limit)),
    };
}

// New members are called so that they take nobody's name.
export function addMembers(members: Member[], zone: string, number: number, limit: number): Idea {
    const taken = new Set(members.map(memberName));
    for (const idea of ideas.value)
        for (const change of idea.changes) {
            const [, , , inZone = '', suffix = ''] = change.path.split('/');
            taken.add(memberName({ zone: decodeURIComponent(inZone), suffix: decodeURIComponent(suffix) }));
        }
    const made: Change[] = [];
    for (let n = 1; made.length < number; n++) {
        const member = { zone, suffix: `new-${n}` };
        if (!taken.has(memberName(member))) made.push(changes.register(member, limit));
    }
    return { words: `Add ${counted(number, 'member')} to ${zone}, each for ${counted(limit, 'item')}`, changes: made };
}

export function replicate(item: string, replication: number): Idea {
    return { words: `Give ${item} ${counted(replication, 'replica')}`, changes: [changes.replication(item, replication)] };
}

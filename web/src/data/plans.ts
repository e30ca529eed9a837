// Changes: what they are in words, what would come of them, and making them.
import { inSentence, memberName } from './format';
import { itemPath, memberPath, post } from './http';
import type { Change, MemberId, Plan, Results } from './types';

// At most so many of them in one plan.
export const mostChanges = 100;

export const changes = {
    drain: (member: MemberId): Change => ({ method: 'POST', path: `${memberPath(member)}/drain` }),
    cancelDrain: (member: MemberId): Change => ({ method: 'DELETE', path: `${memberPath(member)}/drain` }),
    limit: (member: MemberId, limit: number): Change => ({
        method: 'PATCH',
        path: memberPath(member),
        body: { item_limit: limit },
    }),
    deregister: (member: MemberId, session?: string): Change => ({
        method: 'DELETE',
        path: `${memberPath(member)}?force=true`,
        ...(session ? { session } : {}),
    }),
    register: (member: MemberId, limit: number): Change => ({
        method: 'PUT',
        path: memberPath(member),
        body: { item_limit: limit },
    }),
    replication: (item: string, replication: number): Change => ({
        method: 'PATCH',
        path: itemPath(item),
        body: { replication },
    }),
};

function nameIn(path: string): { kind: string; name: string; drain: boolean } {
    const [, , kind = '', ...rest] = (path.split('?')[0] ?? '').split('/');
    const [first = '', second = '', third] = rest.map(decodeURIComponent);
    const name = kind === 'items' ? inSentence(first) : memberName({ zone: first, suffix: second });
    return { kind, name, drain: third === 'drain' };
}

// A change as an operator would say it.
export function sayChange(change: Change): string {
    const { kind, name, drain } = nameIn(change.path);
    const limit = change.body?.['item_limit'];
    if (drain) return change.method === 'POST' ? `Drain ${name}` : `Take the drain of ${name} back`;
    if (kind === 'items') return `Give item ${name} ${String(change.body?.['replication'])} replicas`;
    if (change.method === 'DELETE') return `Remove member ${name}`;
    if (change.method === 'PUT') return `Add member ${name}, for ${String(limit)} items`;
    return `Set the limit of ${name} to ${String(limit)}`;
}

// A session is a secret, and only needed to act: a plan supposes.
export async function plan(list: Change[]): Promise<Plan> {
    const supposed = list.map(({ session: _, ...change }) => change);
    return post<Plan>('/v1/plan?max_moves=2000', { changes: supposed });
}

export function newKey(): string {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Makes the changes of a plan, if it is still the one. With the same key again, not twice.
export async function applyPlan(list: Change[], token: string, key: string): Promise<Results> {
    return post<Results>('/v1/plan?apply=true', { token, changes: list }, { 'Idempotency-Key': key });
}

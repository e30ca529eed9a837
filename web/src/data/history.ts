// What has happened: events, rounds of the allocator, and the cluster as it was.
import { count, counted, inSentence, memberName } from './format';
import { get, Problem, wordsOf } from './http';
import { Observable } from './observable';
import type { Glance, Member } from './types';

export interface Actor {
    principal?: string;
    request_id?: string;
    method?: string;
    path?: string;
    reason?: string;
    instance?: string;
    round?: number;
    fence?: number;
}

export type EventKind = 'item' | 'member' | 'assignment' | 'allocator' | 'scheduler' | 'other' | 'gap';

type Fields = Record<string, unknown>;

export interface HistoryEvent {
    revision: number;
    order: number;
    time: string;
    time_source: 'writer' | 'observed';
    kind: EventKind;
    operation: 'create' | 'update' | 'delete' | 'expire' | 'miss';
    reconstructed?: boolean;
    id?: string;
    item?: string;
    zone?: string;
    suffix?: string;
    slot?: number;
    key?: string;
    actor: Actor | null;
    before: Fields | null;
    after: Fields | null;
}

// As its leader has recorded it.
export interface Round {
    revision: number;
    recorded: string;
    cause: { revision: number; count: number } | null;
    began?: string;
    time?: string;
    why?: string;
    instance?: string;
    fence?: number;
    round?: number;
    solved?: boolean;
    additions?: number;
    removals?: number;
    promotions?: number;
    packings?: number;
    unattainable?: number;
    cut?: { text?: string };
    observe_ms?: number;
    solve_ms?: number;
    converge_ms?: number;
    wait_ms?: number;
}

export interface PastState {
    revision: number;
    time: string | null;
    cluster: Glance;
    members: Member[];
}

export interface EventFilters {
    actor: string;
    item: string;
    member: string; // ZONE or ZONE/SUFFIX
    kind: string;
    from: string; // a revision or a time
    to: string;
}

/* --- in words --- */

function text(value: unknown): string {
    if (typeof value === 'string') return inSentence(value);
    if (typeof value === 'number') return count(value);
    return JSON.stringify(value) ?? 'nothing';
}

// "replication 2 → 3, labels {} → {"tier":"1"}"
function difference(before: Fields, after: Fields): string {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
    if (changed.length === 0) return 'written anew';
    return changed.map((name) => `${name.replace(/_/g, ' ')} ${text(before[name])} → ${text(after[name])}`).join(', ');
}

function sayItem({ operation, before, after }: HistoryEvent): string {
    if (operation === 'create') return `created, ${counted(Number(after?.['replication'] ?? 0), 'replica')} wanted`;
    if (operation === 'update') return difference(before ?? {}, after ?? {});
    return 'deleted';
}

function sayMember({ operation, before, after }: HistoryEvent): string {
    if (operation === 'create') return `registered, for ${counted(Number(after?.['item_limit'] ?? 0), 'item')}`;
    if (operation === 'expire') return 'gone: its lease has expired';
    if (operation === 'delete') return 'deregistered';
    if (before?.['exiting'] === false && after?.['exiting'] === true) return 'to be drained';
    if (before?.['exiting'] === true && after?.['exiting'] === false) return 'no longer to be drained';
    return difference(before ?? {}, after ?? {});
}

function sayAssignment(event: HistoryEvent): string {
    const where = memberName({ zone: event.zone ?? '', suffix: event.suffix ?? '' });
    const what = event.slot === 0 ? 'as primary' : `in slot ${event.slot ?? '?'}`;
    const from = event.before?.['slot'];
    if (from !== undefined) return event.slot === 0 ? `now primary on ${where}` : `on ${where}: slot ${text(from)} → ${event.slot}`;
    if (event.operation === 'create') return `given to ${where}, ${what}`;
    if (event.operation === 'expire') return `lost with ${where}, whose lease has expired`;
    if (event.operation === 'delete') return `taken from ${where}`;
    if (event.before?.['reported'] === false && event.after?.['reported'] === true) return `consistent on ${where}`;
    return `of ${where}: ${difference(event.before ?? {}, event.after ?? {})}`;
}

function saySettings({ before, after }: HistoryEvent): string {
    const paused = after?.['paused'] ?? 'no';
    if (paused !== 'no') return `${paused === 'all' ? 'paused' : 'moves paused'}${after?.['reason'] ? `: ${text(after['reason'])}` : ''}`;
    if ((before?.['paused'] ?? 'no') !== 'no') return 'goes on';
    const { by: _by, since: _since, ...now } = after ?? {};
    return `settings ${JSON.stringify(now)}`;
}

export function sayEvent(event: HistoryEvent): string {
    const words = ((): string => {
        switch (event.kind) {
            case 'item':
                return sayItem(event);
            case 'member':
                return sayMember(event);
            case 'assignment':
                return sayAssignment(event);
            case 'allocator':
                return saySettings(event);
            case 'scheduler':
                return event.operation === 'create' ? 'may lead' : event.operation === 'update' ? 'leads, or has renewed that' : 'gone';
            case 'gap':
                return `what happened from revision ${text(event.after?.['from_revision'])} to ${text(event.after?.['to_revision'])} is not known`;
            case 'other':
                return event.operation === 'create' ? 'written' : event.operation === 'update' ? 'written anew' : 'deleted';
        }
    })();
    return event.reconstructed ? `${words} (when and by whom is not known)` : words;
}

// A replica that gets another slot is taken away and given again in one revision: that is told as
// one change.
export function joinSlots(events: HistoryEvent[]): HistoryEvent[] {
    const name = (event: HistoryEvent): string => JSON.stringify([event.revision, event.item, event.zone, event.suffix]);
    const taken = new Map<string, HistoryEvent>();
    const given = new Set<string>();
    for (const event of events) {
        if (event.kind !== 'assignment') continue;
        if (event.operation === 'delete') taken.set(name(event), event);
        if (event.operation === 'create') given.add(name(event));
    }
    return events.flatMap((event) => {
        const former = event.kind === 'assignment' ? taken.get(name(event)) : undefined;
        if (!former || !given.has(name(event))) return [event];
        if (event === former) return [];
        return [{ ...event, operation: 'update', before: { ...former.before, slot: former.slot } }];
    });
}

export function sayActor(actor: Actor | null): string {
    if (!actor) return 'nobody has told';
    if (actor.principal === 'allocator') return `allocator${actor.round === undefined ? '' : `, round ${actor.round}`}`;
    return actor.principal ?? actor.instance ?? 'unknown';
}

export const whyWords: Record<string, string> = {
    leadership: 'came to lead',
    network: 'the problem has changed',
    settings: 'the settings have changed',
    assignments: 'replicas came, went or became consistent',
    retry: 'something was left to do',
};

export function movesOf(round: Round): number {
    return (round.additions ?? 0) + (round.removals ?? 0);
}

// How long it took from the first round about a change to the last, at that last one: a round about
// what the rounds before have set going belongs to them. null at all others, which have not come to
// an end.
export function convergenceTimes(rounds: Round[]): (number | null)[] {
    const times: (number | null)[] = rounds.map(() => null);
    let first: Round | null = null;
    let last = -1;
    const end = (): void => {
        const round = rounds[last];
        if (first?.began && round?.time) times[last] = Date.parse(round.time) - Date.parse(first.began);
    };
    rounds.forEach((round, index) => {
        if (round.why !== 'assignments' && round.why !== 'retry') {
            end();
            first = null;
            last = -1;
        }
        const acts = movesOf(round) + (round.promotions ?? 0) + (round.packings ?? 0) > 0;
        if (!acts) return;
        first ??= round;
        last = index;
    });
    end();
    return times;
}

/* --- reading --- */

// The last of them, the oldest first.
export async function readRounds(signal: AbortSignal): Promise<{ rounds: Round[]; more: boolean }> {
    const page = await get<{ rounds: Round[]; continue?: string }>('/v1/history/rounds?limit=300', signal);
    return { rounds: page.rounds.reverse(), more: page.continue !== undefined };
}

export async function readPast(at: string, signal: AbortSignal): Promise<PastState> {
    return get<PastState>(`/v1/history/state?kind=member&at=${encodeURIComponent(at)}`, signal);
}

function queryOf(filters: EventFilters): URLSearchParams {
    const query = new URLSearchParams({ limit: String(eventPageSize) });
    const [zone = '', ...suffix] = filters.member.split('/');
    const values = { ...filters, member: '', zone, suffix: suffix.join('/') };
    for (const [name, value] of Object.entries(values)) if (value !== '') query.set(name, value);
    return query;
}

export const eventPageSize = 200;

export interface EventPagesState {
    rows: HistoryEvent[];
    revision: number; // that the history had reached
    more: boolean;
    busy: boolean;
    trouble: string | null;
}

// Events, the newest first, page by page as they are scrolled to.
export class EventPages {
    readonly state = new Observable<EventPagesState>({ rows: [], revision: 0, more: true, busy: false, trouble: null });
    private token = '';
    private again = false;
    private readonly abort = new AbortController();

    constructor(
        private readonly path: string,
        private readonly filters: EventFilters | null = null,
    ) {}

    close(): void {
        this.abort.abort();
    }

    // Begins again, once what is under way is there: what is shown stays until the first page is.
    async reload(): Promise<void> {
        this.again = this.state.value.busy;
        if (this.again) return;
        this.token = '';
        await this.read(true);
    }

    see(end: number): void {
        const { rows, more, busy, trouble } = this.state.value;
        if (more && !busy && trouble === null && end + 50 > rows.length) void this.read(false);
    }

    private async read(first: boolean): Promise<void> {
        const { signal } = this.abort;
        const query = this.filters ? queryOf(this.filters) : new URLSearchParams({ limit: String(eventPageSize) });
        let rows = first ? [] : this.state.value.rows;
        let revision = 0;
        this.state.update({ busy: true, trouble: null });
        try {
            // A page may have none, and yet go on: but not for ever without being asked.
            for (let pages = 0; pages < 20; pages++) {
                if (this.token) query.set('continue', this.token);
                const page = await get<{ revision: number; events: HistoryEvent[]; continue?: string }>(`${this.path}?${query.toString()}`, signal);
                this.token = page.continue ?? '';
                rows = rows.concat(page.events);
                if (revision === 0) revision = page.revision;
                if (!this.token || page.events.length > 0) break;
            }
            this.state.update({ rows, more: this.token !== '', busy: false, trouble: null });
            if (first) this.state.update({ revision });
        } catch (error) {
            if (signal.aborted) return;
            const empty = error instanceof Problem && error.status === 410;
            this.state.update({ busy: false, more: false, trouble: empty ? null : wordsOf(error) });
        }
        if (this.again) await this.reload();
    }
}

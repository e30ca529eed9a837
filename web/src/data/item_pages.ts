// The items that pass some filters, page by page as they are scrolled to.
//
// A list stands at the revision of its first page. Rows in view that change are read anew, one by
// one; that others have come or gone is only told, so that nothing jumps under the reader's hand.
import { get, itemPath, Problem, wordsOf } from './http';
import { Observable } from './observable';
import type { Item, List, WatchEvent } from './types';

export interface Filters {
    contains: string;
    prefix: string;
    state: string;
    label: string;
}

export interface Pages {
    rows: Item[];
    revision: number | null;
    more: boolean; // there is another page
    busy: boolean;
    trouble: string | null;
    outdated: boolean; // items have come or gone since
}

const pageSize = 1000;
const mostReadAnew = 40; // at a time; more are a reason to begin again

function pathOf(filters: Filters, limit: number): string {
    const query = new URLSearchParams({ limit: String(limit) });
    for (const [name, value] of Object.entries(filters)) if (value !== '') query.set(name, value);
    return `/v1/items?${query.toString()}`;
}

export class ItemPages {
    readonly state = new Observable<Pages>({
        rows: [],
        revision: null,
        more: true,
        busy: false,
        trouble: null,
        outdated: false,
    });
    private token = '';
    private turn = 0; // raised each time it begins again: answers to what was asked before don't count
    private abort = new AbortController();
    private touched = new Set<string>();
    private timer: ReturnType<typeof setTimeout> | null = null;
    private view: [number, number] = [0, 0];

    constructor(private readonly filters: Filters) {}

    close(): void {
        this.abort.abort();
        if (this.timer !== null) clearTimeout(this.timer);
    }

    // Begins again, with as many rows as there were: those stay until all of the others are there.
    async reload(): Promise<void> {
        const own = ++this.turn;
        const wanted = this.state.value.rows.length;
        this.touched.clear(); // what is read from now on has that
        this.state.update({ busy: true, trouble: null });
        try {
            let rows: Item[] = [];
            let page: List<Item>;
            do {
                page = await this.read(rows.length > 0 ? this.token : '');
                if (own !== this.turn) return;
                this.token = page.continue ?? '';
                rows = rows.concat(page.items);
            } while (this.token && page.items.length > 0 && rows.length < wanted);
            this.state.update({ rows, revision: page.revision, more: this.token !== '', busy: false, outdated: false });
        } catch (error) {
            this.fail(error, own);
        }
    }

    // The rows in view have changed: reads on where their end is near.
    see(begin: number, end: number): void {
        this.view = [begin, end];
        const { rows, more, busy, trouble } = this.state.value;
        if (more && !busy && trouble === null && end + pageSize / 4 > rows.length) void this.goOn();
    }

    private read(token: string): Promise<List<Item>> {
        const path = pathOf(this.filters, pageSize);
        return get<List<Item>>(token ? `${path}&continue=${token}` : path, this.abort.signal);
    }

    private async goOn(): Promise<void> {
        const own = this.turn;
        this.state.update({ busy: true });
        try {
            const page = await this.read(this.token);
            if (own !== this.turn) return;
            this.token = page.continue ?? '';
            this.state.update({ rows: this.state.value.rows.concat(page.items), more: this.token !== '', busy: false });
        } catch (error) {
            // The revision that the list stands at is no longer kept.
            if (own === this.turn && error instanceof Problem && error.status === 410) await this.reload();
            else this.fail(error, own);
        }
    }

    private fail(error: unknown, turn: number): void {
        if (turn === this.turn && !this.abort.signal.aborted) this.state.update({ busy: false, trouble: wordsOf(error) });
    }

    // What has changed, of the stream.
    take(events: WatchEvent[]): void {
        for (const event of events) {
            const id = event.kind === 'item' ? event.id : event.kind === 'assignment' ? event.item : undefined;
            if (id !== undefined) this.touched.add(id);
            if (event.kind === 'item' && event.operation === 'delete') this.state.update({ outdated: true });
        }
        if (this.touched.size > 0 && this.timer === null) this.timer = setTimeout(() => void this.readAnew(), 700);
    }

    private async readAnew(): Promise<void> {
        const own = this.turn;
        const touched = this.touched;
        this.touched = new Set();
        const { rows } = this.state.value;
        const inView = rows.slice(...this.view).filter((row) => touched.has(row.id));
        const known = new Set(rows.map((row) => row.id));
        const found = new Map<string, Item | null>();
        await Promise.all(
            inView.slice(0, mostReadAnew).map(async (row) => {
                const item = await get<Item>(itemPath(row.id), this.abort.signal).catch(() => null);
                found.set(row.id, item);
            }),
        );
        this.timer = null;
        if (this.abort.signal.aborted) return;
        if (own === this.turn) this.renew(touched, known, found);
        if (this.touched.size > 0) this.timer = setTimeout(() => void this.readAnew(), 700);
    }

    private renew(touched: Set<string>, known: Set<string>, found: Map<string, Item | null>): void {
        const { revision } = this.state.value;
        const others = [...touched].some((id) => !known.has(id)) && revision !== null && !this.state.value.more;
        const renewed = this.state.value.rows.map((row) => found.get(row.id) ?? row);
        const beyond = touched.size > found.size || others;
        this.state.update({ rows: renewed, outdated: this.state.value.outdated || beyond });
    }
}

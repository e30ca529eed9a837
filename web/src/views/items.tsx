// All items, however many: searched by the server, read page by page.
import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { count, counted, memberName, stateNames } from '../data/format';
import { ItemPages } from '../data/item_pages';
import type { Filters } from '../data/item_pages';
import { live, onChanges } from '../data/live';
import { useObservable } from '../data/observable';
import { linkTo, replaceQuery } from '../data/route';
import { itemStates } from '../data/types';
import type { Item } from '../data/types';
import { Empty, Field, StateMark, Trouble } from '../parts/basics';
import { DataTable } from '../parts/data_table';
import type { Column } from '../parts/data_table';
import { useTitle } from '../parts/hooks';
import { SearchField } from '../parts/search_field';
import { Labels } from './labels';

const columns: Column<Item>[] = [
    { key: 'id', title: 'Item', show: (item) => <a href={linkTo(['items', item.id])}>{item.id}</a> },
    { key: 'state', title: 'State', show: (item) => (item.status ? <StateMark state={item.status.state} /> : '') },
    {
        key: 'replicas',
        title: 'Replicas',
        number: true,
        show: (item) => `${count(item.status?.assigned ?? 0)} of ${count(item.replication)}`,
    },
    { key: 'consistent', title: 'Consistent', number: true, wide: true, show: (item) => count(item.status?.consistent ?? 0) },
    {
        key: 'primary',
        title: 'Primary',
        wide: true,
        show: (item) =>
            item.status?.primary ? (
                <a href={linkTo(['members', item.status.primary.zone, item.status.primary.suffix])}>
                    {memberName(item.status.primary)}
                </a>
            ) : (
                <span class="muted">none</span>
            ),
    },
    { key: 'labels', title: 'Labels', wide: true, show: (item) => <Labels labels={item.labels} /> },
];

const names: (keyof Filters)[] = ['contains', 'prefix', 'state', 'label'];

function filtersOf(query: URLSearchParams): Filters {
    const [contains, prefix, state, label] = names.map((name) => query.get(name) ?? '');
    return { contains: contains ?? '', prefix: prefix ?? '', state: state ?? '', label: label ?? '' };
}

function Toolbar({ filters }: { filters: Filters }): JSX.Element {
    const change = (part: Partial<Filters>): void => replaceQuery({ ...filters, ...part });
    return (
        <form class="toolbar" role="search" aria-label="Items" onSubmit={(event) => event.preventDefault()}>
            <SearchField label="Find" value={filters.contains} placeholder="part of an id" onChange={(contains) => change({ contains })} />
            <SearchField label="Begins with" value={filters.prefix} placeholder="orders/" onChange={(prefix) => change({ prefix })} />
            <Field label="State">
                <select value={filters.state} onChange={(event) => change({ state: event.currentTarget.value })}>
                    <option value="">any</option>
                    {itemStates.map((state) => (
                        <option key={state} value={state}>
                            {stateNames[state]}
                        </option>
                    ))}
                </select>
            </Field>
            <SearchField label="Label" value={filters.label} placeholder="team=search" onChange={(label) => change({ label })} />
        </form>
    );
}

function Found({ pages, total, filtered }: { pages: ItemPages; total: number; filtered: boolean }): JSX.Element {
    const { rows, more, busy, trouble, outdated } = useObservable(pages.state);
    const words = more
        ? `the first ${count(rows.length)}${filtered ? '' : ` of ${count(total)}`}; scroll for more`
        : filtered
          ? `${counted(rows.length, 'item')} of ${count(total)}`
          : counted(rows.length, 'item');
    return (
        <>
            <div class="list-state">
                <p class="muted" role="status">
                    {rows.length > 0 || (!busy && trouble === null) ? words : busy ? 'Searching…' : ''}
                </p>
                {outdated ? (
                    <button type="button" class="button button-small" disabled={busy} onClick={() => void pages.reload()}>
                        ↻ Others have changed: read anew
                    </button>
                ) : null}
            </div>
            <Trouble words={trouble} />
            {trouble !== null ? (
                <button type="button" class="button" onClick={() => void pages.reload()}>
                    Try again
                </button>
            ) : null}
            {rows.length > 0 ? (
                <DataTable
                    label="Items"
                    columns={columns}
                    rows={rows}
                    total={more ? -1 : rows.length}
                    rowKey={(item) => item.id}
                    onRange={(begin, end) => pages.see(begin, end)}
                />
            ) : busy || trouble !== null ? null : filtered ? (
                <Empty title="No item is like that">
                    <button type="button" class="button" onClick={() => replaceQuery({})}>
                        Show all of them
                    </button>
                </Empty>
            ) : (
                <Empty title="No items yet">
                    <p>
                        An item is what is to be placed: <code>PUT /v1/items/NAME</code> with <code>{'{"replication": 2}'}</code>.
                    </p>
                </Empty>
            )}
        </>
    );
}

export function ItemsView({ query }: { query: URLSearchParams }): JSX.Element {
    const { cluster } = useObservable(live);
    const filters = filtersOf(query);
    const key = JSON.stringify(filters);
    const pages = useMemo(() => new ItemPages(filters), [key]);
    useTitle('Items');
    useEffect(() => {
        void pages.reload();
        const end = onChanges((events) => pages.take(events));
        return () => {
            end();
            pages.close();
        };
    }, [pages]);
    return (
        <>
            <header class="view-head">
                <h1>Items</h1>
            </header>
            <Toolbar filters={filters} />
            <Found
                pages={pages}
                total={cluster?.totals.items ?? 0}
                filtered={Object.values(filters).some((value) => value !== '')}
            />
        </>
    );
}

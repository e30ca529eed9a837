// What has happened, when, why and by whom: rounds of the allocator, and all changes.
import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { count, counted, milliseconds, time } from '../data/format';
import { convergenceTimes, eventPageSize, EventPages, movesOf, readRounds, whyWords } from '../data/history';
import type { EventFilters, Round } from '../data/history';
import { live } from '../data/live';
import { useObservable } from '../data/observable';
import { linkTo, replaceQuery } from '../data/route';
import { Card, Field, Note, Trouble } from '../parts/basics';
import { Chart } from '../parts/chart';
import type { Series } from '../parts/chart';
import { DataTable } from '../parts/data_table';
import type { Column } from '../parts/data_table';
import { useLoaded, useTitle } from '../parts/hooks';
import { SearchField } from '../parts/search_field';
import { EventTable, ReadAnew } from './events';

/* --- rounds --- */

interface RoundRow {
    round: Round;
    convergence: number | null;
}

const roundColumns: Column<RoundRow>[] = [
    { key: 'time', title: 'When', show: ({ round }) => time(round.time ?? round.recorded) },
    { key: 'add', title: 'Added', number: true, show: ({ round }) => count(round.additions ?? 0) },
    { key: 'remove', title: 'Removed', number: true, show: ({ round }) => count(round.removals ?? 0) },
    {
        key: 'why',
        title: 'Why',
        show: ({ round }) => (
            <span title={round.cut?.text ?? ''}>
                {whyWords[round.why ?? ''] ?? round.why ?? ''}
                {round.cause ? (
                    <>
                        {' '}
                        (<a href={linkTo(['time'], { from: String(round.cause.revision), to: String(round.cause.revision) })}>
                            revision {round.cause.revision}
                        </a>
                        )
                    </>
                ) : null}
            </span>
        ),
    },
    { key: 'promote', title: 'Promoted', number: true, wide: true, show: ({ round }) => count(round.promotions ?? 0) },
    { key: 'lost', title: 'Can’t be placed', number: true, wide: true, show: ({ round }) => count(round.unattainable ?? 0) },
    { key: 'solve', title: 'Solve', number: true, wide: true, show: ({ round }) => (round.solved ? milliseconds(round.solve_ms ?? 0) : '–') },
    {
        key: 'converge',
        title: 'Converged after',
        number: true,
        wide: true,
        show: ({ convergence }) => (convergence === null ? '' : milliseconds(convergence)),
    },
    { key: 'leader', title: 'Leader', wide: true, show: ({ round }) => round.instance ?? '' },
    {
        key: 'revision',
        title: 'Revision',
        number: true,
        wide: true,
        show: ({ round }) => (
            <a href={linkTo(['time', 'at', String(round.revision)])} title="See the cluster as it was then">
                {round.revision}
            </a>
        ),
    },
];

function seriesOf(rows: RoundRow[]): Series[] {
    return [
        { label: 'moves', unit: 'count', colour: '--fair', bars: true, values: rows.map(({ round }) => movesOf(round)) },
        {
            label: 'solve time',
            unit: 'ms',
            colour: '--lacking',
            values: rows.map(({ round }) => (round.solved ? (round.solve_ms ?? null) : null)),
        },
        { label: 'convergence time', unit: 'ms', colour: '--lost', dash: [6, 4], values: rows.map((row) => row.convergence) },
    ];
}

function RoundsChart({ rows }: { rows: RoundRow[] }): JSX.Element {
    const times = useMemo(() => rows.map(({ round }) => Date.parse(round.time ?? round.recorded)), [rows]);
    const series = useMemo(() => seriesOf(rows), [rows]);
    const moves = rows.reduce((sum, { round }) => sum + movesOf(round), 0);
    return (
        <Chart
            label={`${counted(rows.length, 'round')} with ${counted(moves, 'move')}: moves, solve time and convergence time. The table below has the same numbers. A click goes back to that moment, a stroke filters the changes.`}
            times={times}
            series={series}
            onPick={(index) => {
                const row = rows[index];
                if (row) location.hash = linkTo(['time', 'at', String(row.round.revision)]);
            }}
            onRange={(from, to) => replaceQuery({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })}
        />
    );
}

function Rounds(): JSX.Element {
    const { cluster } = useObservable(live);
    const { value, trouble } = useLoaded('rounds', readRounds, cluster?.revision);
    const rows = useMemo((): RoundRow[] => {
        const rounds = value?.rounds ?? [];
        const times = convergenceTimes(rounds);
        return rounds.map((round, index) => ({ round, convergence: times[index] ?? null }));
    }, [value]);
    return (
        <Card title="Rounds of the allocator">
            <Trouble words={trouble} />
            {value === null ? null : rows.length === 0 ? (
                <p class="muted">None is recorded: a round is one pass of the allocator that solved or changed something.</p>
            ) : (
                <>
                    <RoundsChart rows={rows} />
                    <p class="muted">
                        {value.more ? `The last ${counted(rows.length, 'round')}.` : `${counted(rows.length, 'round')}.`} Moves are replicas
                        added and removed. Convergence is from the first round about a change to the last.
                    </p>
                    <DataTable
                        label="Rounds"
                        columns={roundColumns}
                        rows={[...rows].reverse()}
                        rowKey={({ round }) => String(round.revision)}
                    />
                </>
            )}
        </Card>
    );
}

/* --- changes --- */

const kinds = ['item', 'member', 'assignment', 'allocator', 'scheduler'] as const;

function filtersOf(query: URLSearchParams): EventFilters {
    const value = (name: string): string => query.get(name) ?? '';
    return {
        actor: value('actor'),
        item: value('item'),
        member: value('member'),
        kind: value('kind'),
        from: value('from'),
        to: value('to'),
    };
}

function Toolbar({ filters }: { filters: EventFilters }): JSX.Element {
    const change = (part: Partial<EventFilters>): void => replaceQuery({ ...filters, ...part });
    return (
        <form class="toolbar" role="search" aria-label="Changes" onSubmit={(event) => event.preventDefault()}>
            <SearchField label="By" value={filters.actor} placeholder="a principal’s name" onChange={(actor) => change({ actor })} />
            <SearchField label="Item" value={filters.item} placeholder="orders/7" onChange={(item) => change({ item })} />
            <SearchField label="Member or zone" value={filters.member} placeholder="zone-a/one" onChange={(member) => change({ member })} />
            <Field label="Kind">
                <select value={filters.kind} onChange={(event) => change({ kind: event.currentTarget.value })}>
                    <option value="">any</option>
                    {kinds.map((kind) => (
                        <option key={kind} value={kind}>
                            {kind}
                        </option>
                    ))}
                </select>
            </Field>
            <SearchField label="From" value={filters.from} placeholder="a revision or a time" onChange={(from) => change({ from })} />
            <SearchField label="To" value={filters.to} placeholder="a revision or a time" onChange={(to) => change({ to })} />
        </form>
    );
}

function Changes({ filters }: { filters: EventFilters }): JSX.Element {
    const { cluster } = useObservable(live);
    const key = JSON.stringify(filters);
    const pages = useMemo(() => new EventPages('/v1/history', filters), [key]);
    const { rows, revision, busy } = useObservable(pages.state);
    const newest = cluster?.revision ?? 0;
    useEffect(() => () => pages.close(), [pages]);
    // Where nobody has scrolled on, what is new is shown at once.
    useEffect(() => {
        if (rows.length <= eventPageSize) void pages.reload();
    }, [pages, newest]);
    const isOld = rows.length > eventPageSize && newest > revision && !busy;
    const filtered = Object.values(filters).some((value) => value !== '');
    return (
        <Card
            title="Changes"
            aside={
                <span class="actions">
                    {isOld ? <ReadAnew onClick={() => void pages.reload()} /> : null}
                    {filtered ? (
                        <button type="button" class="button button-small" onClick={() => replaceQuery({})}>
                            Show all of them
                        </button>
                    ) : null}
                </span>
            }
        >
            <Toolbar filters={filters} />
            <EventTable pages={pages} label="Changes, newest first" />
        </Card>
    );
}

/* --- going back --- */

function GoBack(): JSX.Element {
    const [at, setAt] = useState('');
    const go = (event: Event): void => {
        event.preventDefault();
        const text = at.trim();
        const moment = /^\d+$/.test(text) ? text : new Date(text);
        if (moment instanceof Date && Number.isNaN(moment.getTime())) return;
        location.hash = linkTo(['time', 'at', moment instanceof Date ? moment.toISOString() : moment]);
    };
    return (
        <form class="go-back" onSubmit={go}>
            <Field label="Go back to">
                <input type="datetime-local" step="1" value={at} required onInput={(event) => setAt(event.currentTarget.value)} />
            </Field>
            <button type="submit" class="button">
                Show that moment
            </button>
        </form>
    );
}

export function TimeView({ query }: { query: URLSearchParams }): JSX.Element {
    const { cluster } = useObservable(live);
    const history = cluster?.history;
    useTitle('Time');
    return (
        <>
            <header class="view-head">
                <h1>Time</h1>
                {history?.oldest_time ? <p class="muted">Kept since {time(history.oldest_time)}.</p> : null}
                {history ? <GoBack /> : null}
            </header>
            {cluster && history === null ? (
                <Note tone="warn">
                    This server keeps no history (<code>--history none</code>): ask another one, or start it without that.
                </Note>
            ) : null}
            {history && history.condition !== 'works' ? (
                <Note tone="warn">
                    The history is {history.condition === 'behind' ? 'behind: the latest changes are still missing' : 'not being written'}
                    {history.detail ? `: ${history.detail}` : ''}.
                </Note>
            ) : null}
            {history ? (
                <div class="stack">
                    <Rounds />
                    <Changes filters={filtersOf(query)} />
                </div>
            ) : null}
        </>
    );
}

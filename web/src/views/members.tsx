// All members: a picture, and a table.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { count, counted, memberName, percent } from '../data/format';
import { memberKey } from '../data/http';
import { live, useMembersWanted } from '../data/live';
import { loadOf, verdictOf, verdictWords } from '../data/load';
import type { Load } from '../data/load';
import { useObservable } from '../data/observable';
import { linkTo, replaceQuery } from '../data/route';
import { mayOperate, session } from '../data/session';
import type { Member } from '../data/types';
import { Empty, Field } from '../parts/basics';
import { DataTable, sortRows } from '../parts/data_table';
import type { Column, Sorting } from '../parts/data_table';
import { useTitle } from '../parts/hooks';
import { LoadBar, LoadLegend, MemberMap } from '../parts/load_bar';
import { SearchField } from '../parts/search_field';
import { LeaseLeft, useLeases } from './lease';
import { MemberActionDialog } from './member_actions';
import type { MemberAction } from './member_actions';

interface Row {
    member: Member;
    load: Load;
}

const filters = {
    all: { name: 'all', passes: () => true },
    exiting: { name: 'exiting', passes: ({ member }: Row) => member.exiting },
    above: { name: 'above the fair share', passes: ({ load }: Row) => load.assigned > load.share },
    full: { name: 'full', passes: ({ load }: Row) => load.assigned >= load.effective },
    empty: { name: 'empty', passes: ({ load }: Row) => load.assigned === 0 },
} as const;
type FilterName = keyof typeof filters;

function isFilter(name: string): name is FilterName {
    return name in filters;
}

export function memberColumns(scale: number): Column<Row>[] {
    return [
        {
            key: 'name',
            title: 'Member',
            sort: ({ member }) => memberName(member),
            show: ({ member }) => (
                <a href={linkTo(['members', member.zone, member.suffix])}>{memberName(member)}</a>
            ),
        },
        {
            key: 'load',
            title: 'Load',
            sort: ({ load }) => (load.effective > 0 ? load.assigned / load.effective : load.assigned > 0 ? Infinity : 0),
            show: ({ member, load }) => <LoadBar load={load} exiting={member.exiting} scale={scale} />,
        },
        { key: 'items', title: 'Items', number: true, sort: ({ load }) => load.assigned, show: ({ load }) => count(load.assigned) },
        { key: 'share', title: 'Fair share', number: true, wide: true, sort: ({ load }) => load.share, show: ({ load }) => count(load.share) },
        { key: 'limit', title: 'Limit', number: true, sort: ({ load }) => load.limit, show: ({ load }) => count(load.limit) },
        {
            key: 'full',
            title: 'Full',
            number: true,
            wide: true,
            sort: ({ load }) => (load.limit > 0 ? load.assigned / load.limit : 0),
            show: ({ load }) => percent(load.assigned, load.limit),
        },
        {
            key: 'primaries',
            title: 'Primaries',
            number: true,
            wide: true,
            sort: ({ load }) => load.primaries,
            show: ({ load }) => count(load.primaries),
        },
        {
            key: 'state',
            title: 'State',
            wide: true,
            sort: ({ member, load }) => `${member.exiting ? 0 : 1}${verdictOf(load)}`,
            show: ({ member, load }) => (member.exiting ? '⇥ exiting' : verdictWords[verdictOf(load)]),
        },
    ];
}

function Toolbar(props: { zones: string[]; zone: string; show: FilterName; find: string }): JSX.Element {
    const { zones, zone, show, find } = props;
    const change = (part: Record<string, string>): void => replaceQuery({ zone, show: show === 'all' ? '' : show, find, ...part });
    return (
        <form class="toolbar" role="search" aria-label="Members" onSubmit={(event) => event.preventDefault()}>
            <SearchField label="Find" value={find} placeholder="part of a name" onChange={(text) => change({ find: text })} />
            <Field label="Zone">
                <select value={zone} onChange={(event) => change({ zone: event.currentTarget.value })}>
                    <option value="">all</option>
                    {zones.map((each) => (
                        <option key={each} value={each}>
                            {each}
                        </option>
                    ))}
                </select>
            </Field>
            <Field label="Show">
                <select value={show} onChange={(event) => change({ show: event.currentTarget.value })}>
                    {Object.entries(filters).map(([name, filter]) => (
                        <option key={name} value={name}>
                            {filter.name}
                        </option>
                    ))}
                </select>
            </Field>
        </form>
    );
}

export function MembersView({ query }: { query: URLSearchParams }): JSX.Element {
    const { cluster, members } = useObservable(live);
    const may = mayOperate(useObservable(session));
    const [sorting, setSorting] = useState<Sorting>({ key: 'name', down: false });
    const [range, setRange] = useState<[number, number]>([0, 0]);
    const [action, setAction] = useState<{ action: MemberAction; member: Member } | null>(null);
    useMembersWanted();
    useTitle('Members');

    const zone = query.get('zone') ?? '';
    const find = query.get('find') ?? '';
    const asked = query.get('show') ?? 'all';
    const show: FilterName = isFilter(asked) ? asked : 'all';
    const itemSlots = cluster?.totals.item_slots ?? 0;
    const memberSlots = cluster?.totals.member_slots ?? 0;

    const rows = (members ?? [])
        .map((member) => ({ member, load: loadOf(member, itemSlots, memberSlots) }))
        .filter(
            (row) =>
                (zone === '' || row.member.zone === zone) &&
                `${row.member.zone}/${row.member.suffix}`.includes(find) &&
                filters[show].passes(row),
        );
    const scale = Math.max(1, ...rows.map(({ load }) => Math.max(load.limit, load.assigned)));
    const columns: Column<Row>[] = memberColumns(scale);
    const sorted = sortRows(rows, columns, sorting);
    const leases = useLeases(sorted.slice(...range).map(({ member }) => member));
    columns.push({
        key: 'lease',
        title: 'Lease left',
        number: true,
        wide: true,
        sort: ({ member }) => member.ttl_seconds ?? Infinity,
        show: ({ member }) => <LeaseLeft member={member} lease={leases.get(memberKey(member))} />,
    });
    if (may)
        columns.push({
            key: 'actions',
            title: 'Actions',
            wide: true,
            show: ({ member }) => (
                <span class="row-actions">
                    <button
                        type="button"
                        class="button button-small"
                        onClick={() => setAction({ action: member.exiting ? 'cancel' : 'drain', member })}
                        aria-label={`${member.exiting ? 'Cancel the drain of' : 'Drain'} ${memberName(member)}`}
                    >
                        {member.exiting ? 'Cancel drain' : 'Drain'}
                    </button>
                    <button
                        type="button"
                        class="button button-small"
                        onClick={() => setAction({ action: 'limit', member })}
                        aria-label={`Change the limit of ${memberName(member)}`}
                    >
                        Limit
                    </button>
                    <button
                        type="button"
                        class="button button-small"
                        onClick={() => setAction({ action: 'deregister', member })}
                        aria-label={`Deregister ${memberName(member)}`}
                    >
                        Deregister
                    </button>
                </span>
            ),
        });

    return (
        <>
            <header class="view-head">
                <h1>Members</h1>
                {members ? (
                    <p class="muted" role="status">
                        {rows.length === members.length ? counted(rows.length, 'member') : `${count(rows.length)} of ${counted(members.length, 'member')}`}
                    </p>
                ) : null}
            </header>
            <Toolbar zones={cluster?.zones.map((each) => each.zone) ?? []} zone={zone} show={show} find={find} />
            {members === null ? (
                <p class="muted">Reading the members…</p>
            ) : members.length === 0 ? (
                <Empty title="No members yet">
                    <p>
                        A process registers itself, or an operator does it: <code>PUT /v1/members/ZONE/NAME</code> with{' '}
                        <code>{'{"item_limit": 10}'}</code>.
                    </p>
                </Empty>
            ) : rows.length === 0 ? (
                <Empty title="No member is like that">
                    <button type="button" class="button" onClick={() => replaceQuery({})}>
                        Show all of them
                    </button>
                </Empty>
            ) : (
                <>
                    <section class="card" aria-label="Load of each member">
                        <h2 class="hidden">Load of each member</h2>
                        <MemberMap
                            members={rows.map(({ member }) => member)}
                            itemSlots={itemSlots}
                            memberSlots={memberSlots}
                            hrefOf={(member) => linkTo(['members', member.zone, member.suffix])}
                        />
                        <LoadLegend />
                    </section>
                    <DataTable
                        label="Members"
                        columns={columns}
                        rows={sorted}
                        rowKey={({ member }) => memberKey(member)}
                        sorting={sorting}
                        onSort={setSorting}
                        onRange={(begin, end) => setRange((old) => (old[0] === begin && old[1] === end ? old : [begin, end]))}
                    />
                </>
            )}
            {action ? (
                <MemberActionDialog action={action.action} member={action.member} onClose={() => setAction(null)} />
            ) : null}
        </>
    );
}

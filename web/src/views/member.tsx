// One member: its load, its lease, what it holds, and what can be done to it.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { count, counted, memberName, percent } from '../data/format';
import { getAll, memberKey, memberPath } from '../data/http';
import { live, useMembersWanted } from '../data/live';
import { loadOf, verdictOf, verdictWords } from '../data/load';
import { useObservable } from '../data/observable';
import { linkTo } from '../data/route';
import { mayOperate, session } from '../data/session';
import type { Assignment, Member } from '../data/types';
import { Card, Empty, Fact, Facts, Trouble } from '../parts/basics';
import { DataTable, sortRows } from '../parts/data_table';
import type { Column, Sorting } from '../parts/data_table';
import { useLoaded, useMounted, useTitle, useTurn } from '../parts/hooks';
import { LoadBar, LoadLegend } from '../parts/load_bar';
import { HistoryOf } from './events';
import { Labels } from './labels';
import { LeaseLeft, useLeases } from './lease';
import { MemberActionDialog } from './member_actions';
import type { MemberAction } from './member_actions';

const columns: Column<Assignment>[] = [
    {
        key: 'item',
        title: 'Item',
        sort: (row) => row.item,
        show: (row) => <a href={linkTo(['items', row.item])}>{row.item}</a>,
    },
    { key: 'role', title: 'Role', sort: (row) => row.slot, show: (row) => (row.primary ? '★ primary' : `replica ${row.slot}`) },
    {
        key: 'consistent',
        title: 'Consistent',
        sort: (row) => (row.consistent ? 1 : 0),
        show: (row) => (row.consistent ? '✓ yes' : '↻ not yet'),
    },
];

function Actions({ member, onGone }: { member: Member; onGone: () => void }): JSX.Element {
    const [action, setAction] = useState<MemberAction | null>(null);
    const names: [MemberAction, string][] = [
        member.exiting ? ['cancel', 'Cancel the drain…'] : ['drain', 'Drain…'],
        ['limit', 'Change the limit…'],
        ['deregister', 'Deregister…'],
    ];
    return (
        <div class="actions">
            {names.map(([name, words]) => (
                <button key={name} type="button" class="button" onClick={() => setAction(name)}>
                    {words}
                </button>
            ))}
            {action ? (
                <MemberActionDialog
                    action={action}
                    member={member}
                    onClose={() => setAction(null)}
                    {...(action === 'deregister' ? { onDone: onGone } : {})}
                />
            ) : null}
        </div>
    );
}

function Held({ member }: { member: Member }): JSX.Element {
    const [sorting, setSorting] = useState<Sorting>({ key: 'item', down: false });
    const read = (): Promise<{ items: Assignment[] }> => getAll<Assignment>(`${memberPath(member)}/assignments`);
    const { value, trouble } = useLoaded(memberKey(member), read, live.value.cluster?.revision);
    return (
        <Card title="Items that it holds">
            <Trouble words={trouble} />
            {value === null ? (
                <p class="muted">Reading…</p>
            ) : value.items.length === 0 ? (
                <p class="muted">None.</p>
            ) : (
                <DataTable
                    label="Held items"
                    columns={columns}
                    rows={sortRows(value.items, columns, sorting)}
                    rowKey={(row) => row.item}
                    sorting={sorting}
                    onSort={setSorting}
                />
            )}
        </Card>
    );
}

function MemberCards({ member, itemSlots, memberSlots }: { member: Member; itemSlots: number; memberSlots: number }): JSX.Element {
    const load = loadOf(member, itemSlots, memberSlots);
    const leases = useLeases([member]);
    const { zone, suffix } = member;
    const turn = useTurn(memberKey(member), (event) => event.zone === zone && event.suffix === suffix);
    return (
        <div class="grid grid-two">
            <Card title="Load">
                <p class="figure">
                    {count(load.assigned)} <span class="figure-unit">of {counted(load.limit, 'item')}, {percent(load.assigned, load.limit)}</span>
                </p>
                <span class="bar-large">
                    <LoadBar load={load} exiting={member.exiting} scale={load.limit} />
                </span>
                <Facts>
                    <Fact name="Fair share">{count(load.share)}</Fact>
                    <Fact name="Primaries">{count(load.primaries)}</Fact>
                    <Fact name="Judgement">{verdictWords[verdictOf(load)]}</Fact>
                    {member.exiting ? (
                        <Fact name="Exiting">
                            ⇥ {load.assigned === 0 ? 'empty: it can stop' : `${counted(load.assigned, 'item')} left`}
                            {load.effective > 0 ? `; the cluster has no room to spare for ${count(load.effective)} of its slots` : ''}
                        </Fact>
                    ) : null}
                </Facts>
                <LoadLegend />
            </Card>
            <Card title="Registration">
                <Facts>
                    <Fact name="Zone">
                        <a href={linkTo(['members'], { zone: member.zone })}>{member.zone}</a>
                    </Fact>
                    <Fact name="Lease left">
                        <LeaseLeft member={member} lease={leases.get(memberKey(member))} />
                    </Fact>
                    <Fact name="Labels">
                        <Labels labels={member.labels} />
                    </Fact>
                    <Fact name="Registered at">revision {member.create_revision}</Fact>
                    <Fact name="Changed at">revision {member.mod_revision}</Fact>
                </Facts>
            </Card>
            <div class="span">
                <Held member={member} />
            </div>
            <HistoryOf path={`${memberPath(member)}/history`} turn={turn} />
        </div>
    );
}

export function MemberView({ zone, suffix }: { zone: string; suffix: string }): JSX.Element {
    const { cluster, members } = useObservable(live);
    const may = mayOperate(useObservable(session));
    const name = memberName({ zone, suffix });
    const member = members?.find((each) => each.zone === zone && each.suffix === suffix);
    const mounted = useMounted();
    useMembersWanted();
    useTitle(name);
    return (
        <>
            <header class="view-head">
                <p class="crumbs">
                    <a href="#/members">Members</a> /
                </p>
                <h1>{name}</h1>
                {member && may ? <Actions member={member} onGone={() => mounted.current && (location.hash = '#/members')} /> : null}
            </header>
            {member ? (
                <MemberCards
                    member={member}
                    itemSlots={cluster?.totals.item_slots ?? 0}
                    memberSlots={cluster?.totals.member_slots ?? 0}
                />
            ) : members === null ? (
                <p class="muted">Reading…</p>
            ) : (
                <Empty title={`There is no member ${name}`}>
                    <p>It was deregistered, or its lease has expired, or it never was.</p>
                    <a class="button" href="#/members">
                        See the members
                    </a>
                    <HistoryOf path={`${memberPath({ zone, suffix })}/history`} turn={0} />
                </Empty>
            )}
        </>
    );
}

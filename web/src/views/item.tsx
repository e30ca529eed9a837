// One item: where its replicas are, why, and how many there should be.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { count, counted, inSentence, memberName } from '../data/format';
import { get, itemPath, memberKey, Problem } from '../data/http';
import { live } from '../data/live';
import { useObservable } from '../data/observable';
import { changes } from '../data/plans';
import { linkTo } from '../data/route';
import { mayOperate, session } from '../data/session';
import type { Explanation, Item, Reason } from '../data/types';
import { Card, Empty, Fact, Facts, Field, Note, readWhole, StateMark, Trouble } from '../parts/basics';
import { DataTable, sortRows } from '../parts/data_table';
import type { Column, Sorting } from '../parts/data_table';
import { useLoaded, useThrottled, useTitle, useTurn } from '../parts/hooks';
import { PlanDialog } from '../parts/plan_dialog';
import { HistoryOf } from './events';
import { Labels } from './labels';

const mostReplicas = 64;
const explainEveryMs = 1000;

function ReplicationDialog({ item, onClose }: { item: Item; onClose: () => void }): JSX.Element {
    const [text, setText] = useState(String(item.replication));
    const replication = readWhole(text, 0, mostReplicas);
    const list = replication === null || replication === item.replication ? null : [changes.replication(item.id, replication)];
    return (
        <PlanDialog title={`Replicas of ${inSentence(item.id)}`} changes={list} action="Set the replication" grave={replication === 0} onClose={onClose}>
            <Field label="It wants so many replicas" hint={`Now ${count(item.replication)}.`}>
                <input inputMode="numeric" value={text} onInput={(event) => setText(event.currentTarget.value)} />
            </Field>
            {replication === null ? <Note tone="warn">A whole number from 0 to {mostReplicas}.</Note> : null}
            {replication === 0 ? <Note tone="warn">With 0 it stays as an item, and nobody holds it.</Note> : null}
        </PlanDialog>
    );
}

function waits(reason: Reason | null | undefined): JSX.Element | null {
    return reason ? <div class="muted">Waits for {reason.detail}.</div> : null;
}

function Replicas({ explanation }: { explanation: Explanation }): JSX.Element {
    return (
        <Card title="Replicas">
            {explanation.missing ? (
                <Note tone={explanation.missing.code === 'next_pass' ? 'info' : 'bad'}>
                    <strong>It lacks {counted(explanation.missing.replicas, 'replica')}:</strong> {explanation.missing.detail}.
                </Note>
            ) : null}
            {explanation.replicas.length === 0 ? (
                <p class="muted">There are none.</p>
            ) : (
                <table class="plain">
                    <caption class="hidden">Replicas of the item</caption>
                    <thead>
                        <tr>
                            <th scope="col">Member, and why</th>
                            <th scope="col">Role</th>
                            <th scope="col">Consistent</th>
                        </tr>
                    </thead>
                    <tbody>
                        {explanation.replicas.map((replica) => (
                            <tr key={memberKey(replica)}>
                                <th scope="row">
                                    <a href={linkTo(['members', replica.zone, replica.suffix])}>{memberName(replica)}</a>
                                    <div>{replica.detail}</div>
                                    {waits(replica.waits_for)}
                                </th>
                                <td>{replica.primary ? '★ primary' : `replica ${replica.slot}`}</td>
                                <td>{replica.consistent ? '✓ yes' : '↻ not yet'}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
        </Card>
    );
}

type Verdict = Explanation['members'][number];

const order = ['holds', 'leaves', 'arrives'];

const memberColumns: Column<Verdict>[] = [
    {
        key: 'member',
        title: 'Member',
        sort: (row) => memberName(row),
        show: (row) => <a href={linkTo(['members', row.zone, row.suffix])}>{memberName(row)}</a>,
    },
    {
        key: 'why',
        title: 'Why, or why not',
        sort: (row) => `${order.includes(row.code) ? order.indexOf(row.code) : 9} ${row.code}`,
        show: (row) => (
            <span title={row.waits_for ? `waits for ${row.waits_for.detail}` : row.detail}>
                {row.detail}
                {row.waits_for ? `; waits for ${row.waits_for.detail}` : ''}
            </span>
        ),
    },
    { key: 'load', title: 'Holds', number: true, wide: true, sort: (row) => row.assigned, show: (row) => count(row.assigned) },
    { key: 'desired', title: 'Should hold', number: true, wide: true, sort: (row) => row.desired, show: (row) => count(row.desired) },
    {
        key: 'limit',
        title: 'Limit',
        number: true,
        wide: true,
        sort: (row) => row.effective_limit,
        show: (row) => count(row.effective_limit),
    },
];

function Members({ explanation }: { explanation: Explanation }): JSX.Element {
    const [sorting, setSorting] = useState<Sorting>({ key: 'why', down: false });
    return (
        <Card title="Every member, and why" class="span">
            <DataTable
                label="Members and reasons"
                columns={memberColumns}
                rows={sortRows(explanation.members, memberColumns, sorting)}
                rowKey={memberKey}
                sorting={sorting}
                onSort={setSorting}
            />
        </Card>
    );
}

function Summary({ item }: { item: Item }): JSX.Element {
    return (
        <Card title="Wanted and had">
            <p class="figure">
                {count(item.status?.assigned ?? 0)} <span class="figure-unit">of {counted(item.replication, 'replica')}</span>
            </p>
            <Facts>
                <Fact name="State">{item.status ? <StateMark state={item.status.state} /> : '–'}</Fact>
                <Fact name="Consistent">{count(item.status?.consistent ?? 0)}</Fact>
                <Fact name="A replica counts">
                    {item.consistency === 'reported' ? 'once its member reports it' : 'as soon as it is assigned'}
                </Fact>
                <Fact name="Labels">
                    <Labels labels={item.labels} />
                </Fact>
                <Fact name="Created at">revision {item.create_revision}</Fact>
                <Fact name="Changed at">revision {item.mod_revision}</Fact>
            </Facts>
        </Card>
    );
}

export function ItemView({ id }: { id: string }): JSX.Element {
    const may = mayOperate(useObservable(session));
    const { link, cluster } = useObservable(live);
    const [open, setOpen] = useState(false);
    const turn = useTurn(id, (event) => event.id === id || event.item === id || event.kind === 'member');
    // Its explanation rests on all the others, too.
    const revision = useThrottled(cluster?.revision, explainEveryMs);
    useTitle(id);
    const missing = (error: unknown): null => {
        if (error instanceof Problem && error.status === 404) return null;
        throw error;
    };
    const read = async (signal: AbortSignal): Promise<{ item: Item | null; explanation: Explanation | null }> => {
        const [item, explanation] = await Promise.all([
            get<Item>(itemPath(id), signal).catch(missing),
            get<Explanation>(`${itemPath(id)}/explain`, signal).catch(missing),
        ]);
        return { item, explanation };
    };
    const { value, trouble, busy } = useLoaded(id, read, `${turn} ${link} ${revision}`);
    return (
        <>
            <header class="view-head">
                <p class="crumbs">
                    <a href="#/items">Items</a> /
                </p>
                <h1>{id}</h1>
                {value?.item && may ? (
                    <div class="actions">
                        <button type="button" class="button" onClick={() => setOpen(true)}>
                            Change the replication…
                        </button>
                    </div>
                ) : null}
            </header>
            <Trouble words={trouble} />
            {value?.item ? (
                <div class="grid grid-two">
                    <Summary item={value.item} />
                    {value.explanation ? <Replicas explanation={value.explanation} /> : null}
                    {value.explanation ? <Members explanation={value.explanation} /> : null}
                    <HistoryOf path={`${itemPath(id)}/history`} turn={turn} />
                </div>
            ) : value && !busy ? (
                <Empty title={`There is no item ${inSentence(id)}`}>
                    <p>It was deleted, or it never was.</p>
                    <a class="button" href="#/items">
                        See the items
                    </a>
                    <HistoryOf path={`${itemPath(id)}/history`} turn={turn} />
                </Empty>
            ) : trouble === null ? (
                <p class="muted">Reading…</p>
            ) : null}
            {open && value?.item ? <ReplicationDialog item={value.item} onClose={() => setOpen(false)} /> : null}
        </>
    );
}

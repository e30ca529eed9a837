// The cluster as it was: the overview and the members at a chosen moment.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { time } from '../data/format';
import { readPast } from '../data/history';
import type { PastState } from '../data/history';
import { memberKey } from '../data/http';
import { live } from '../data/live';
import { loadOf } from '../data/load';
import { linkTo } from '../data/route';
import { Card, Empty, Note, Trouble } from '../parts/basics';
import { DataTable, sortRows } from '../parts/data_table';
import type { Sorting } from '../parts/data_table';
import { useLoaded, useTitle } from '../parts/hooks';
import { LoadLegend, MemberMap } from '../parts/load_bar';
import { memberColumns } from './members';
import { Balance, ClusterSummary, verdict, Zones } from './overview';

function Members({ past }: { past: PastState }): JSX.Element {
    const [sorting, setSorting] = useState<Sorting>({ key: 'name', down: false });
    const { item_slots, member_slots } = past.cluster.totals;
    const rows = past.members.map((member) => ({ member, load: loadOf(member, item_slots, member_slots) }));
    const scale = Math.max(1, ...rows.map(({ load }) => Math.max(load.limit, load.assigned)));
    const columns = memberColumns(scale);
    return (
        <Card title="Members">
            {rows.length === 0 ? (
                <p class="muted">There was none.</p>
            ) : (
                <>
                    <MemberMap members={past.members} itemSlots={item_slots} memberSlots={member_slots} />
                    <LoadLegend />
                    <DataTable
                        label="Members, then"
                        columns={columns}
                        rows={sortRows(rows, columns, sorting)}
                        rowKey={({ member }) => memberKey(member)}
                        sorting={sorting}
                        onSort={setSorting}
                    />
                </>
            )}
        </Card>
    );
}

function Moment({ past }: { past: PastState }): JSX.Element {
    const newest = live.value.cluster?.revision ?? Infinity; // not known yet: there may be one
    const at = (revision: number): string => linkTo(['time', 'at', String(revision)]);
    return (
        <div class="moment" role="status">
            <Note tone="info">
                <strong>The past:</strong> the cluster as it was at revision {past.revision}
                {past.time ? `, last changed ${time(past.time)}` : ''}. Nothing of it can be changed.
            </Note>
            <div class="actions">
                {past.revision > 1 ? (
                    <a class="button" href={at(past.revision - 1)}>
                        ← A revision earlier
                    </a>
                ) : null}
                {past.revision < newest ? (
                    <a class="button" href={at(past.revision + 1)}>
                        A revision later →
                    </a>
                ) : null}
                <a class="button" href={linkTo(['time'], { to: String(past.revision) })}>
                    What led to it
                </a>
                <a class="button button-main" href="#/">
                    Back to now
                </a>
            </div>
        </div>
    );
}

export function PastView({ at }: { at: string }): JSX.Element {
    const { value, trouble, busy } = useLoaded(at, (signal) => readPast(at, signal));
    useTitle('The past');
    return (
        <>
            <header class="view-head">
                <p class="crumbs">
                    <a href="#/time">Time</a> /
                </p>
                <h1>{value && trouble === null ? `As it was at revision ${value.revision}` : 'As it was'}</h1>
            </header>
            <Trouble words={trouble} />
            {trouble !== null ? (
                <Empty title="That moment can’t be shown">
                    <a class="button" href="#/time">
                        Choose another
                    </a>
                </Empty>
            ) : value ? (
                <div class={`stack ${busy ? 'faded' : ''}`}>
                    <Moment past={value} />
                    <div class="packed">
                        <ClusterSummary cluster={value.cluster} judged={verdict(value.cluster)} past />
                        <Zones cluster={value.cluster} />
                        <Balance cluster={value.cluster} />
                    </div>
                    <Members past={value} />
                </div>
            ) : (
                <p class="muted" role="status">
                    Reading the history…
                </p>
            )}
        </>
    );
}

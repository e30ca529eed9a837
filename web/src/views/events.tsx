// Events as a table, wherever they are shown.
import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { memberName, time } from '../data/format';
import { eventPageSize, EventPages, joinSlots, sayActor, sayEvent } from '../data/history';
import type { HistoryEvent } from '../data/history';
import { live } from '../data/live';
import { useObservable } from '../data/observable';
import { linkTo } from '../data/route';
import { Card, Trouble } from '../parts/basics';
import { DataTable } from '../parts/data_table';
import type { Column } from '../parts/data_table';

function Subject({ event }: { event: HistoryEvent }): JSX.Element {
    const { kind, id, item, zone = '', suffix = '' } = event;
    if (kind === 'item' && id !== undefined) return <a href={linkTo(['items', id])}>{id}</a>;
    if (kind === 'assignment' && item !== undefined) return <a href={linkTo(['items', item])}>{item}</a>;
    if (kind === 'member') return <a href={linkTo(['members', zone, suffix])}>{memberName({ zone, suffix })}</a>;
    if (kind === 'gap') return <span>▲ gap</span>;
    return <span>{kind === 'allocator' ? 'allocator' : (event.key ?? kind)}</span>;
}

const columns: Column<HistoryEvent>[] = [
    {
        key: 'time',
        title: 'When',
        show: (event) => (
            <span title={event.time_source === 'observed' ? `${event.time}, as this server saw it` : event.time}>{time(event.time)}</span>
        ),
    },
    { key: 'subject', title: 'What', show: (event) => <Subject event={event} /> },
    { key: 'words', title: 'Change', show: (event) => <span title={sayEvent(event)}>{sayEvent(event)}</span> },
    { key: 'actor', title: 'By', show: (event) => <span title={event.actor?.request_id ?? ''}>{sayActor(event.actor)}</span> },
    { key: 'reason', title: 'Reason', wide: true, show: (event) => event.actor?.reason ?? '' },
    {
        key: 'revision',
        title: 'Revision',
        number: true,
        wide: true,
        show: (event) => (
            <a href={linkTo(['time', 'at', String(event.revision)])} title="See the cluster as it was then">
                {event.revision}
            </a>
        ),
    },
];

export function EventTable({ pages, label }: { pages: EventPages; label: string }): JSX.Element {
    const { rows: all, more, busy, trouble } = useObservable(pages.state);
    const rows = useMemo(() => joinSlots(all), [all]);
    return (
        <>
            <Trouble words={trouble} />
            {rows.length > 0 ? (
                <DataTable
                    label={label}
                    columns={columns}
                    rows={rows}
                    total={more ? -1 : rows.length}
                    rowKey={(event) => `${event.revision} ${event.order}`}
                    onRange={(_, end) => pages.see(end)}
                />
            ) : busy ? (
                <p class="muted" role="status">
                    Reading the history…
                </p>
            ) : trouble === null ? (
                <p class="muted">Nothing of that kind has happened{more ? ' lately' : ''}.</p>
            ) : null}
        </>
    );
}

export function ReadAnew({ onClick }: { onClick: () => void }): JSX.Element {
    return (
        <button type="button" class="button button-small" onClick={onClick}>
            ↻ There may be new ones: read anew
        </button>
    );
}

// What has happened to one thing, read anew as the cluster changes. Once somebody has scrolled on that is
// only done when asked for, which is offered with each `turn`: something of the thing has changed. Nothing, where no history is kept.
export function HistoryOf(props: { path: string; turn: number }): JSX.Element | null {
    const { cluster } = useObservable(live);
    return cluster?.history ? <KeptHistory {...props} newest={cluster.revision} /> : null;
}

function KeptHistory({ path, turn, newest }: { path: string; turn: number; newest: number }): JSX.Element {
    const pages = useMemo(() => new EventPages(path), [path]);
    const [read, setRead] = useState(turn);
    const reload = (): void => {
        setRead(turn);
        void pages.reload();
    };
    useEffect(() => {
        if (pages.state.value.rows.length <= eventPageSize) reload();
    }, [pages, turn, newest]);
    useEffect(() => () => pages.close(), [pages]);
    return (
        <Card title="History" class="span" aside={read === turn ? null : <ReadAnew onClick={reload} />}>
            <EventTable pages={pages} label="What has happened" />
        </Card>
    );
}

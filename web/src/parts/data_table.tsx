// A table of which only the rows in view are there, so that it may have very many.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface Column<Row> {
    key: string;
    title: string;
    number?: boolean;
    wide?: boolean; // left out where there is little room
    sort?: (row: Row) => number | string;
    show: (row: Row) => ComponentChildren;
}

export interface Sorting {
    key: string;
    down: boolean;
}

interface Props<Row> {
    label: string;
    columns: Column<Row>[];
    rows: Row[];
    total?: number | undefined; // of which `rows` are the first; -1: not known
    rowKey: (row: Row) => string;
    sorting?: Sorting;
    onSort?: (sorting: Sorting) => void;
    onRange?: (begin: number, end: number) => void; // the rows in view
}

const rowHeight = 36;
const overscan = 8;

export function sortRows<Row>(rows: Row[], columns: Column<Row>[], sorting: Sorting): Row[] {
    const sort = columns.find((column) => column.key === sorting.key)?.sort;
    if (!sort) return rows;
    const keyed = rows.map((row) => ({ row, key: sort(row) }));
    const sign = sorting.down ? -1 : 1;
    keyed.sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : 0));
    return keyed.map((each) => each.row);
}

function Heading<Row>({ column, sorting, onSort }: {
    column: Column<Row>;
    sorting: Sorting | undefined;
    onSort: ((sorting: Sorting) => void) | undefined;
}): JSX.Element {
    const name = `${column.number ? 'number' : ''} ${column.wide ? 'wide' : ''}`;
    if (!column.sort || !onSort)
        return (
            <th scope="col" class={name}>
                {column.title}
            </th>
        );
    const own = sorting?.key === column.key;
    const down = own && sorting.down;
    return (
        <th scope="col" class={name} aria-sort={own ? (down ? 'descending' : 'ascending') : 'none'}>
            <button type="button" class="sort" onClick={() => onSort({ key: column.key, down: own && !down })}>
                {column.title}
                <span aria-hidden="true">{own ? (down ? ' ↓' : ' ↑') : ''}</span>
            </button>
        </th>
    );
}

export function DataTable<Row>(props: Props<Row>): JSX.Element {
    const { label, columns, rows, rowKey, sorting, onSort, onRange } = props;
    const box = useRef<HTMLDivElement>(null);
    const [view, setView] = useState({ top: 0, height: 600 });
    const look = (): void => {
        const element = box.current;
        if (element) setView({ top: element.scrollTop, height: element.clientHeight });
    };
    useLayoutEffect(look, [rows.length]);
    useEffect(() => {
        addEventListener('resize', look);
        return () => removeEventListener('resize', look);
    }, []);
    const begin = Math.max(0, Math.floor(view.top / rowHeight) - overscan);
    const end = Math.min(rows.length, Math.ceil((view.top + view.height) / rowHeight) + overscan);
    useEffect(() => onRange?.(begin, end), [begin, end, rows]);
    const total = props.total ?? rows.length;
    return (
        <div class="table-box" ref={box} onScroll={look} tabIndex={0} role="region" aria-label={label}>
            <table class="data" aria-rowcount={total < 0 ? total : total + 1}>
                <thead>
                    <tr aria-rowindex={1}>
                        {columns.map((column) => (
                            <Heading key={column.key} column={column} sorting={sorting} onSort={onSort} />
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {begin > 0 ? <tr class="spacer" aria-hidden="true" style={{ height: `${begin * rowHeight}px` }} /> : null}
                    {rows.slice(begin, end).map((row, index) => (
                        <tr key={rowKey(row)} aria-rowindex={begin + index + 2}>
                            {columns.map((column) => (
                                <td
                                    key={column.key}
                                    class={`${column.number ? 'number' : ''} ${column.wide ? 'wide' : ''}`}
                                >
                                    {column.show(row)}
                                </td>
                            ))}
                        </tr>
                    ))}
                    {end < rows.length ? (
                        <tr class="spacer" aria-hidden="true" style={{ height: `${(rows.length - end) * rowHeight}px` }} />
                    ) : null}
                </tbody>
            </table>
        </div>
    );
}

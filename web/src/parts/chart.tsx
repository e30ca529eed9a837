// Numbers over time, drawn by uPlot in the colours of the page.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { tickTime, time } from '../data/format';

export interface Series {
    label: string;
    unit: 'count' | 'ms';
    colour: string; // a custom property: "--fair"
    dash?: number[]; // told apart by that as well
    bars?: boolean;
    values: (number | null)[];
}

interface Props {
    label: string; // what there is to see, in words
    times: number[]; // ms since 1970, rising
    series: Series[];
    onPick?: (index: number) => void; // somebody has clicked near that time
    onRange?: (from: number, to: number) => void; // and here has drawn over a time, in ms
}

const height = 180;

function colour(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(unit: Series['unit'], side: 1 | 3): uPlot.Axis {
    return {
        scale: unit,
        side,
        size: 64,
        stroke: colour('--muted'),
        grid: side === 3 ? { stroke: colour('--line'), width: 1 } : { show: false },
        ticks: { stroke: colour('--line'), width: 1 },
        values: (_, ticks) => ticks.map((tick) => (unit === 'ms' ? `${tick} ms` : tick.toLocaleString('en-US'))),
    };
}

function optionsOf({ series, onPick, onRange }: Props, width: number): uPlot.Options {
    const units = [...new Set(series.map((each) => each.unit))];
    const bars = uPlot.paths.bars;
    return {
        width,
        height,
        legend: { live: true },
        cursor: { drag: { x: onRange !== undefined, y: false, setScale: false } },
        scales: { x: { time: true }, ...Object.fromEntries(units.map((unit) => [unit, { range: [0, null] }])) } as uPlot.Scales,
        axes: [
            {
                stroke: colour('--muted'),
                grid: { stroke: colour('--line'), width: 1 },
                ticks: { stroke: colour('--line'), width: 1 },
                space: 84,
                values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => tickTime(1000 * tick, 1000 * step)),
            },
            ...units.map((unit, index) => axis(unit, index === 0 ? 3 : 1)),
        ],
        series: [
            { label: 'at', value: (_plot, at) => (at == null ? '–' : time(1000 * at)) },
            ...series.map((each): uPlot.Series => ({
                label: each.label,
                scale: each.unit,
                stroke: colour(each.colour),
                width: 2,
                ...(each.dash ? { dash: each.dash } : {}),
                ...(each.bars && bars ? { paths: bars({ size: [0.6, 24, 3] }), fill: colour(each.colour) } : {}),
                points: { show: !each.bars, size: 5 },
            })),
        ],
        hooks: {
            setSelect: [
                (plot) => {
                    const { left, width: wide } = plot.select;
                    if (wide > 4) onRange?.(1000 * plot.posToVal(left, 'x'), 1000 * plot.posToVal(left + wide, 'x'));
                    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
                },
            ],
            ready: [
                (plot) =>
                    plot.over.addEventListener('click', () => {
                        if (plot.cursor.idx != null) onPick?.(plot.cursor.idx);
                    }),
            ],
        },
    };
}

export function Chart(props: Props): JSX.Element {
    const place = useRef<HTMLDivElement>(null);
    const latest = useRef(props);
    latest.current = props;
    useEffect(() => {
        const element = place.current;
        if (!element) return undefined;
        const { times, series, onPick, onRange } = props;
        const data = [times.map((time) => time / 1000), ...series.map((each) => each.values)] as uPlot.AlignedData;
        const draw = (): uPlot =>
            new uPlot(
                optionsOf(
                    {
                        ...props,
                        ...(onPick ? { onPick: (index) => latest.current.onPick?.(index) } : {}),
                        ...(onRange ? { onRange: (from, to) => latest.current.onRange?.(from, to) } : {}),
                    },
                    element.clientWidth,
                ),
                data,
                element,
            );
        let plot = draw();
        const scheme = matchMedia('(prefers-color-scheme: dark)');
        const redraw = (): void => {
            plot.destroy();
            plot = draw();
        };
        scheme.addEventListener('change', redraw);
        const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
        observer.observe(element);
        return () => {
            scheme.removeEventListener('change', redraw);
            observer.disconnect();
            plot.destroy();
        };
    }, [props.times, props.series]);
    return (
        <figure class="chart" role="group" aria-label={props.label}>
            <div ref={place} />
        </figure>
    );
}

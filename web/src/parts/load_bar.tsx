// A member's load as a bar: what it holds, primaries first, against its fair share and its limit.
import type { JSX } from 'preact';
import { loadOf, verdictOf, verdictWords } from '../data/load';
import type { Load } from '../data/load';
import { count, inSentence } from '../data/format';
import type { Member } from '../data/types';

function part(value: number, whole: number): string {
    return `${whole > 0 ? Math.min(100, (100 * value) / whole) : 0}%`;
}

interface BarProps {
    load: Load;
    exiting: boolean;
    scale: number; // what the full width stands for
}

export function LoadBar({ load, exiting, scale }: BarProps): JSX.Element {
    const whole = Math.max(scale, load.assigned, load.limit);
    const verdict = verdictOf(load);
    const fair = Math.min(load.assigned, load.share);
    return (
        <span class={`bar ${exiting ? 'bar-exiting' : ''}`} aria-hidden="true">
            <span class="bar-limit" style={{ width: part(load.limit, whole) }} />
            <span class="bar-fair" style={{ width: part(fair, whole) }} />
            {verdict === 'above' || verdict === 'over' ? (
                <span
                    class={`bar-${verdict}`}
                    style={{ left: part(fair, whole), width: part(load.assigned - fair, whole) }}
                />
            ) : null}
            <span class="bar-primaries" style={{ width: part(load.primaries, whole) }} />
            {load.share > 0 && load.share < whole ? (
                <span class="bar-share" style={{ left: part(load.share, whole) }} />
            ) : null}
        </span>
    );
}

// What the bar shows, in words, beside the numbers that stand above it.
export function sayLoad(member: Member, load: Load): string {
    const words = [
        `items in ${inSentence(member.zone)}`,
        `fair share ${count(load.share)}`,
        `${count(load.primaries)} as primary`,
        verdictWords[verdictOf(load)],
    ];
    if (member.exiting) words.push('exiting');
    return words.join(', ');
}

export function LoadLegend(): JSX.Element {
    return (
        <ul class="legend" aria-label="How to read the bars">
            <li>
                <span class="swatch swatch-primaries" /> primaries
            </li>
            <li>
                <span class="swatch swatch-fair" /> other replicas
            </li>
            <li>
                <span class="swatch swatch-above" /> above the fair share
            </li>
            <li>
                <span class="swatch swatch-over" /> over the limit
            </li>
            <li>
                <span class="swatch swatch-free" /> free, up to the limit
            </li>
            <li>
                <span class="swatch swatch-share" /> fair share
            </li>
            <li>
                <span class="swatch swatch-exiting" /> exiting
            </li>
        </ul>
    );
}

interface MapProps {
    members: Member[];
    itemSlots: number;
    memberSlots: number;
    hrefOf?: (member: Member) => string;
}

// All members, zone by zone, a cell for each.
export function MemberMap({ members, itemSlots, memberSlots, hrefOf }: MapProps): JSX.Element {
    const zones = new Map<string, Member[]>();
    for (const member of members) {
        const zone = zones.get(member.zone);
        if (zone) zone.push(member);
        else zones.set(member.zone, [member]);
    }
    const scale = Math.max(1, ...members.map((member) => Math.max(member.item_limit, member.status?.assigned ?? 0)));
    return (
        <div class="map">
            {[...zones].map(([zone, its]) => (
                <section key={zone} class="map-zone" aria-label={`Zone ${zone}`}>
                    <h3>
                        {inSentence(zone)} <span class="muted">{count(its.length)}</span>
                    </h3>
                    <ul class="map-cells">
                        {its.map((member) => (
                            <MapCell
                                key={member.suffix}
                                member={member}
                                load={loadOf(member, itemSlots, memberSlots)}
                                scale={scale}
                                href={hrefOf?.(member)}
                            />
                        ))}
                    </ul>
                </section>
            ))}
        </div>
    );
}

function MapCell(props: { member: Member; load: Load; scale: number; href: string | undefined }): JSX.Element {
    const { member, load, scale, href } = props;
    const verdict = verdictOf(load);
    const words = sayLoad(member, load);
    const content = (
        <>
            <span class="cell-name">
                {member.exiting ? '⇥ ' : ''}
                {member.suffix}
            </span>{' '}
            <span class={`cell-load ${verdict === 'over' ? 'strong' : ''}`}>
                {verdict === 'over' ? '! ' : ''}
                {count(load.assigned)}
                <span class="muted">/{count(load.limit)}</span>
            </span>
            <span class="hidden"> {words}</span>
            <LoadBar load={load} exiting={member.exiting} scale={scale} />
        </>
    );
    return (
        <li>
            {href === undefined ? (
                <span class="cell" title={words}>
                    {content}
                </span>
            ) : (
                <a class="cell" href={href} title={words}>
                    {content}
                </a>
            )}
        </li>
    );
}

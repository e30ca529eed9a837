// What would come of some changes, as a picture and in words.
import type { JSX } from 'preact';
import { count, counted, memberName } from '../data/format';
import { memberKey } from '../data/http';
import { fairShare } from '../data/load';
import type { Load } from '../data/load';
import type { Plan, PlanLoad, PlanMember, PlanMove } from '../data/types';
import { Note } from './basics';
import { DataTable } from './data_table';
import type { Column } from './data_table';
import { LoadBar, LoadLegend } from './load_bar';
import { StateBar, StateTable } from './state_bar';

function sum(values: number[]): number {
    return values.reduce((total, value) => total + value, 0);
}

function loadAt(load: PlanLoad, itemSlots: number, memberSlots: number): Load {
    return {
        assigned: load.assigned,
        primaries: load.primaries,
        limit: load.item_limit,
        effective: load.effective_limit,
        share: fairShare(load.effective_limit, itemSlots, memberSlots),
    };
}

export function sayPlan(plan: Plan): string {
    const { add, remove, promote } = plan.totals;
    if (add + remove + promote + plan.totals.pack === 0) return 'Nothing would move.';
    const parts = [
        add > 0 ? `${counted(add, 'replica')} added` : '',
        remove > 0 ? `${counted(remove, 'replica')} removed` : '',
        promote > 0 ? `${counted(promote, 'primary', 'primaries')} handed over` : '',
    ].filter(Boolean);
    return `${parts.length > 0 ? parts.join(', ') : 'Slots are renumbered'}, in ${counted(plan.rounds, 'round')}.`;
}

function Unattainable({ plan }: { plan: Plan }): JSX.Element | null {
    const before = plan.before.unattainable;
    const after = plan.after.unattainable;
    if (after > before)
        return (
            <Note tone="bad">
                <strong>{counted(after, 'replica')} could not be placed</strong> (now {count(before)}): there would be
                too little room, or too few members.
            </Note>
        );
    if (after > 0)
        return (
            <Note tone="warn">
                {counted(after, 'replica')} could not be placed (now {count(before)}).
            </Note>
        );
    return (
        <Note tone="good">
            Every replica would have its place{before > 0 ? `; now ${count(before)} can’t be placed` : ''}.
        </Note>
    );
}

// An item of which all replicas are in one zone goes with that zone.
function OneZone({ plan }: { plan: Plan }): JSX.Element | null {
    const before = plan.before.levels.zone_excess;
    const after = plan.after.levels.zone_excess;
    if (after <= before) return null;
    return (
        <Note tone="warn">
            <strong>
                {counted(after, 'item')} would have all {after === 1 ? 'its' : 'their'} replicas in one zone
            </strong>{' '}
            (now {count(before)}), and be lost with it.
        </Note>
    );
}

function Side({ load, share, scale }: { load: PlanLoad | null; share: [number, number]; scale: number }): JSX.Element {
    return load ? (
        <LoadBar load={loadAt(load, ...share)} exiting={load.exiting} scale={scale} />
    ) : (
        <span class="bar bar-none" aria-hidden="true" />
    );
}

// "12 → 20, exiting"
function sayMember(member: PlanMember): string {
    const words = [];
    if (!member.before) words.push('new');
    if (!member.after) words.push('gone');
    if (member.after?.exiting) words.push(member.after.assigned === 0 ? 'exiting, empty' : 'exiting, not empty');
    if (member.before && member.after && member.before.item_limit !== member.after.item_limit)
        words.push(`limit ${count(member.before.item_limit)} → ${count(member.after.item_limit)}`);
    return words.join(', ');
}

function MemberChange(props: {
    member: PlanMember;
    before: [number, number];
    after: [number, number];
    scale: number;
}): JSX.Element {
    const { member, before, after, scale } = props;
    const words = sayMember(member);
    const was = member.before ? count(member.before.assigned) : '–';
    const will = member.after ? count(member.after.assigned) : '–';
    return (
        <li class="change">
            <span class="cell-name">{memberName(member)}</span>
            <span class="cell-load">
                {was} <span aria-label="becomes">→</span> <strong>{will}</strong>
            </span>
            <Side load={member.before} share={before} scale={scale} />
            <Side load={member.after} share={after} scale={scale} />
            <span class="change-words">{words}</span>
        </li>
    );
}

function changed(member: PlanMember): boolean {
    return JSON.stringify(member.before) !== JSON.stringify(member.after);
}

function Picture({ plan }: { plan: Plan }): JSX.Element {
    const slots = (end: 'before' | 'after'): [number, number] => {
        const loads = plan.members.map((member) => member[end]).filter((load): load is PlanLoad => load !== null);
        const wanted = sum(loads.map((load) => load.assigned)) + plan[end].unattainable;
        return [wanted, sum(loads.map((load) => load.effective_limit))];
    };
    const before = slots('before');
    const after = slots('after');
    const limits = plan.members.flatMap((member) => [member.before?.item_limit ?? 0, member.after?.item_limit ?? 0]);
    const scale = Math.max(1, ...limits);
    const touched = plan.members.filter(changed);
    const rest = plan.members.length - touched.length;
    if (touched.length === 0) return <p class="muted">The load of every member stays as it is.</p>;
    return (
        <>
            <p class="muted">
                Of each member the load now, above, and then, below.
                {rest > 0 ? ` ${counted(rest, 'other member')} stay${rest === 1 ? 's' : ''} as ${rest === 1 ? 'it is' : 'they are'}.` : ''}
            </p>
            <ul class="changes" aria-label="Loads before and after" tabIndex={0}>
                {touched.map((member) => (
                    <MemberChange
                        key={memberKey(member)}
                        member={member}
                        before={before}
                        after={after}
                        scale={scale}
                    />
                ))}
            </ul>
            <LoadLegend />
        </>
    );
}

const operationWords: Record<PlanMove['operation'], string> = {
    add: '+ add',
    remove: '− remove',
    promote: '★ make primary',
    pack: '↧ renumber',
};

const moveColumns: Column<PlanMove>[] = [
    { key: 'round', title: 'Round', number: true, show: (move) => count(move.round) },
    { key: 'operation', title: 'Step', show: (move) => operationWords[move.operation] },
    { key: 'item', title: 'Item', show: (move) => move.item },
    { key: 'member', title: 'Member', show: (move) => memberName(move) },
    { key: 'slot', title: 'Slot', number: true, wide: true, show: (move) => count(move.slot) },
];

export function PlanView({ plan }: { plan: Plan }): JSX.Element {
    return (
        <div class="plan">
            <p class="plan-verdict" role="status">
                {sayPlan(plan)}
            </p>
            {plan.converged ? null : <Note tone="warn">It would not come to an end in {count(plan.rounds)} rounds.</Note>}
            <Unattainable plan={plan} />
            <OneZone plan={plan} />
            <Picture plan={plan} />
            <details>
                <summary>Items by state, before and after</summary>
                <div class="columns">
                    <div>
                        <h3>Now</h3>
                        <StateBar counts={plan.before.items_by_state} />
                        <StateTable counts={plan.before.items_by_state} />
                    </div>
                    <div>
                        <h3>Then</h3>
                        <StateBar counts={plan.after.items_by_state} />
                        <StateTable counts={plan.after.items_by_state} />
                    </div>
                </div>
            </details>
            {plan.moves.length > 0 ? (
                <details>
                    <summary>
                        {plan.moves_truncated ? `The first ${count(plan.moves.length)} steps` : counted(plan.moves.length, 'step')}
                        , one by one
                    </summary>
                    <DataTable
                        label="Steps of the plan"
                        columns={moveColumns}
                        rows={plan.moves}
                        rowKey={(move) => `${move.round} ${move.operation} ${move.item} ${memberKey(move)} ${move.slot}`}
                    />
                </details>
            ) : null}
        </div>
    );
}

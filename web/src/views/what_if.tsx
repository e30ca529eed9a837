// Thinking of changes, and seeing what would come of them.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { count, counted, inSentence, memberName } from '../data/format';
import { add, addMembers, drain, gather, ideas, lose, remove, replicate, scaleLimits, setLimits } from '../data/ideas';
import type { Idea } from '../data/ideas';
import { memberKey } from '../data/http';
import { live, useMembersWanted } from '../data/live';
import { useObservable } from '../data/observable';
import { mostChanges } from '../data/plans';
import { mayOperate, session } from '../data/session';
import type { Change, Member } from '../data/types';
import { Card, Empty, Field, Note, readWhole, Trouble } from '../parts/basics';
import { useTitle } from '../parts/hooks';
import { PlanDialog, usePlan } from '../parts/plan_dialog';
import { PlanView } from '../parts/plan_view';

const kinds = {
    lose: 'Lose …',
    drain: 'Drain …',
    add: 'Add members',
    scale: 'Halve or double the limit of …',
    limit: 'Set the limit of …',
    replication: 'Change an item’s replication',
} as const;
type Kind = keyof typeof kinds;

interface Draft {
    kind: Kind;
    target: string; // "zone:zone-a", "member:" and its key, or "all"
    zone: string;
    number: string;
    limit: string;
    factor: string;
    item: string;
}

const emptyDraft: Draft = { kind: 'lose', target: '', zone: '', number: '3', limit: '', factor: '0.5', item: '' };

function targetOf(target: string, members: Member[]): { members: Member[]; what: string } | null {
    if (target === 'all') return { members, what: 'every member' };
    const [kind, name] = [target.slice(0, target.indexOf(':')), target.slice(target.indexOf(':') + 1)];
    const found = members.filter((member) => (kind === 'zone' ? member.zone === name : memberKey(member) === name));
    if (found.length === 0) return null;
    return { members: found, what: kind === 'zone' ? `zone ${inSentence(name)} (${counted(found.length, 'member')})` : found.map(memberName).join() };
}

// The idea that a draft stands for, or what it lacks.
function ideaOf(draft: Draft, members: Member[]): Idea | string {
    const limit = readWhole(draft.limit, 0, 1000000);
    if (draft.kind === 'replication') {
        const replication = readWhole(draft.number, 0, 64);
        if (draft.item.trim() === '') return 'Name the item.';
        return replication === null ? 'The number of replicas is from 0 to 64.' : replicate(draft.item.trim(), replication);
    }
    if (draft.kind === 'add') {
        const number = readWhole(draft.number, 1, mostChanges);
        if (draft.zone.trim() === '') return 'Name the zone.';
        if (number === null) return `The number of members is from 1 to ${mostChanges}.`;
        return limit === null ? 'Say how many items each may hold.' : addMembers(members, draft.zone.trim(), number, limit);
    }
    const target = targetOf(draft.target, members);
    if (!target) return 'Choose a zone or a member.';
    if (draft.kind === 'lose') return lose(target.members, target.what);
    if (draft.kind === 'drain') return drain(target.members, target.what);
    if (draft.kind === 'scale') return scaleLimits(target.members, target.what, Number(draft.factor));
    return limit === null ? 'Say how many items it may hold.' : setLimits(target.members, target.what, limit);
}

function Target({ draft, members, onChange }: { draft: Draft; members: Member[]; onChange: (target: string) => void }): JSX.Element {
    const zones = [...new Set(members.map((member) => member.zone))];
    return (
        <Field label="Which">
            <select value={draft.target} onChange={(event) => onChange(event.currentTarget.value)}>
                <option value="">choose…</option>
                {draft.kind === 'scale' || draft.kind === 'limit' ? <option value="all">every member</option> : null}
                <optgroup label="Zones">
                    {zones.map((zone) => (
                        <option key={zone} value={`zone:${zone}`}>
                            zone {zone}
                        </option>
                    ))}
                </optgroup>
                <optgroup label="Members">
                    {members.map((member) => (
                        <option key={memberKey(member)} value={`member:${memberKey(member)}`}>
                            {memberName(member)}
                        </option>
                    ))}
                </optgroup>
            </select>
        </Field>
    );
}

function Composer({ members }: { members: Member[] }): JSX.Element {
    const [draft, setDraft] = useState<Draft>(emptyDraft);
    const [fault, setFault] = useState<string | null>(null);
    const change = (part: Partial<Draft>): void => {
        setDraft({ ...draft, ...part });
        setFault(null);
    };
    const submit = (event: Event): void => {
        event.preventDefault();
        const idea = ideaOf(draft, members);
        if (typeof idea === 'string') {
            setFault(idea);
            return;
        }
        add(idea);
        setFault(null);
    };
    const text = (name: 'number' | 'limit' | 'item' | 'zone', label: string, list?: string): JSX.Element => (
        <Field label={label}>
            <input
                type="text"
                value={draft[name]}
                inputMode={name === 'number' || name === 'limit' ? 'numeric' : 'text'}
                {...(list ? { list } : {})}
                onInput={(event) => change({ [name]: event.currentTarget.value })}
            />
        </Field>
    );
    return (
        <form class="composer" onSubmit={submit} aria-label="A change">
            <Field label="Suppose to">
                <select value={draft.kind} onChange={(event) => change({ kind: event.currentTarget.value as Kind })}>
                    {Object.entries(kinds).map(([kind, words]) => (
                        <option key={kind} value={kind}>
                            {words}
                        </option>
                    ))}
                </select>
            </Field>
            {draft.kind === 'add' ? (
                <>
                    {text('number', 'How many')}
                    {text('zone', 'In the zone', 'zones')}
                    {text('limit', 'Items each')}
                    <datalist id="zones">
                        {[...new Set(members.map((member) => member.zone))].map((zone) => (
                            <option key={zone} value={zone} />
                        ))}
                    </datalist>
                </>
            ) : draft.kind === 'replication' ? (
                <>
                    {text('item', 'Item')}
                    {text('number', 'Replicas')}
                </>
            ) : (
                <>
                    <Target draft={draft} members={members} onChange={(target) => change({ target })} />
                    {draft.kind === 'scale' ? (
                        <Field label="By">
                            <select value={draft.factor} onChange={(event) => change({ factor: event.currentTarget.value })}>
                                <option value="0.5">halve</option>
                                <option value="2">double</option>
                            </select>
                        </Field>
                    ) : null}
                    {draft.kind === 'limit' ? text('limit', 'Items') : null}
                </>
            )}
            <button type="submit" class="button button-main">
                Add to the plan
            </button>
            <div role="alert">{fault === null ? null : <Note tone="warn">{fault}</Note>}</div>
        </form>
    );
}

function Supposed({ list, notes, total }: { list: Idea[]; notes: (string | null)[]; total: number }): JSX.Element {
    return (
        <>
            <ul class="ideas" aria-label="Supposed changes">
                {list.map((idea, index) => (
                    <li key={index}>
                        <span>
                            {idea.words}
                            {notes[index] ? <span class="idea-note">▲ {notes[index]}</span> : null}
                        </span>
                        <button type="button" class="button button-small" onClick={() => remove(index)} aria-label={`Leave out: ${idea.words}`}>
                            ✕
                        </button>
                    </li>
                ))}
            </ul>
            {list.length > 1 ? (
                <button type="button" class="button button-small" onClick={() => ideas.set([])}>
                    Begin again
                </button>
            ) : null}
            {total > mostChanges ? (
                <Note tone="bad">
                    These are {count(total)} changes, and one plan takes at most {mostChanges}. Leave some out, or suppose
                    them one after the other.
                </Note>
            ) : null}
        </>
    );
}

function isDestructive(changes: Change[]): boolean {
    return changes.some((change) => change.method === 'DELETE' && !change.path.endsWith('/drain'));
}

function Result({ changes }: { changes: Change[] }): JSX.Element {
    const may = mayOperate(useObservable(session));
    const { cluster } = useObservable(live);
    const [open, setOpen] = useState(false);
    const planning = usePlan(changes);
    const behind = planning.plan && cluster && cluster.revision > planning.plan.revision;
    return (
        <Card
            title="What would come of it"
            aside={
                <span class="actions">
                    {behind ? (
                        <button type="button" class="button button-small" onClick={planning.again}>
                            ↻ The cluster has changed: plan anew
                        </button>
                    ) : null}
                    {may && planning.plan ? (
                        <button type="button" class="button button-small button-main" onClick={() => setOpen(true)}>
                            Apply…
                        </button>
                    ) : null}
                </span>
            }
        >
            <Trouble words={planning.trouble} />
            {planning.plan ? (
                <div class={planning.busy === 'planning' ? 'faded' : ''}>
                    <PlanView plan={planning.plan} />
                </div>
            ) : planning.busy === 'planning' ? (
                <p class="muted" role="status">
                    Working out what would move…
                </p>
            ) : null}
            {open ? (
                <PlanDialog
                    title="Apply the plan"
                    changes={changes}
                    action={`Apply ${counted(changes.length, 'change')}`}
                    grave={isDestructive(changes)}
                    onClose={() => setOpen(false)}
                    onDone={() => ideas.set([])}
                >
                    {isDestructive(changes) ? (
                        <Note tone="warn">
                            To lose a member is to deregister it here: its replicas are gone at once, and others take over. A
                            member that has registered itself with a secret of its own can’t be deregistered this way.
                        </Note>
                    ) : (
                        <p>All of it is done in one transaction, or nothing.</p>
                    )}
                </PlanDialog>
            ) : null}
        </Card>
    );
}

export function WhatIfView(): JSX.Element {
    const { members } = useObservable(live);
    const list = useObservable(ideas);
    useMembersWanted();
    useTitle('What if');
    const { changes, notes } = gather(list);
    return (
        <>
            <header class="view-head">
                <h1>What if</h1>
                <p class="muted">Suppose some changes, and see what would move. Nothing is done until you apply it.</p>
            </header>
            <div class="what-if">
                <Card title="Suppose">
                    {members === null ? <p class="muted">Reading the members…</p> : <Composer members={members} />}
                    <Supposed list={list} notes={notes} total={changes.length} />
                </Card>
                {list.length === 0 ? (
                    <Empty title="Nothing is supposed yet">
                        <p>Lose a zone, add three members, halve a limit: choose one on this page, and add more to it.</p>
                    </Empty>
                ) : changes.length === 0 ? (
                    <Empty title="Nothing of that is to be done" />
                ) : changes.length <= mostChanges ? (
                    <Result changes={changes} />
                ) : null}
            </div>
        </>
    );
}

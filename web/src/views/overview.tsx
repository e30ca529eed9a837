// The whole at a glance.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { count, counted, inSentence, memberName, percent } from '../data/format';
import { get, itemPath, memberKey } from '../data/http';
import { live, useMembersWanted } from '../data/live';
import { useObservable } from '../data/observable';
import { linkTo } from '../data/route';
import { mayOperate, session } from '../data/session';
import type { Allocator, Cluster, Explanation, Glance, Item, List, Loaded, Member } from '../data/types';
import { itemStates } from '../data/types';
import { Card, Empty, Fact, Facts, Note } from '../parts/basics';
import { useLoaded, useTitle } from '../parts/hooks';
import { StateBar, StateTable } from '../parts/state_bar';
import { PauseDialog, PauseWords } from './pause_dialog';
import type { PauseIntent } from './pause_dialog';

interface Verdict {
    tone: 'good' | 'info' | 'warn' | 'bad';
    words: string;
}

export function verdict(cluster: Glance): Verdict {
    const { totals, items_by_state: states } = cluster;
    const lost = totals.unattainable ?? 0;
    const lacking = states.under_replicated + states.unassigned;
    if (lost > 0)
        return { tone: 'bad', words: `${counted(lost, 'replica')} can’t be placed.` };
    if (lacking > 0) return { tone: 'warn', words: `${counted(lacking, 'item')} ${lacking === 1 ? 'has' : 'have'} too few replicas so far.` };
    if (states.converging > 0)
        return { tone: 'info', words: `Every item has its replicas; ${counted(states.converging, 'item')} still moving.` };
    return { tone: 'good', words: 'Every item is where it should be.' };
}

// With what is still to be done, which no state of an item tells.
function verdictNow(cluster: Cluster): Verdict {
    const found = verdict(cluster);
    const { pending, paused } = cluster.allocator;
    if (found.tone !== 'good' || pending === null || pending.add + pending.remove === 0) return found;
    const words = `Every item has its replicas, but not where they should be: ${count(pending.add)} to add, ${count(pending.remove)} to remove`;
    return paused === 'no' ? { tone: 'info', words: `${words}.` } : { tone: 'warn', words: `${words}, put off by the pause.` };
}

function Size({ cluster }: { cluster: Glance }): JSX.Element {
    const { totals } = cluster;
    return (
        <p class="muted">
            {counted(totals.items, 'item')}, {counted(totals.assignments, 'replica')} of {count(totals.item_slots)}{' '}
            wanted, on {counted(totals.members, 'member')} in {counted(totals.zones, 'zone')}.
            {totals.invalid > 0 ? ` ${counted(totals.invalid, 'entry', 'entries')} of the store can’t be read.` : ''}
        </p>
    );
}

// Why replicas can't be placed, from one of the items that lack them.
async function findReason(signal: AbortSignal): Promise<Explanation | null> {
    for (const state of ['unassigned', 'under_replicated']) {
        const page = await get<List<Item>>(`/v1/items?limit=5&state=${state}`, signal);
        for (const item of page.items) {
            const explanation = await get<Explanation>(`${itemPath(item.id)}/explain`, signal);
            if (explanation.missing && ['capacity', 'missed'].includes(explanation.missing.code)) return explanation;
        }
    }
    return null;
}

function Unattainable({ cluster }: { cluster: Cluster }): JSX.Element | null {
    const { unattainable, item_slots, member_slots } = cluster.totals;
    const lost = unattainable ?? 0;
    const key = lost > 0 ? `${lost} ${item_slots} ${member_slots} ${cluster.totals.members}` : null;
    const { value } = useLoaded(key, findReason);
    if (lost === 0) return null;
    return (
        <Card title="Can’t be placed" class="card-bad">
            <p class="figure">
                {count(lost)} <span class="figure-unit">{lost === 1 ? 'replica' : 'replicas'}</span>
            </p>
            {value?.missing ? (
                <p>
                    {value.missing.detail}.{' '}
                    <a href={linkTo(['items', value.id])}>See {inSentence(value.id)}, one of them</a>
                </p>
            ) : null}
            <p class="muted">
                Add members, raise limits, or ask for fewer replicas. <a href="#/what-if">Try it first</a>
            </p>
        </Card>
    );
}

function pauseWords(allocator: Allocator, cluster: Cluster): JSX.Element {
    if (!allocator.valid)
        return <Note tone="bad">The operators’ settings in the store can’t be read: everything is paused until they are written anew.</Note>;
    if (allocator.in_force === 'no')
        return cluster.leader === null ? (
            <Note tone="bad">Nobody leads: nothing is decided until a server takes the lead.</Note>
        ) : (
            <Note tone="good">Running.</Note>
        );
    return (
        <Note tone="warn">
            <PauseWords allocator={allocator} />
        </Note>
    );
}

const limitNames = {
    max_moves_in_flight: 'moves in flight, at most',
    max_moves_in_flight_per_member: 'of them to one member',
    max_moves_in_flight_per_zone: 'of them to one zone',
    max_moves_per_minute: 'moves begun in a minute, at most',
} as const;

function AllocatorCard({ cluster, allocator }: { cluster: Cluster; allocator: Allocator }): JSX.Element {
    const may = mayOperate(useObservable(session));
    const [open, setOpen] = useState<{ intent: PauseIntent; allocator: Allocator } | null>(null);
    const intent = allocator.in_force === 'no' ? 'pause' : 'resume';
    const pending = cluster.allocator.pending;
    return (
        <Card
            title="Allocator"
            aside={
                may ? (
                    <button type="button" class="button button-small" onClick={() => setOpen({ intent, allocator })}>
                        {intent === 'pause' ? 'Pause…' : 'Resume…'}
                    </button>
                ) : null
            }
        >
            {pauseWords(allocator, cluster)}
            <Facts>
                <Fact name="Still to do">
                    {pending === null
                        ? 'not worked out yet'
                        : pending.add + pending.remove === 0
                          ? 'nothing'
                          : `${count(pending.add)} to add, ${count(pending.remove)} to remove`}
                </Fact>
                <Fact name="Moves in flight">{count(allocator.moves_in_flight)}</Fact>
                {(Object.keys(limitNames) as (keyof typeof limitNames)[]).map((name) =>
                    allocator[name] === null ? null : (
                        <Fact key={name} name={limitNames[name]}>
                            {count(allocator[name])}
                        </Fact>
                    ),
                )}
                {cluster.allocator.failed_passes > 0 ? (
                    <Fact name="Failed passes in a row">{count(cluster.allocator.failed_passes)}</Fact>
                ) : null}
            </Facts>
            {open ? <PauseDialog {...open} onClose={() => setOpen(null)} /> : null}
        </Card>
    );
}

function Draining({ members }: { members: Member[] | null }): JSX.Element {
    const exiting = (members ?? []).filter((member) => member.exiting);
    const shown = exiting.slice(0, 8);
    return (
        <Card title="Draining">
            {exiting.length === 0 ? (
                <p class="muted">No member is being drained.</p>
            ) : (
                <ul class="lines">
                    {shown.map((member) => (
                        <li key={memberKey(member)}>
                            <a href={linkTo(['members', member.zone, member.suffix])}>⇥ {memberName(member)}</a>
                            <span class="number">
                                {(member.status?.assigned ?? 0) === 0
                                    ? 'empty: it can stop'
                                    : `${counted(member.status?.assigned ?? 0, 'item')} left`}
                            </span>
                        </li>
                    ))}
                    {exiting.length > shown.length ? (
                        <li>
                            <a href={linkTo(['members'], { show: 'exiting' })}>all {count(exiting.length)}</a>
                        </li>
                    ) : null}
                </ul>
            )}
        </Card>
    );
}

export function Zones({ cluster }: { cluster: Glance }): JSX.Element {
    return (
        <Card title="Zones">
            {cluster.zones.length === 0 ? (
                <Empty title="No members yet">
                    <p>
                        A process registers itself, or an operator does it: <code>PUT /v1/members/ZONE/NAME</code>.
                    </p>
                </Empty>
            ) : (
                <table class="plain">
                    <caption class="hidden">Zones and their load</caption>
                    <thead>
                        <tr>
                            <th scope="col">Zone</th>
                            <th scope="col" class="number">
                                Members
                            </th>
                            <th scope="col" class="number">
                                Replicas
                            </th>
                            <th scope="col" class="number wide">
                                Slots
                            </th>
                            <th scope="col">Full</th>
                        </tr>
                    </thead>
                    <tbody>
                        {cluster.zones.map((zone) => (
                            <tr key={zone.zone}>
                                <th scope="row">
                                    <a href={linkTo(['members'], { zone: zone.zone })}>{zone.zone}</a>
                                </th>
                                <td class="number">{count(zone.members)}</td>
                                <td class="number">{count(zone.assigned)}</td>
                                <td class="number wide">{count(zone.slots)}</td>
                                <td>
                                    <Fullness part={zone.assigned} whole={zone.slots} />
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
        </Card>
    );
}

function Fullness({ part, whole }: { part: number; whole: number }): JSX.Element {
    const width = whole > 0 ? Math.min(100, (100 * part) / whole) : part > 0 ? 100 : 0;
    return (
        <span class="fullness">
            <span class="bar bar-thin" aria-hidden="true">
                <span class="bar-limit bar-whole" />
                <span class={part > whole ? 'bar-over' : 'bar-fair'} style={{ left: '0', width: `${width}%` }} />
            </span>
            <span class="number">{percent(part, whole)}</span>
        </span>
    );
}

function LoadedMember({ name, member }: { name: string; member: Loaded | null }): JSX.Element | null {
    if (!member) return null;
    return (
        <Fact name={name}>
            <a href={linkTo(['members', member.zone, member.suffix])}>{memberName(member)}</a>
            <span class="muted">
                {' '}
                {count(member.assigned)} of {count(member.effective_limit)}
            </span>
            <Fullness part={member.assigned} whole={member.effective_limit} />
        </Fact>
    );
}

export function Balance({ cluster }: { cluster: Glance }): JSX.Element {
    const { most_loaded, least_loaded } = cluster.balance;
    const { item_slots, member_slots } = cluster.totals;
    return (
        <Card title="Balance">
            {most_loaded === null ? (
                <p class="muted">No member has room for anything.</p>
            ) : (
                <Facts>
                    <LoadedMember name="Most loaded" member={most_loaded} />
                    <LoadedMember name="Least loaded" member={least_loaded} />
                    <Fact name="All together">
                        <span class="muted">
                            {count(item_slots)} wanted of {count(member_slots)} slots
                        </span>
                        <Fullness part={item_slots} whole={member_slots} />
                    </Fact>
                </Facts>
            )}
        </Card>
    );
}

function roleWords({ leader, allocator }: Cluster): string {
    if (allocator.leading) return ', leads';
    if (!allocator.running) return ', its allocator is stopped';
    return leader?.instance === allocator.instance ? ', can’t be sure that it leads' : ', follows';
}

function Servers({ cluster }: { cluster: Cluster }): JSX.Element {
    const { leader, allocator, store } = cluster;
    return (
        <Card title="Servers and store">
            <Facts>
                <Fact name="Leader">
                    {leader === null ? <strong>nobody</strong> : leader.instance}
                    {leader === null ? null : <span class="muted"> since revision {leader.since_revision}</span>}
                </Fact>
                <Fact name="This server">
                    {allocator.instance}
                    <span class="muted">{roleWords(cluster)}</span>
                </Fact>
                <Fact name="Store">
                    {store.kind}, {store.reachable ? 'reachable' : <strong>▲ can’t be reached</strong>}
                </Fact>
                <Fact name="Revision">{cluster.revision}</Fact>
                <Fact name="Root">
                    <code>{cluster.root}</code>
                </Fact>
            </Facts>
        </Card>
    );
}

// The part that a moment of the past has as well.
export function ClusterSummary({ cluster, judged, past }: { cluster: Glance; judged: Verdict; past?: boolean }): JSX.Element {
    const { tone, words } = judged;
    const isEmpty = itemStates.every((state) => cluster.items_by_state[state] === 0);
    return (
        <Card title="Items" class="card-main">
            {isEmpty ? (
                <Empty title="No items yet">
                    <p>
                        An item is what is to be placed: <code>PUT /v1/items/NAME</code> with{' '}
                        <code>{'{"replication": 2}'}</code>.
                    </p>
                </Empty>
            ) : (
                <>
                    <Note tone={tone}>
                        <span class="verdict">{words}</span>
                    </Note>
                    <StateBar counts={cluster.items_by_state} />
                    <StateTable
                        counts={cluster.items_by_state}
                        {...(past ? {} : { hrefOf: (state) => linkTo(['items'], { state }) })}
                    />
                </>
            )}
            <Size cluster={cluster} />
        </Card>
    );
}

function Warnings({ cluster }: { cluster: Cluster }): JSX.Element | null {
    if (cluster.warnings.length === 0) return null;
    return (
        <Card title="To look after">
            {cluster.warnings.map((warning) => (
                <Note key={warning} tone="warn">
                    {warning}
                </Note>
            ))}
        </Card>
    );
}

export function OverviewView(): JSX.Element {
    const { cluster, allocator, members } = useObservable(live);
    useMembersWanted();
    useTitle('Overview');
    return (
        <>
            <h1 class="hidden">Overview</h1>
            {cluster && allocator ? (
                <div class="packed">
                    <ClusterSummary cluster={cluster} judged={verdictNow(cluster)} />
                    <Unattainable cluster={cluster} />
                    <Warnings cluster={cluster} />
                    <AllocatorCard cluster={cluster} allocator={allocator} />
                    <Zones cluster={cluster} />
                    <Balance cluster={cluster} />
                    <Draining members={members} />
                    <Servers cluster={cluster} />
                </div>
            ) : (
                <p class="muted" role="status">
                    Reading the cluster…
                </p>
            )}
        </>
    );
}

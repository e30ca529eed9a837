// The resources of the API, as /openapi.json has them.

export interface MemberId {
    zone: string;
    suffix: string;
}

export type ItemState = 'healthy' | 'converging' | 'under_replicated' | 'unassigned';
export const itemStates: readonly ItemState[] = ['healthy', 'converging', 'under_replicated', 'unassigned'];
export type StateCounts = Record<ItemState, number>;

export interface Item {
    id: string;
    replication: number;
    consistency: 'immediate' | 'reported';
    labels: Record<string, string>;
    create_revision: number;
    mod_revision: number;
    status: {
        assigned: number;
        consistent: number;
        desired: number | null;
        primary: MemberId | null;
        state: ItemState;
    } | null;
}

export interface Member extends MemberId {
    item_limit: number;
    exiting: boolean;
    ttl_seconds: number | null;
    labels: Record<string, string>;
    create_revision: number;
    mod_revision: number;
    status: { assigned: number; primaries: number; effective_limit: number; shed_capacity: number } | null;
}

export interface Assignment extends MemberId {
    item: string;
    slot: number;
    primary: boolean;
    consistent: boolean;
    reported: boolean;
    value: unknown;
}

export interface List<T> {
    revision: number;
    items: T[];
    continue?: string;
}

export interface Loaded extends MemberId {
    assigned: number;
    effective_limit: number;
}

export interface Zone {
    zone: string;
    members: number;
    slots: number;
    assigned: number;
}

// What there is, and how it fares; also at a moment of the past.
export interface Glance {
    totals: {
        items: number;
        members: number;
        zones: number;
        assignments: number;
        item_slots: number;
        member_slots: number;
        zone_slots: number;
        unattainable: number | null;
        invalid: number;
    };
    items_by_state: StateCounts;
    zones: Zone[];
    balance: { most_loaded: Loaded | null; least_loaded: Loaded | null };
}

export interface Cluster extends Glance {
    revision: number;
    root: string;
    leader: { instance: string; since_revision: number } | null;
    allocator: {
        instance: string;
        running: boolean;
        leading: boolean;
        failed_passes: number;
        paused: Pause;
        pending: { add: number; remove: number; keep: number } | null;
    };
    store: { kind: string; reachable: boolean; snapshot_age_ms: number };
    history: { condition: 'works' | 'behind' | 'fails'; detail?: string; oldest_time: string | null } | null;
    warnings: string[];
}

export type Pause = 'no' | 'rebalance' | 'all';

export interface AllocatorLimits {
    max_moves_in_flight: number | null;
    max_moves_in_flight_per_member: number | null;
    max_moves_in_flight_per_zone: number | null;
    max_moves_per_minute: number | null;
}

export interface Allocator extends AllocatorLimits {
    paused: Pause;
    in_force: Pause;
    valid: boolean;
    moves_in_flight: number;
    reason: string | null;
    until: string | null;
    by: string | null;
    since: string | null;
}

export interface Reason {
    code: string;
    detail: string;
}

export interface Explanation {
    revision: number;
    id: string;
    replication: number;
    state: ItemState;
    replicas: (MemberId &
        Reason & { slot: number; primary: boolean; consistent: boolean; waits_for: Reason | null })[];
    inconsistent: MemberId[];
    missing: (Reason & { replicas: number }) | null;
    members: (MemberId &
        Reason & { waits_for?: Reason | null; assigned: number; desired: number; effective_limit: number })[];
}

export interface Lease {
    ttl_seconds: number | null;
    seconds_left: number | null;
}

export interface Principal {
    name: string;
    role: 'reader' | 'member' | 'operator';
    zone: string | null;
    suffix: string | null;
    tokens: boolean;
}

export interface PlanLoad {
    assigned: number;
    primaries: number;
    item_limit: number;
    effective_limit: number;
    exiting: boolean;
}

export interface PlanEnd {
    unattainable: number;
    levels: { zone_excess: number }; // items of which one zone has all replicas
    items_by_state: StateCounts;
    zones: { zone: string; slots: number; assigned: number }[];
}

export interface PlanMember extends MemberId {
    before: PlanLoad | null;
    after: PlanLoad | null;
}

export interface PlanMove extends MemberId {
    round: number;
    operation: 'add' | 'remove' | 'promote' | 'pack';
    item: string;
    slot: number;
}

export interface Plan {
    revision: number;
    token: string;
    converged: boolean;
    rounds: number;
    totals: { add: number; remove: number; promote: number; pack: number };
    moves: PlanMove[];
    moves_truncated: boolean;
    before: PlanEnd;
    after: PlanEnd;
    members: PlanMember[];
}

// One change of several, written as the request that would make it.
export interface Change {
    method: 'PUT' | 'PATCH' | 'POST' | 'DELETE';
    path: string;
    body?: Record<string, unknown>;
    session?: string;
}

export interface Results {
    revision: number;
    results: { status: number; body?: { detail?: string } }[];
}

export interface WatchEvent {
    kind: 'item' | 'member' | 'assignment';
    operation: string;
    id?: string;
    item?: string;
    zone?: string;
    suffix?: string;
}

// Of one revision; or `gone`: the place to go on from is no longer kept.
export interface WatchMessage {
    revision?: number;
    bookmark?: boolean;
    events?: WatchEvent[];
    gone?: boolean;
}

// How long members have without another heartbeat.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get, memberKey, memberPath } from '../data/http';
import type { Lease, Member } from '../data/types';
import { useNow } from '../parts/hooks';

const everyMs = 5000;
const most = 60; // asked for at a time

export interface SeenLease {
    ends: number; // when, unless a heartbeat comes
    ttl: number;
}

// The leases of those of @members that have one, asked for again and again.
export function useLeases(members: Member[]): Map<string, SeenLease> {
    const [leases, setLeases] = useState(new Map<string, SeenLease>());
    const leased = members.filter((member) => member.ttl_seconds !== null).slice(0, most);
    const key = leased.map(memberKey).join('\n');
    useEffect(() => {
        if (leased.length === 0) return undefined;
        const abort = new AbortController();
        const ask = async (): Promise<void> => {
            const found = await Promise.all(
                leased.map(async (member): Promise<[string, SeenLease] | null> => {
                    const lease = await get<Lease>(`${memberPath(member)}/lease`, abort.signal).catch(() => null);
                    if (lease?.seconds_left == null) return null;
                    const ends = Date.now() + 1000 * lease.seconds_left;
                    return [memberKey(member), { ends, ttl: lease.ttl_seconds ?? 0 }];
                }),
            );
            if (!abort.signal.aborted) setLeases(new Map(found.filter((each) => each !== null)));
        };
        void ask();
        const timer = setInterval(() => void ask(), everyMs);
        return () => {
            clearInterval(timer);
            abort.abort();
        };
    }, [key]);
    return leases;
}

export function LeaseLeft({ member, lease }: { member: Member; lease: SeenLease | undefined }): JSX.Element {
    const now = useNow(1000);
    if (member.ttl_seconds === null) return <span class="muted">no lease</span>;
    if (!lease) return <span class="muted">of {member.ttl_seconds} s</span>;
    const left = Math.max(0, Math.round((lease.ends - now) / 1000));
    const low = left * 3 < lease.ttl;
    return (
        <span class={low ? 'strong' : ''}>
            {low ? '▲ ' : ''}
            {left} s<span class="muted"> of {member.ttl_seconds} s</span>
        </span>
    );
}

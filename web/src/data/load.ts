// What a member has to do, against what it should and what it may.
import type { Member } from './types';

export interface Load {
    assigned: number;
    primaries: number;
    limit: number; // that it was registered with
    effective: number; // less what it gives up as it drains
    share: number; // of all that there is to do, by its size
}

// The fair share of a member with that effective limit, as the solver has it.
export function fairShare(effective: number, itemSlots: number, memberSlots: number): number {
    if (memberSlots <= 0 || itemSlots > memberSlots) return effective;
    return Math.ceil((effective * itemSlots) / memberSlots);
}

export function loadOf(member: Member, itemSlots: number, memberSlots: number): Load {
    const effective = member.status?.effective_limit ?? member.item_limit;
    return {
        assigned: member.status?.assigned ?? 0,
        primaries: member.status?.primaries ?? 0,
        limit: member.item_limit,
        effective,
        share: fairShare(effective, itemSlots, memberSlots),
    };
}

export type Verdict = 'empty' | 'fair' | 'above' | 'over';

export function verdictOf(load: Load): Verdict {
    if (load.assigned > load.effective) return 'over';
    if (load.assigned > load.share) return 'above';
    return load.assigned === 0 ? 'empty' : 'fair';
}

export const verdictWords: Record<Verdict, string> = {
    empty: 'holds nothing',
    fair: 'within its fair share',
    above: 'above its fair share',
    over: 'over its limit',
};

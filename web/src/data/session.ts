// Who uses this page. The token is kept for this tab only.
import { authority, get, Problem, wordsOf } from './http';
import { Observable } from './observable';
import type { Principal } from './types';

const place = 'allot-token';

export type Session =
    | { phase: 'asking'; trouble: string | null }
    | { phase: 'out'; trouble: string | null }
    | { phase: 'in'; principal: Principal };

export const session = new Observable<Session>({ phase: 'asking', trouble: null });

export function mayOperate(current: Session): boolean {
    return current.phase === 'in' && current.principal.role === 'operator';
}

function forget(): void {
    authority.token = null;
    sessionStorage.removeItem(place);
}

authority.refused = (problem) => {
    const had = authority.token !== null;
    forget();
    // Several requests may be refused for one token: the first of them says why.
    if (had || session.value.phase !== 'out') session.set({ phase: 'out', trouble: had ? problem.message : null });
};

// Asks the server who we are, again and again until it answers.
export async function enter(): Promise<void> {
    authority.token = sessionStorage.getItem(place);
    for (let pause = 500; ; pause = Math.min(2 * pause, 5000)) {
        try {
            session.set({ phase: 'in', principal: await get<Principal>('/v1/whoami') });
            return;
        } catch (error) {
            if (error instanceof Problem && error.status === 401) return;
            session.set({ phase: 'asking', trouble: wordsOf(error) });
        }
        await new Promise((done) => setTimeout(done, pause));
    }
}

let asking = false;

// Asks again: the token may be of another role by now.
export async function renew(): Promise<void> {
    if (asking || session.value.phase !== 'in') return;
    asking = true;
    const { token } = authority;
    try {
        const principal = await get<Principal>('/v1/whoami');
        const current = session.value;
        const same = current.phase === 'in' && JSON.stringify(current.principal) === JSON.stringify(principal);
        if (current.phase === 'in' && authority.token === token && !same) session.set({ phase: 'in', principal });
    } catch {
        // A token that is no longer known has been seen to; of all else the stream tells.
    } finally {
        asking = false;
    }
}

authority.forbidden = () => void renew();

export async function signIn(token: string): Promise<void> {
    // A header can't carry anything else, and no token has it.
    if (!/^[!-~]+$/.test(token)) {
        session.set({ phase: 'out', trouble: 'a token has only letters, digits and punctuation' });
        return;
    }
    sessionStorage.setItem(place, token);
    await enter();
}

export function signOut(): void {
    forget();
    session.set({ phase: 'out', trouble: null });
}

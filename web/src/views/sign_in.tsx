// Before one is in.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { memberName } from '../data/format';
import { signIn, signOut } from '../data/session';
import type { Principal } from '../data/types';
import { Field, Note, Trouble } from '../parts/basics';
import { useTitle } from '../parts/hooks';

export function SignIn({ trouble }: { trouble: string | null }): JSX.Element {
    const [token, setToken] = useState('');
    const [busy, setBusy] = useState(false);
    useTitle('Sign in');
    const submit = (event: Event): void => {
        event.preventDefault();
        if (token.trim() === '') return;
        setBusy(true);
        void signIn(token.trim()).finally(() => setBusy(false));
    };
    return (
        <main class="gate">
            <form class="card" onSubmit={submit}>
                <h1>Sign in to allot</h1>
                <p class="muted">
                    This server asks for a token. It is kept for this tab only, and forgotten when the tab is closed.
                </p>
                <Field label="Token" hint="Operators may change things, readers see everything.">
                    <input
                        type="password"
                        autocomplete="off"
                        spellcheck={false}
                        required
                        value={token}
                        onInput={(event) => setToken(event.currentTarget.value)}
                    />
                </Field>
                <Trouble words={trouble === null ? null : `That did not work: ${trouble}.`} />
                <button type="submit" class="button button-main" disabled={busy}>
                    {busy ? 'Asking the server…' : 'Sign in'}
                </button>
            </form>
        </main>
    );
}

export function Waiting({ trouble }: { trouble: string | null }): JSX.Element {
    useTitle('Connecting');
    return (
        <main class="gate">
            <div class="card" role="status">
                <h1>allot</h1>
                <p class="muted">{trouble === null ? 'Connecting…' : `Not connected: ${trouble}. Trying again.`}</p>
            </div>
        </main>
    );
}

export function ForMember({ principal }: { principal: Principal }): JSX.Element {
    const name = memberName({ zone: principal.zone ?? '', suffix: principal.suffix ?? '' });
    useTitle('Another token is needed');
    return (
        <main class="gate">
            <div class="card">
                <h1>Another token is needed</h1>
                <Note tone="info">
                    This token is that of the member {name}. It may act for that member, and not look at the whole
                    cluster: the dashboard takes the token of a reader or an operator.
                </Note>
                <button type="button" class="button button-main" onClick={signOut}>
                    Use another token
                </button>
            </div>
        </main>
    );
}

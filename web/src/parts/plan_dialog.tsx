// Changes, shown first as a plan, then confirmed.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem, Unreachable, wordsOf } from '../data/http';
import { refresh } from '../data/live';
import { applyPlan, newKey, plan, sayChange } from '../data/plans';
import type { Change, Plan } from '../data/types';
import { Note, Trouble } from './basics';
import { Dialog } from './dialog';
import { useMounted } from './hooks';
import { PlanView } from './plan_view';
import { tell, tellTrouble } from './toast';

interface State {
    plan: Plan | null;
    busy: 'planning' | 'applying' | null;
    trouble: string | null;
    stale: boolean; // the plan shown has taken the place of one that no longer held
}

// Whoever got no answer can safely try again: it is not done twice.
function sayFailure(error: unknown): string {
    const unknown = error instanceof Unreachable || (error instanceof Problem && error.status === 504);
    return unknown ? `${wordsOf(error)}: it may have been done. Try again; it is not done twice.` : wordsOf(error);
}

export interface Planning extends State {
    apply: (onDone: () => void) => void;
    again: () => void; // plans anew
}

// The plan of some changes (null: of none, so far), made anew when they change.
export function usePlan(changes: Change[] | null): Planning {
    const [state, setState] = useState<State>({ plan: null, busy: null, trouble: null, stale: false });
    const turn = useRef(0);
    const key = useRef('');
    const mounted = useMounted();
    const text = changes ? JSON.stringify(changes.map(({ session: _, ...change }) => change)) : null;

    const make = (stale: boolean): void => {
        const own = ++turn.current;
        if (!changes) {
            setState({ plan: null, busy: null, trouble: null, stale: false });
            return;
        }
        setState((old) => ({ ...old, busy: 'planning', trouble: null, stale }));
        plan(changes).then(
            (made) => {
                key.current = newKey();
                if (own === turn.current) setState({ plan: made, busy: null, trouble: null, stale });
            },
            (error: unknown) => {
                if (own === turn.current) setState({ plan: null, busy: null, trouble: wordsOf(error), stale });
            },
        );
    };
    useEffect(() => {
        make(false);
        return () => {
            turn.current++;
        };
    }, [text]);

    const apply = (onDone: () => void): void => {
        const made = state.plan;
        if (!changes || !made) return;
        setState((old) => ({ ...old, busy: 'applying', trouble: null }));
        applyPlan(changes, made.token, key.current).then(
            (results) => {
                tell(`Done, at revision ${results.revision}.`);
                refresh();
                onDone();
            },
            (error: unknown) => {
                if (!mounted.current) tellTrouble(sayFailure(error));
                else if (error instanceof Problem && error.status === 412) make(true);
                else setState((old) => ({ ...old, busy: null, trouble: sayFailure(error) }));
            },
        );
    };
    return { ...state, apply, again: () => make(false) };
}

// The list of changes in words.
export function ChangeList({ changes }: { changes: Change[] }): JSX.Element | null {
    if (changes.length < 2) return null;
    return (
        <details>
            <summary>{changes.length} changes at once</summary>
            <ul>
                {changes.map((change) => (
                    <li key={change.path}>{sayChange(change)}</li>
                ))}
            </ul>
        </details>
    );
}

interface Props {
    title: string;
    changes: Change[] | null; // null: something is to be chosen first
    action: string; // what the button says that makes them
    grave?: boolean;
    onClose: () => void;
    onDone?: () => void;
    children?: ComponentChildren; // what is to be chosen
}

export function PlanDialog({ title, changes, action, grave, onClose, onDone, children }: Props): JSX.Element {
    const planning = usePlan(changes);
    const applying = planning.busy === 'applying';
    const ready = changes !== null && planning.plan !== null && planning.busy === null;
    const done = (): void => {
        onClose();
        onDone?.();
    };
    return (
        <Dialog
            title={title}
            onClose={applying ? null : onClose}
            actions={
                <>
                    <button type="button" class="button" disabled={applying} onClick={onClose}>
                        Leave as it is
                    </button>
                    <button
                        type="button"
                        class={`button ${grave ? 'button-grave' : 'button-main'}`}
                        disabled={!ready}
                        onClick={() => planning.apply(done)}
                    >
                        {applying ? 'Applying…' : action}
                    </button>
                </>
            }
        >
            {children}
            {changes ? <ChangeList changes={changes} /> : null}
            {planning.stale ? (
                <Note tone="warn">The cluster has changed since it was planned. This is the plan for how it is now.</Note>
            ) : null}
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
        </Dialog>
    );
}

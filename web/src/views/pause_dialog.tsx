// Pausing the allocator, and letting it go on.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { put, wordsOf } from '../data/http';
import { refresh } from '../data/live';
import type { Allocator, Pause } from '../data/types';
import { Field, Trouble } from '../parts/basics';
import { Dialog } from '../parts/dialog';
import { tell } from '../parts/toast';

// A PUT replaces all settings: the limits stay as they are.
function limitsOf(allocator: Allocator): Record<string, number> {
    const { max_moves_in_flight, max_moves_in_flight_per_member, max_moves_in_flight_per_zone, max_moves_per_minute } =
        allocator;
    const limits = {
        max_moves_in_flight,
        max_moves_in_flight_per_member,
        max_moves_in_flight_per_zone,
        max_moves_per_minute,
    };
    return Object.fromEntries(Object.entries(limits).filter((each): each is [string, number] => each[1] !== null));
}

export function PauseDialog({ allocator, onClose }: { allocator: Allocator; onClose: () => void }): JSX.Element {
    const resumes = allocator.in_force !== 'no';
    const [pause, setPause] = useState<Pause>('rebalance');
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [trouble, setTrouble] = useState<string | null>(null);
    const submit = (): void => {
        setBusy(true);
        const settings = resumes ? { paused: 'no' } : { paused: pause, ...(reason.trim() ? { reason: reason.trim() } : {}) };
        put('/v1/allocator', { ...limitsOf(allocator), ...settings }).then(
            () => {
                tell(resumes ? 'The allocator goes on.' : 'The allocator is paused.');
                refresh();
                onClose();
            },
            (error: unknown) => {
                setBusy(false);
                setTrouble(wordsOf(error));
            },
        );
    };
    return (
        <Dialog
            title={resumes ? 'Let the allocator go on' : 'Pause the allocator'}
            onClose={onClose}
            actions={
                <>
                    <button type="button" class="button" onClick={onClose}>
                        Leave as it is
                    </button>
                    <button type="button" class="button button-main" disabled={busy} onClick={submit}>
                        {resumes ? 'Resume' : 'Pause'}
                    </button>
                </>
            }
        >
            {resumes ? (
                <p>What was put off is begun at once, on all servers of the cluster.</p>
            ) : (
                <>
                    <fieldset>
                        <legend>What is put off</legend>
                        <label>
                            <input type="radio" name="pause" checked={pause === 'rebalance'} onChange={() => setPause('rebalance')} />{' '}
                            Moves. What is missing is still repaired.
                        </label>
                        <label>
                            <input type="radio" name="pause" checked={pause === 'all'} onChange={() => setPause('all')} />{' '}
                            Everything, repairs too.
                        </label>
                    </fieldset>
                    <Field label="Reason" hint="Shown to everybody, with your name.">
                        <input maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
                    </Field>
                </>
            )}
            <Trouble words={trouble} />
        </Dialog>
    );
}

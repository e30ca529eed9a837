// Pausing the allocator, and letting it go on.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { inSentence, time } from '../data/format';
import { Problem, put, read, wordsOf } from '../data/http';
import { refresh } from '../data/live';
import type { Allocator, Pause } from '../data/types';
import { Field, Note, Trouble } from '../parts/basics';
import { Dialog } from '../parts/dialog';
import { useMounted } from '../parts/hooks';
import { tell, tellTrouble } from '../parts/toast';

export type PauseIntent = 'pause' | 'resume';

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

// What operators have set, and nothing of what comes and goes by itself.
function settingsOf(allocator: Allocator): string {
    const { paused, in_force, valid, reason, until, by, since } = allocator;
    return JSON.stringify([paused, in_force, valid, reason, until, by, since, limitsOf(allocator)]);
}

// Its moves begin and end at any moment, and change its ETag each time.
const mostTries = 5;

// Writes @settings beside the limits, unless others have changed something since @seen: then nothing
// is done, and how it is now is returned.
async function change(seen: Allocator, settings: object): Promise<Allocator | null> {
    for (let tries = 1; ; tries++) {
        const { body: now, etag } = await read<Allocator>('/v1/allocator');
        if (settingsOf(now) !== settingsOf(seen)) return now;
        try {
            await put('/v1/allocator', { ...limitsOf(now), ...settings }, etag === null ? {} : { 'If-Match': etag });
            return null;
        } catch (error) {
            if (tries === mostTries || !(error instanceof Problem) || error.status !== 412) throw error;
        }
    }
}

// That it is paused, by whom and why.
export function PauseWords({ allocator }: { allocator: Allocator }): JSX.Element {
    const by = allocator.by === null ? '' : ` by ${inSentence(allocator.by)}`;
    const since = allocator.since === null ? '' : ` since ${time(allocator.since)}`;
    const until = allocator.until === null ? '' : `, until ${time(allocator.until)}`;
    return (
        <>
            <strong>{allocator.in_force === 'all' ? 'Paused' : 'Moves are paused, repairs go on'}</strong>
            {by}
            {since}
            {until}
            {allocator.reason === null ? '.' : `: ${inSentence(allocator.reason)}.`}
        </>
    );
}

function Meanwhile({ allocator }: { allocator: Allocator }): JSX.Element {
    return (
        <div role="alert">
            <Note tone="warn">
                <p>Somebody else has changed it meanwhile, and nothing has been done here. This is how it is now; do you still want to?</p>
                <p>
                    {allocator.in_force === 'no' ? <strong>Running.</strong> : <PauseWords allocator={allocator} />} The limits
                    that are set now stay as they are.
                </p>
            </Note>
        </div>
    );
}

interface ChoiceProps {
    pause: Pause;
    onPause: (pause: Pause) => void;
    reason: string;
    onReason: (reason: string) => void;
}

function Choice({ pause, onPause, reason, onReason }: ChoiceProps): JSX.Element {
    return (
        <>
            <fieldset>
                <legend>What is put off</legend>
                <label>
                    <input type="radio" name="pause" checked={pause === 'rebalance'} onChange={() => onPause('rebalance')} /> Moves.
                    What is missing is still repaired.
                </label>
                <label>
                    <input type="radio" name="pause" checked={pause === 'all'} onChange={() => onPause('all')} /> Everything, repairs
                    too.
                </label>
            </fieldset>
            <Field label="Reason" hint="Shown to everybody, with your name.">
                <input maxLength={200} value={reason} onInput={(event) => onReason(event.currentTarget.value)} />
            </Field>
        </>
    );
}

interface Props {
    intent: PauseIntent; // as it was chosen: it stays, whatever others do meanwhile
    allocator: Allocator; // as it was then
    onClose: () => void;
}

export function PauseDialog({ intent, allocator, onClose }: Props): JSX.Element {
    const resumes = intent === 'resume';
    const [seen, setSeen] = useState(allocator);
    const [changed, setChanged] = useState(false);
    const [pause, setPause] = useState<Pause>('rebalance');
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [trouble, setTrouble] = useState<string | null>(null);
    const mounted = useMounted();
    const submit = (): void => {
        setBusy(true);
        setTrouble(null);
        const settings = resumes ? { paused: 'no' } : { paused: pause, ...(reason.trim() ? { reason: reason.trim() } : {}) };
        change(seen, settings).then(
            (other) => {
                refresh();
                setBusy(false);
                if (other) {
                    setSeen(other);
                    setChanged(true);
                    return;
                }
                tell(resumes ? 'The allocator goes on.' : 'The allocator is paused.');
                onClose();
            },
            (error: unknown) => {
                setBusy(false);
                if (mounted.current) setTrouble(wordsOf(error));
                else tellTrouble(wordsOf(error));
            },
        );
    };
    return (
        <Dialog
            title={resumes ? 'Let the allocator go on' : 'Pause the allocator'}
            onClose={busy ? null : onClose}
            actions={
                <>
                    <button type="button" class="button" disabled={busy} onClick={onClose}>
                        Leave as it is
                    </button>
                    <button type="button" class="button button-main" disabled={busy} onClick={submit}>
                        {resumes ? 'Resume' : 'Pause'}
                    </button>
                </>
            }
        >
            {changed ? <Meanwhile allocator={seen} /> : null}
            {resumes ? (
                <p>What was put off is begun at once, on all servers of the cluster.</p>
            ) : (
                <Choice pause={pause} onPause={setPause} reason={reason} onReason={setReason} />
            )}
            <Trouble words={trouble} />
        </Dialog>
    );
}

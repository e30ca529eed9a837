import { useEffect, useRef, useState } from 'preact/hooks';
import { visible } from '../data/format';
import { wordsOf } from '../data/http';
import { onChanges } from '../data/live';
import type { WatchEvent } from '../data/types';

// The time, again and again: for what is told as "3 s ago".
export function useNow(everyMs: number): number {
    const [now, setNow] = useState(Date.now());
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), everyMs);
        return () => clearInterval(timer);
    }, [everyMs]);
    return now;
}

// Whether the component is still there, for what goes on without it.
export function useMounted(): { readonly current: boolean } {
    const mounted = useRef(true);
    useEffect(() => {
        mounted.current = true;
        return () => {
            mounted.current = false;
        };
    }, []);
    return mounted;
}

// Raised with each change that `concerns` says is one of what `key` names.
export function useTurn(key: string, concerns: (event: WatchEvent) => boolean): number {
    const [turn, setTurn] = useState(0);
    useEffect(
        () =>
            onChanges((events) => {
                if (events.some(concerns)) setTurn((old) => old + 1);
            }),
        [key],
    );
    return turn;
}

// `value`, late by up to `ms` so that it changes no more often than that.
export function useThrottled<T>(value: T, ms: number): T {
    const [given, setGiven] = useState(value);
    const latest = useRef(value);
    latest.current = value;
    const late = !Object.is(value, given);
    useEffect(() => {
        if (!late) return undefined;
        const timer = setTimeout(() => setGiven(latest.current), ms);
        return () => clearTimeout(timer);
    }, [late, ms]);
    return given;
}

export interface Loading<T> {
    value: T | null;
    trouble: string | null;
    busy: boolean;
}

// Between two reads of the same, however often it changes.
const leastGap = 300;

// One read at a time; whatever asks for another meanwhile gets one more after it.
class Reader {
    readonly abort = new AbortController();
    private running = false;
    private again = false;

    constructor(private readonly read: (signal: AbortSignal) => Promise<void>) {}

    async start(): Promise<void> {
        this.again = this.running;
        if (this.running) return;
        this.running = true;
        await this.read(this.abort.signal);
        await new Promise((done) => setTimeout(done, leastGap));
        this.running = false;
        if (this.again && !this.abort.signal.aborted) await this.start();
    }
}

// What `load` gives of what `key` names (null: of nothing), read anew when `turn` changes; what there
// was stays until then.
export function useLoaded<T>(
    key: string | null,
    load: (signal: AbortSignal) => Promise<T>,
    turn: number | string = 0,
): Loading<T> {
    const [state, setState] = useState<Loading<T>>({ value: null, trouble: null, busy: key !== null });
    const latest = useRef(load);
    latest.current = load;
    const reader = useRef<Reader | null>(null);
    useEffect(() => {
        if (key === null) {
            setState({ value: null, trouble: null, busy: false });
            return undefined;
        }
        const own = new Reader(async (signal) => {
            setState((old) => ({ ...old, busy: true }));
            try {
                const value = await latest.current(signal);
                if (!signal.aborted) setState({ value, trouble: null, busy: false });
            } catch (error) {
                if (!signal.aborted) setState((old) => ({ ...old, trouble: wordsOf(error), busy: false }));
            }
        });
        reader.current = own;
        return () => {
            reader.current = null;
            own.abort.abort();
        };
    }, [key]);
    useEffect(() => {
        void reader.current?.start();
    }, [key, turn]);
    return state;
}

// The title of the document, for tabs and screen readers.
export function useTitle(title: string): void {
    useEffect(() => {
        document.title = visible(`${title} · allot`);
    }, [title]);
}

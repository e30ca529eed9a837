import { useEffect, useRef, useState } from 'preact/hooks';
import { wordsOf } from '../data/http';

// The time, again and again: for what is told as "3 s ago".
export function useNow(everyMs: number): number {
    const [now, setNow] = useState(Date.now());
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), everyMs);
        return () => clearInterval(timer);
    }, [everyMs]);
    return now;
}

export interface Loading<T> {
    value: T | null;
    trouble: string | null;
    busy: boolean;
}

// What `load` gives, read anew when `key` changes; what there was stays until then. A key of null:
// nothing is to be read.
export function useLoaded<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loading<T> {
    const [state, setState] = useState<Loading<T>>({ value: null, trouble: null, busy: key !== null });
    const latest = useRef(load);
    latest.current = load;
    useEffect(() => {
        if (key === null) {
            setState({ value: null, trouble: null, busy: false });
            return undefined;
        }
        const abort = new AbortController();
        setState((old) => ({ ...old, busy: true }));
        latest
            .current(abort.signal)
            .then((value) => {
                if (!abort.signal.aborted) setState({ value, trouble: null, busy: false });
            })
            .catch((error: unknown) => {
                if (!abort.signal.aborted) setState((old) => ({ ...old, trouble: wordsOf(error), busy: false }));
            });
        return () => abort.abort();
    }, [key]);
    return state;
}

// The title of the document, for tabs and screen readers.
export function useTitle(title: string): void {
    useEffect(() => {
        document.title = `${title} · allot`;
    }, [title]);
}

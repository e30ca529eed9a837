// What has been done, or has not, said for a while at the edge of the page.
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Observable, useObservable } from '../data/observable';

const shownMs = 6000;
const message = new Observable<{ sign: string; text: string } | null>(null);

export function tell(text: string): void {
    message.set({ sign: '✓', text });
}

// For what fails when there is no other place left to say so.
export function tellTrouble(text: string): void {
    message.set({ sign: '✕', text });
}

export function Toast(): JSX.Element {
    const shown = useObservable(message);
    useEffect(() => {
        if (!shown) return undefined;
        const timer = setTimeout(() => message.set(null), shownMs);
        return () => clearTimeout(timer);
    }, [shown]);
    return (
        <div class="toast-place" role="status">
            {shown ? <div class="toast">
                    {shown.sign} {shown.text}
                </div> : null}
        </div>
    );
}

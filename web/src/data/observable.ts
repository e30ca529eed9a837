import { useEffect, useState } from 'preact/hooks';

// A value that others are told of when it changes.
export class Observable<T> {
    private listeners = new Set<() => void>();

    constructor(private current: T) {}

    get value(): T {
        return this.current;
    }

    set(next: T): void {
        if (Object.is(next, this.current)) return;
        this.current = next;
        for (const listener of [...this.listeners]) listener();
    }

    update(part: Partial<T>): void {
        this.set({ ...this.current, ...part });
    }

    subscribe(listener: () => void): () => void {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }
}

// What is observed, in a component that is drawn anew when it changes.
export function useObservable<T>(observable: Observable<T>): T {
    const [, redraw] = useState(0);
    useEffect(() => {
        const listener = (): void => redraw((count) => count + 1);
        const unsubscribe = observable.subscribe(listener);
        listener(); // it may have changed since it was drawn
        return unsubscribe;
    }, [observable]);
    return observable.value;
}

import type { JSX } from 'preact';
import { inSentence } from '../data/format';

export function Labels({ labels }: { labels: Record<string, string> }): JSX.Element {
    const entries = Object.entries(labels);
    if (entries.length === 0) return <span class="muted">none</span>;
    return (
        <span class="labels">
            {entries.map(([name, value]) => (
                <span key={name} class="label">
                    {inSentence(name)}={inSentence(value)}
                </span>
            ))}
        </span>
    );
}

// Small pieces that all views are made of.
import type { ComponentChildren, JSX } from 'preact';
import { stateNames, stateSigns } from '../data/format';
import type { ItemState } from '../data/types';

export function StateMark({ state }: { state: ItemState }): JSX.Element {
    return (
        <span class={`state state-${state}`}>
            <span class="sign" aria-hidden="true">
                {stateSigns[state]}
            </span>
            {stateNames[state]}
        </span>
    );
}

interface CardProps {
    title: string;
    aside?: ComponentChildren;
    class?: string;
    children: ComponentChildren;
}

export function Card({ title, aside, class: name, children }: CardProps): JSX.Element {
    return (
        <section class={`card ${name ?? ''}`} aria-label={title}>
            <header class="card-head">
                <h2>{title}</h2>
                {aside}
            </header>
            {children}
        </section>
    );
}

// Names and values, one a line.
export function Facts({ children }: { children: ComponentChildren }): JSX.Element {
    return <dl class="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
    return (
        <div>
            <dt>{name}</dt>
            <dd>{children}</dd>
        </div>
    );
}

type Tone = 'good' | 'info' | 'warn' | 'bad';
const toneSigns: Record<Tone, string> = { good: '✓', info: 'i', warn: '▲', bad: '✕' };

export function Note({ tone, children }: { tone: Tone; children: ComponentChildren }): JSX.Element {
    return (
        <div class={`note note-${tone}`}>
            <span class="sign" aria-hidden="true">
                {toneSigns[tone]}
            </span>
            <div>{children}</div>
        </div>
    );
}

// What went wrong, in words, told to screen readers at once.
export function Trouble({ words }: { words: string | null }): JSX.Element | null {
    if (words === null) return null;
    return (
        <div role="alert">
            <Note tone="bad">{words}</Note>
        </div>
    );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
    return (
        <div class="empty">
            <p class="empty-title">{title}</p>
            {children}
        </div>
    );
}

interface FieldProps {
    label: string;
    hint?: string;
    children: ComponentChildren;
}

export function Field({ label, hint, children }: FieldProps): JSX.Element {
    return (
        <label class="field">
            <span class="field-label">{label}</span>
            {children}
            {hint === undefined ? null : <span class="field-hint">{hint}</span>}
        </label>
    );
}

// A number that is being typed, within bounds; null while it is none.
export function readWhole(text: string, least: number, most: number): number | null {
    if (!/^\d+$/.test(text.trim())) return null;
    const number = Number(text.trim());
    return number >= least && number <= most ? number : null;
}

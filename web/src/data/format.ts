// Numbers, times and names as they are shown.
import type { ItemState, MemberId } from './types';

const grouped = new Intl.NumberFormat('en-US');

export function count(number: number): string {
    return grouped.format(number);
}

// "1 item", "2 items".
export function counted(number: number, one: string, many = `${one}s`): string {
    return `${count(number)} ${number === 1 ? one : many}`;
}

export function percent(part: number, whole: number): string {
    if (whole <= 0) return part > 0 ? 'over' : '–';
    const value = (100 * part) / whole;
    if (value > 0 && value < 0.1) return '< 0.1 %'; // not nothing
    if (value > 99 && value < 100) return `${Math.floor(10 * value) / 10} %`; // not all of it
    return `${value < 10 && value > 0 ? value.toFixed(1) : Math.round(value)} %`;
}

export function duration(ms: number): string {
    const seconds = Math.max(0, Math.round(ms / 1000));
    if (seconds < 90) return `${seconds} s`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 90) return `${minutes} min`;
    const hours = Math.round(minutes / 60);
    return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

export function milliseconds(ms: number): string {
    return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10000 ? `${Math.round(ms)} ms` : duration(ms);
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dated = new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
});

// The time of day; with the day, if that is another.
export function time(at: number | string): string {
    const date = new Date(at);
    if (Number.isNaN(date.getTime())) return String(at);
    return date.toDateString() === new Date().toDateString() ? clock.format(date) : dated.format(date);
}

// A tick of a time axis, as precise as the step between two of them asks for.
export function tickTime(at: number, step: number): string {
    const date = new Date(at);
    if (step >= 86400000) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
    const text = clock.format(date);
    if (step >= 60000) return text.slice(0, 5);
    return step >= 1000 ? text : `${text}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

const isolate = '\u2068';
const isolateEnd = '\u2069';
const unseen = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

function written(character: string): string {
    return `[U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`;
}

// With what nobody can see written out, but for what sets a name apart in a sentence.
export function visible(text: string): string {
    return text.replace(unseen, (each) => (each === isolate || each === isolateEnd ? each : written(each)));
}

// A name within a sentence, whose order it doesn't change, whatever script it is of.
export function inSentence(name: string): string {
    const shown = name.replace(unseen, written);
    return rightToLeft.test(shown) ? `${isolate}${shown}${isolateEnd}` : shown;
}

// Its zone and its name in that: told apart by another sign where a slash is part of one.
export function memberName({ zone, suffix }: MemberId): string {
    return `${inSentence(zone)}${zone.includes('/') || suffix.includes('/') ? ' › ' : '/'}${inSentence(suffix)}`;
}

export const stateNames: Record<ItemState, string> = {
    healthy: 'healthy',
    converging: 'converging',
    under_replicated: 'under-replicated',
    unassigned: 'unassigned',
};

// What each state means, for who has to decide whether to worry.
export const stateMeanings: Record<ItemState, string> = {
    healthy: 'as many replicas as wanted, all of them consistent',
    converging: 'enough replicas; some are not consistent yet, or still to be removed',
    under_replicated: 'fewer replicas than wanted',
    unassigned: 'no replica at all',
};

// Never colour alone: each state has a sign of its own.
export const stateSigns: Record<ItemState, string> = {
    healthy: '✓',
    converging: '↻',
    under_replicated: '▲',
    unassigned: '✕',
};

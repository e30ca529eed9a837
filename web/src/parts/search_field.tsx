// A filter that is typed: it takes effect once the typing pauses.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Field } from './basics';

const pauseMs = 250;

interface Props {
    label: string;
    value: string; // in effect
    placeholder: string;
    onChange: (value: string) => void;
}

// What is being typed is its own until then: the view around it is drawn anew at any moment.
export function SearchField({ label, value, placeholder, onChange }: Props): JSX.Element {
    const [text, setText] = useState(value);
    const latest = useRef(onChange);
    latest.current = onChange;
    useEffect(() => setText(value), [value]);
    useEffect(() => {
        if (text.trim() === value) return undefined;
        const timer = setTimeout(() => latest.current(text.trim()), pauseMs);
        return () => clearTimeout(timer);
    }, [text]);
    return (
        <Field label={label}>
            <input type="search" value={text} placeholder={placeholder} onInput={(event) => setText(event.currentTarget.value)} />
        </Field>
    );
}

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
    const told = useRef(value); // what is in effect by way of this field, or was taken from outside
    latest.current = onChange;
    useEffect(() => {
        if (value === told.current) return; // our own, and more may have been typed since
        told.current = value;
        setText(value);
    }, [value]);
    useEffect(() => {
        if (text.trim() === told.current) return undefined;
        const timer = setTimeout(() => {
            told.current = text.trim();
            latest.current(told.current);
        }, pauseMs);
        return () => clearTimeout(timer);
    }, [text]);
    return (
        <Field label={label}>
            <input type="search" value={text} placeholder={placeholder} onInput={(event) => setText(event.currentTarget.value)} />
        </Field>
    );
}

// A dialog: the browser's own, which keeps the focus within and gives it back.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

interface Props {
    title: string;
    onClose: (() => void) | null; // null: not now
    children: ComponentChildren;
    actions: ComponentChildren;
}

export function Dialog({ title, onClose, children, actions }: Props): JSX.Element {
    const element = useRef<HTMLDialogElement>(null);
    const heading = useId();
    useEffect(() => {
        const before = document.activeElement;
        element.current?.showModal();
        return () => {
            if (before instanceof HTMLElement && before.isConnected) before.focus();
        };
    }, []);
    return (
        <dialog
            ref={element}
            aria-labelledby={heading}
            onCancel={(event) => {
                event.preventDefault();
                onClose?.();
            }}
            // Browsers close it at a second Escape, whatever they are told at the first.
            onClose={() => (onClose ? onClose() : element.current?.showModal())}
        >
            <h2 id={heading}>{title}</h2>
            <div class="dialog-body">{children}</div>
            <footer class="dialog-actions">{actions}</footer>
        </dialog>
    );
}

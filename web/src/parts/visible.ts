// Names, labels and reasons are anybody's. What would have them look like others, marks that turn
// the direction of text or take no room, is written out in all that is drawn.
import { options } from 'preact';
import { visible } from '../data/format';

const attributes = ['title', 'aria-label'];

// From now on; before anything is drawn.
export function drawVisibly(): void {
    const next = options.vnode;
    options.vnode = (vnode) => {
        const node = vnode as { type: unknown; props: unknown }; // of no type, and a string: a text
        if (node.type === null && typeof node.props === 'string') node.props = visible(node.props);
        if (typeof node.type === 'string') {
            const props = node.props as Record<string, unknown>;
            for (const name of attributes) {
                const value = props[name];
                if (typeof value === 'string') props[name] = visible(value);
            }
        }
        next?.(vnode);
    };
}

// How many items are in each state, as a bar and in numbers.
import type { JSX } from 'preact';
import { count, percent, stateMeanings } from '../data/format';
import { itemStates } from '../data/types';
import type { ItemState, StateCounts } from '../data/types';
import { StateMark } from './basics';

export function StateBar({ counts }: { counts: StateCounts }): JSX.Element {
    const total = itemStates.reduce((sum, state) => sum + counts[state], 0);
    return (
        <div class="states-bar" aria-hidden="true">
            {itemStates.map((state) =>
                counts[state] > 0 ? (
                    <span key={state} class={`seg seg-${state}`} style={{ width: `${(100 * counts[state]) / total}%` }} />
                ) : null,
            )}
        </div>
    );
}

interface TableProps {
    counts: StateCounts;
    hrefOf?: (state: ItemState) => string;
}

export function StateTable({ counts, hrefOf }: TableProps): JSX.Element {
    const total = itemStates.reduce((sum, state) => sum + counts[state], 0);
    return (
        <table class="plain">
            <caption class="hidden">Items by state</caption>
            <thead class="hidden">
                <tr>
                    <th scope="col">State</th>
                    <th scope="col">Items</th>
                    <th scope="col">Part</th>
                    <th scope="col">Meaning</th>
                </tr>
            </thead>
            <tbody>
                {itemStates.map((state) => (
                    <tr key={state} class={counts[state] === 0 ? 'muted' : ''}>
                        <th scope="row">
                            {hrefOf ? (
                                <a href={hrefOf(state)}>
                                    <StateMark state={state} />
                                </a>
                            ) : (
                                <StateMark state={state} />
                            )}
                        </th>
                        <td class="number strong">{count(counts[state])}</td>
                        <td class="number">{percent(counts[state], total)}</td>
                        <td class="wide muted">{stateMeanings[state]}</td>
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

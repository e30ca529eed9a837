// A fault in a view is shown in its place: never a blank page.
import type { ComponentChildren, JSX } from 'preact';
import { Component } from 'preact';
import { Note } from './basics';

interface Props {
    place: string; // another place is another try
    children: ComponentChildren;
}

interface State {
    fault: string | null;
    place: string;
}

export class Boundary extends Component<Props, State> {
    override state: State = { fault: null, place: this.props.place };

    static override getDerivedStateFromProps(props: Props, state: State): Partial<State> | null {
        return props.place === state.place ? null : { fault: null, place: props.place };
    }

    static override getDerivedStateFromError(error: unknown): Partial<State> {
        return { fault: error instanceof Error ? error.message : String(error) };
    }

    override render(): ComponentChildren {
        if (this.state.fault === null) return this.props.children;
        return <Fault words={this.state.fault} onRetry={() => this.setState({ fault: null })} />;
    }
}

function Fault({ words, onRetry }: { words: string; onRetry: () => void }): JSX.Element {
    return (
        <div role="alert">
            <Note tone="bad">
                <p>
                    <strong>This view has failed</strong>, by a fault of the dashboard: {words}. The cluster is not
                    affected by it, and the other views work.
                </p>
                <button type="button" class="button" onClick={onRetry}>
                    Try again
                </button>{' '}
                <button type="button" class="button" onClick={() => location.reload()}>
                    Load the page again
                </button>
            </Note>
        </div>
    );
}

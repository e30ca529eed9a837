// Whether what is shown is current.
import type { JSX } from 'preact';
import { duration, time } from '../data/format';
import { live } from '../data/live';
import { useObservable } from '../data/observable';
import { useNow } from './hooks';

export function LinkState(): JSX.Element {
    const { link, cluster, notReady, behind } = useObservable(live);
    const stale = notReady !== null || behind;
    const good = link === 'live' && !stale;
    const words = link === 'lost' ? 'Not connected' : link === 'connecting' ? 'Connecting…' : stale ? 'Stale' : 'Live';
    return (
        <span class={`link-state ${good ? 'link-good' : 'link-bad'}`}>
            <span class="sign" aria-hidden="true">
                {good ? '●' : '○'}
            </span>
            {words}
            {cluster ? <span class="muted"> · revision {cluster.revision}</span> : null}
        </span>
    );
}

// Not told again with every second that passes.
function Since({ at }: { at: number }): JSX.Element {
    const now = useNow(1000);
    return <span aria-hidden="true"> ({duration(now - at)} ago)</span>;
}

export function LinkBanner(): JSX.Element {
    const { link, heard, trouble, notReady, behind, cluster } = useObservable(live);
    return (
        <div role="alert">
            {link === 'lost' ? (
                <div class="banner banner-bad">
                    <strong>Connection lost:</strong> {trouble}. Trying again.{' '}
                    {cluster && heard > 0 ? (
                        <>
                            What is shown is as of {time(heard)}
                            <Since at={heard} />, and may have changed since.
                        </>
                    ) : null}
                </div>
            ) : notReady !== null ? (
                <div class="banner banner-warn">
                    <strong>What is shown may be stale:</strong> {notReady}.
                </div>
            ) : behind ? (
                <div class="banner banner-warn">
                    <strong>What is shown is stale:</strong> the cluster has changed since, and how it is now is not answered.
                </div>
            ) : null}
        </div>
    );
}

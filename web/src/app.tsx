// The frame around the views: where one can go, who one is, and whether what is shown is current.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { memberKey } from './data/http';
import { live, startLive } from './data/live';
import { useObservable } from './data/observable';
import { linkTo, route } from './data/route';
import type { Route } from './data/route';
import { renew, session, signOut } from './data/session';
import type { Principal } from './data/types';
import { Boundary } from './parts/boundary';
import { LinkBanner, LinkState } from './parts/link';
import { tellTrouble, Toast } from './parts/toast';
import { ItemView } from './views/item';
import { ItemsView } from './views/items';
import { MemberView } from './views/member';
import { MembersView } from './views/members';
import { OverviewView } from './views/overview';
import { ForMember, SignIn, Waiting } from './views/sign_in';
import { PastView } from './views/past';
import { TimeView } from './views/time';
import { WhatIfView } from './views/what_if';

const places = [
    { path: '', name: 'Overview' },
    { path: 'members', name: 'Members' },
    { path: 'items', name: 'Items' },
    { path: 'what-if', name: 'What if' },
    { path: 'time', name: 'Time' },
] as const;

function viewOf({ path, query }: Route): JSX.Element {
    const [place = '', first, second] = path;
    if (place === 'members' && first !== undefined && second !== undefined)
        return <MemberView key={memberKey({ zone: first, suffix: second })} zone={first} suffix={second} />;
    if (place === 'members') return <MembersView query={query} />;
    if (place === 'items' && first !== undefined) return <ItemView key={first} id={first} />;
    if (place === 'items') return <ItemsView query={query} />;
    if (place === 'what-if') return <WhatIfView />;
    if (place === 'time' && first === 'at' && second !== undefined) return <PastView at={second} />;
    if (place === 'time') return <TimeView query={query} />;
    return <OverviewView />;
}

function Navigation({ current }: { current: string }): JSX.Element {
    return (
        <nav aria-label="Views">
            <ul>
                {places.map(({ path, name }) => (
                    <li key={path}>
                        <a href={linkTo(path ? [path] : [])} aria-current={path === current ? 'page' : undefined}>
                            {name}
                        </a>
                    </li>
                ))}
            </ul>
        </nav>
    );
}

// Asks anew each time the server is found again, and when the tab is looked at again.
function useRenewal({ role }: Principal): void {
    const { link } = useObservable(live);
    const former = useRef(role);
    useEffect(() => {
        if (link === 'live') void renew();
    }, [link]);
    useEffect(() => {
        if (former.current !== role) tellTrouble(`Your role is ${role} now.`);
        former.current = role;
    }, [role]);
}

function Who({ principal }: { principal: Principal }): JSX.Element | null {
    useRenewal(principal);
    if (!principal.tokens) return null;
    return (
        <span class="who">
            <span class="who-name">
                {principal.name} <span class="muted">({principal.role})</span>
            </span>
            <button type="button" class="button button-small" onClick={signOut}>
                Sign out
            </button>
        </span>
    );
}

function Inside({ principal }: { principal: Principal }): JSX.Element {
    const here = useObservable(route);
    const main = useRef<HTMLElement>(null);
    const place = here.path.join('/');
    const first = useRef(true);
    useEffect(() => startLive(), []);
    useEffect(() => {
        // A new view begins at its top, for those who see it and those who hear it.
        if (!first.current) {
            main.current?.focus({ preventScroll: true });
            scrollTo(0, 0);
        }
        first.current = false;
    }, [place]);
    return (
        <>
            <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
                Skip to the content
            </a>
            <header class="top">
                <a class="brand" href="#/">
                    allot
                </a>
                <Navigation current={here.path[0] ?? ''} />
                <LinkState />
                <Who principal={principal} />
            </header>
            <LinkBanner />
            <main ref={main} id="main" tabIndex={-1}>
                <Boundary place={place}>{viewOf(here)}</Boundary>
            </main>
            <Toast />
        </>
    );
}

export function App(): JSX.Element {
    const current = useObservable(session);
    if (current.phase === 'asking') return <Waiting trouble={current.trouble} />;
    if (current.phase === 'out') return <SignIn trouble={current.trouble} />;
    if (current.principal.role === 'member') return <ForMember principal={current.principal} />;
    return (
        <Boundary place="">
            <Inside principal={current.principal} />
        </Boundary>
    );
}

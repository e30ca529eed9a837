// Where in the page we are: #/members/zone-a/one?sort=load
import { Observable } from './observable';

export interface Route {
    path: string[]; // decoded
    query: URLSearchParams;
}

function decode(segment: string): string {
    try {
        return decodeURIComponent(segment);
    } catch {
        return segment;
    }
}

export function parseRoute(hash: string): Route {
    const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
    return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

export function linkTo(path: string[], query: Record<string, string> = {}): string {
    const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString();
    return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export const route = new Observable<Route>(parseRoute(location.hash));
addEventListener('hashchange', () => route.set(parseRoute(location.hash)));

// Goes on to another query of the same place, without a new entry in the browser's history.
export function replaceQuery(query: Record<string, string>): void {
    history.replaceState(null, '', linkTo(route.value.path, query));
    route.set(parseRoute(location.hash));
}

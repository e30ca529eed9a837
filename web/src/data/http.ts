// Requests to the server that this page comes from.
import type { MemberId } from './types';

interface ProblemBody {
    status?: number;
    code?: string;
    title?: string;
    detail?: string;
    errors?: { pointer?: string; parameter?: string; detail: string }[];
}

// The server has answered, and it is no.
export class Problem extends Error {
    readonly code: string;
    readonly details: string[];

    constructor(
        readonly status: number,
        body: ProblemBody,
    ) {
        super(body.detail ?? body.title ?? `the server answered ${status}`);
        this.code = body.code ?? '';
        this.details = (body.errors ?? []).map((each) => {
            const place = each.pointer ?? each.parameter ?? '';
            return place ? `${place}: ${each.detail}` : each.detail;
        });
    }
}

// Nobody has answered: whether anything was done is not known.
export class Unreachable extends Error {
    constructor() {
        super('allotd does not answer');
    }
}

// Set by the session: the token, and what to do when the server knows it no longer, or it may not do
// what it was thought to.
export const authority: { token: string | null; refused: (problem: Problem) => void; forbidden: () => void } = {
    token: null,
    refused: () => undefined,
    forbidden: () => undefined,
};

// How long an answer may take, in ms: what is only read, and what is worked out or written.
const readLimit = 10000;
const writeLimit = 60000;

// A signal that is raised along with `outer`, or once `ms` have passed since it was last renewed.
export class Deadline {
    private readonly own = new AbortController();
    private readonly abort = (): void => this.own.abort();
    private timer: ReturnType<typeof setTimeout>;

    constructor(
        private readonly ms: number,
        private readonly outer?: AbortSignal,
    ) {
        this.timer = setTimeout(this.abort, ms);
        if (outer?.aborted) this.abort();
        outer?.addEventListener('abort', this.abort);
    }

    get signal(): AbortSignal {
        return this.own.signal;
    }

    renew(): void {
        clearTimeout(this.timer);
        this.timer = setTimeout(this.abort, this.ms);
    }

    // Of what it was for nothing goes on.
    end(): void {
        clearTimeout(this.timer);
        this.outer?.removeEventListener('abort', this.abort);
        this.abort();
    }
}

interface Options {
    body?: unknown;
    headers?: Record<string, string>;
    signal?: AbortSignal;
}

async function problemOf(response: Response): Promise<Problem> {
    const body = (await response.json().catch(() => ({}))) as ProblemBody;
    return new Problem(response.status, body);
}

// The response, if it is a good one.
export async function send(method: string, path: string, options: Options = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
    if (authority.token !== null) headers['Authorization'] = `Bearer ${authority.token}`;
    const init: RequestInit = { method, headers, cache: 'no-store', credentials: 'omit' };
    if (options.body !== undefined) {
        headers['Content-Type'] = 'application/json';
        init.body = JSON.stringify(options.body);
    }
    if (options.signal) init.signal = options.signal;
    let response: Response;
    try {
        response = await fetch(path, init);
    } catch (error) {
        if (options.signal?.aborted) throw error;
        throw new Unreachable();
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.status === 401) authority.refused(problem);
    if (problem.status === 403) authority.forbidden();
    throw problem;
}

// All that is answered, with what its headers tell.
export interface Answer<T> {
    body: T;
    revision: number; // of the store, that it is of
    etag: string | null;
}

// No answer within its time is none: else one that is lost would be waited for without end.
async function ask<T>(method: string, path: string, options: Options, limit: number): Promise<Answer<T>> {
    const deadline = new Deadline(limit, options.signal);
    try {
        const response = await send(method, path, { ...options, signal: deadline.signal });
        const revision = Number(response.headers.get('Allot-Revision') ?? 0);
        return { body: (await response.json()) as T, revision, etag: response.headers.get('ETag') };
    } catch (error) {
        throw options.signal?.aborted || error instanceof Problem ? error : new Unreachable();
    } finally {
        deadline.end();
    }
}

export async function read<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
    return ask<T>('GET', path, signal ? { signal } : {}, readLimit);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await read<T>(path, signal)).body;
}

export async function post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    return (await ask<T>('POST', path, { body, headers }, writeLimit)).body;
}

export async function put<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    return (await ask<T>('PUT', path, { body, headers }, writeLimit)).body;
}

// All of a list, page by page, as of one revision.
export async function getAll<T>(path: string): Promise<{ revision: number; items: T[] }> {
    const separator = path.includes('?') ? '&' : '?';
    const items: T[] = [];
    let token = '';
    for (;;) {
        const page = await get<{ revision: number; items: T[]; continue?: string }>(
            `${path}${separator}limit=5000${token ? `&continue=${token}` : ''}`,
        );
        for (const item of page.items) items.push(item);
        if (!page.continue) return { revision: page.revision, items };
        token = page.continue;
    }
}

export function itemPath(id: string): string {
    return `/v1/items/${encodeURIComponent(id)}`;
}

// Of no two members the same: both parts of a name may have a slash.
export function memberKey(member: MemberId): string {
    return `${encodeURIComponent(member.zone)}/${encodeURIComponent(member.suffix)}`;
}

export function memberPath(member: MemberId): string {
    return `/v1/members/${memberKey(member)}`;
}

// What went wrong, as a sentence to show.
export function wordsOf(error: unknown): string {
    if (error instanceof Problem) return [error.message, ...error.details].join('; ');
    return error instanceof Error ? error.message : String(error);
}

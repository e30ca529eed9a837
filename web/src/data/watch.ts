// The stream of changes: GET /v1/watch, as lines of JSON.
import { Deadline, Problem, send, Unreachable } from './http';
import type { WatchMessage } from './types';

// Lines of a stream of text, as they come.
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
    const reader = stream.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    try {
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) if (line) yield line;
        }
    } finally {
        reader.cancel().catch(() => undefined);
    }
}

// Messages after revision `from`, until the stream breaks off, which is never a good end. Nothing
// for `silence` ms, when there should have been a bookmark, is an end as well.
export async function* watch(from: number, silence: number, signal: AbortSignal): AsyncGenerator<WatchMessage> {
    const deadline = new Deadline(silence, signal);
    try {
        const response = await send('GET', `/v1/watch?from=${from}`, {
            headers: { Accept: 'application/x-ndjson' },
            signal: deadline.signal,
        });
        if (response.body) {
            for await (const line of linesOf(response.body)) {
                deadline.renew();
                yield JSON.parse(line) as WatchMessage;
            }
        }
    } catch (error) {
        throw signal.aborted || error instanceof Problem ? error : new Unreachable();
    } finally {
        deadline.end();
    }
    throw new Unreachable();
}

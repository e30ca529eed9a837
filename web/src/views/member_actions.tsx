// What can be done to a member, each shown first as a plan.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { count, counted, memberName } from '../data/format';
import { changes } from '../data/plans';
import type { Change, Member } from '../data/types';
import { Field, Note, readWhole } from '../parts/basics';
import { PlanDialog } from '../parts/plan_dialog';

export type MemberAction = 'drain' | 'cancel' | 'limit' | 'deregister';

interface Props {
    action: MemberAction;
    member: Member;
    onClose: () => void;
    onDone?: () => void;
}

const mostItems = 1000000;

function LimitDialog({ member, onClose }: Props): JSX.Element {
    const [text, setText] = useState(String(member.item_limit));
    const limit = readWhole(text, 0, mostItems);
    const list = limit === null || limit === member.item_limit ? null : [changes.limit(member, limit)];
    return (
        <PlanDialog title={`Change the limit of ${memberName(member)}`} changes={list} action="Set the limit" onClose={onClose}>
            <Field label="It holds at most so many items" hint={`Now ${count(member.item_limit)}; it holds ${count(member.status?.assigned ?? 0)}.`}>
                <input inputMode="numeric" value={text} onInput={(event) => setText(event.currentTarget.value)} />
            </Field>
            {limit === null ? <Note tone="warn">A whole number from 0 to {count(mostItems)}.</Note> : null}
        </PlanDialog>
    );
}

function DeregisterDialog({ member, onClose, onDone }: Props): JSX.Element {
    const [secret, setSecret] = useState('');
    const held = member.status?.assigned ?? 0;
    const list: Change[] = [changes.deregister(member, secret.trim())];
    return (
        <PlanDialog
            title={`Deregister ${memberName(member)}`}
            changes={list}
            action="Deregister"
            grave
            onClose={onClose}
            {...(onDone ? { onDone } : {})}
        >
            {held > 0 ? (
                <Note tone="warn">
                    It still holds {counted(held, 'item')}, which lose a replica at once. Drain it first, and nothing is
                    missed.
                </Note>
            ) : (
                <Note tone="good">It holds nothing: nobody will miss it.</Note>
            )}
            {member.ttl_seconds === null ? null : (
                <Field
                    label="Its session"
                    hint="The secret that it registered with: only who knows that may end its registration. Without heartbeats it ends by itself."
                >
                    <input type="password" autocomplete="off" value={secret} onInput={(event) => setSecret(event.currentTarget.value)} />
                </Field>
            )}
        </PlanDialog>
    );
}

export function MemberActionDialog(props: Props): JSX.Element {
    const { action, member, onClose } = props;
    switch (action) {
        case 'limit':
            return <LimitDialog {...props} />;
        case 'deregister':
            return <DeregisterDialog {...props} />;
        case 'drain':
            return (
                <PlanDialog title={`Drain ${memberName(member)}`} changes={[changes.drain(member)]} action="Drain" onClose={onClose}>
                    <p>
                        Its items move to others as far as there is room, each once its new replica is consistent. Then it
                        can stop without anybody noticing. This can be taken back.
                    </p>
                </PlanDialog>
            );
        case 'cancel':
            return (
                <PlanDialog
                    title={`Take the drain of ${memberName(member)} back`}
                    changes={[changes.cancelDrain(member)]}
                    action="Cancel the drain"
                    onClose={onClose}
                >
                    <p>It stays, and gets its share again.</p>
                </PlanDialog>
            );
    }
}

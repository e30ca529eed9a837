/* The items of a member that runs the loop itself: follows which ones it has, and calls a command
 * for each that it gains or loses, or has in another slot, one after the other, what is lost
 * first, on a thread of its own. */
#ifndef ALLOT_SERVER_MEMBER_ITEMS_H
#define ALLOT_SERVER_MEMBER_ITEMS_H

#include "core/store.h"
#include "server/loop.h"
#include "server/publisher.h"

struct member_items_config {
    struct store *store;         /* borrowed, outlives the thread */
    struct publisher *publisher; /* borrowed; of states that have our member as the local one */
    struct loop *loop;           /* borrowed; whose term says how long that is ours */
    int64_t margin_ms;           /* before our lease can have expired: from then on all is lost */
    /* Run by the shell for each change, with ALLOT_EVENT, ALLOT_ITEM, and unless the item is lost
     * ALLOT_SLOT in its environment. The event is "gained", "lost", or "changed": it is in another
     * slot. What was lost and regained is told of as both, even if that went unseen. One that fails
     * for an item that is still held is called again, after a pause. NULL: none. Borrowed. */
    const char *command;
    int64_t timeout_ms; /* after which a command is killed, and has failed */
};

struct member_items;

/* ALLOT_ENOMEM. */
int member_items_start(const struct member_items_config *config, struct member_items **ret);

/* Follows the newest snapshot once more, then ends. A command that runs is waited for. NULL is
 * fine. An item that is gained, with no command or one that has succeeded, is marked consistent in
 * the store if that is to be reported. */
void member_items_stop(struct member_items *items);

#endif

/* Shortest paths in what is left of the optimal solver's network: how far each member is from the
 * items that lack replicas, and the nearest one with room.
 *
 * A step of a path brings a replica of some item to a member: first of one that lacks it, then, as
 * long as the member has no room, of one that the member had. Paths are compared by cost, then by
 * steps. Both are held in one number, the key: cost * scale + steps.
 *
 * Costs may be negative, but with the potentials of former searches no step's reduced cost is; so
 * this is Dijkstra's algorithm with Johnson's potentials. As each step makes a key greater, all
 * members of one key can be gone on from at once. Members of a zone differ for an item only by
 * whether it is there: so each zone's are kept in order of their keys, and only those that an item
 * brings nearer are looked at.
 *
 * Sources: Dijkstra, "A note on two problems in connexion with graphs", 1959; Edmonds & Karp,
 * "Theoretical improvements in algorithmic efficiency for network flow problems", 1972. */
#ifndef ALLOT_CORE_DISTANCES_H
#define ALLOT_CORE_DISTANCES_H

#include "core/residual.h"

struct distances {
    struct residual *residual; /* borrowed */
    int64_t scale;
    /* By member, and of the sink: the distances (costs) of all searches so far; none is more than
     * the sink's. No arc has a negative reduced cost by them. */
    int64_t *potential;
    int64_t sink_potential;

    /* Of the last search. Keys that lead on are less than the sink's, after potentials are taken
     * off; see distances_leads. */
    int64_t *key; /* by member; DISTANCES_FAR: not reached */
    int64_t sink_key;
    int32_t last_step; /* steps to the members that the shortest paths end at */

    /* Private. */
    int64_t *base; /* by member: scale * the potential before the search */
    int64_t sink_base;
    int64_t farthest; /* key of any member */
    bool *done;
    int32_t *order; /* takers, by zone, those of greater keys first */
};
#define DISTANCES_FAR INT64_MAX

/* Potentials are 0, which is right for a placement of cost 0. @residual is borrowed until the
 * release. ALLOT_ENOMEM. */
int distances_init(struct distances *distances, struct residual *residual);
void distances_release(struct distances *distances); /* also of a zeroed one */

/* Searches from the placement's open items, and adds what it finds to the potentials. @ret_found
 * tells whether there is a path. If not, nothing more can be assigned, and the members that were
 * reached are those of a minimum cut. ALLOT_ENOMEM. Cost: the open items, and the replicas of all
 * members that are nearer than the nearest with room. */
int distances_search(struct distances *distances, bool *ret_found);

/* Whether a shortest path may lead over @member, or end there. */
bool distances_leads(const struct distances *distances, int32_t member);

#endif

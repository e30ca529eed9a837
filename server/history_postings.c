#include "server/history_postings.h"

#include <stdlib.h>
#include <zlib.h>

#include "server/history_blob.h"

/* As they are stored, in numbers as history_blob.h has them, but for the first:
 *
 *   CRC-32 of all that follows, in four bytes, the lowest first
 *   how many events, which are numbered from 0 in the order of their positions
 *   the size of the runs; those: events whose positions follow one another. Each is its revision
 *     less that of the run before, its first order, how many
 *   the size of the directory; that: terms in order. Each is its number less the one before, and
 *     the size of its list
 *   the lists: the numbers of the events, each less the one before it
 *
 * A term is a kind, numbered from 1, or a name, whose number comes after those. */
enum {
    CHECKSUM_BYTES = 4,
    EVENT_BITS = 14,
    DIGIT_BITS = 8,
    FIRST_KIND = 1,
    FIRST_NAME = 64,
    NAMES = 4, /* of an event, that are looked for */
};
_Static_assert(1 << EVENT_BITS == HISTORY_MAX_BLOCK_EVENTS, "");
#define MAX_TERM (UINT64_MAX >> (EVENT_BITS + 1))

static uint64_t term_of_name(int64_t name)
{
    return FIRST_NAME + (uint64_t)name;
}

/* --- collecting --- */

void history_postings_release(struct history_postings *postings)
{
    free(postings->positions);
    free(postings->pairs);
    *postings = (struct history_postings){0};
}

void history_postings_clear(struct history_postings *postings)
{
    postings->event_count = 0;
    postings->pair_count = 0;
}

/* Makes room for some more of what has @size bytes each. */
static int grow(void **array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return 0;
    size_t doubled = *capacity ? 2 * *capacity : 4096;
    void *grown = realloc(*array, doubled * size);
    if (!grown)
        return ALLOT_ENOMEM;
    *array = grown;
    *capacity = doubled;
    return 0;
}

static void add_pair(struct history_postings *postings, uint64_t term)
{
    postings->pairs[postings->pair_count++] = term << EVENT_BITS | postings->event_count;
}

int history_postings_add(struct history_postings *postings, const struct history_row *row)
{
    const int64_t names[NAMES] = {row->item, row->zone, row->member, row->principal};
    if (postings->event_count == HISTORY_MAX_BLOCK_EVENTS)
        return ALLOT_ELIMIT;
    int error = grow((void **)&postings->positions, &postings->event_capacity,
                     postings->event_count + 1, sizeof *postings->positions);
    if (!error)
        error = grow((void **)&postings->pairs, &postings->pair_capacity,
                     postings->pair_count + NAMES + 1, sizeof *postings->pairs);
    if (error)
        return error;
    add_pair(postings, FIRST_KIND + (uint64_t)row->kind);
    for (int i = 0; i < NAMES; i++) {
        if (term_of_name(names[i]) > MAX_TERM)
            return ALLOT_ELIMIT;
        if (names[i])
            add_pair(postings, term_of_name(names[i]));
    }
    postings->positions[postings->event_count++] = row->position;
    return 0;
}

/* --- storing --- */

/* By term: digit by digit, the lowest first, each time leaving alike ones as they are; and they are
 * in the order of the events to begin with. */
static int sort_pairs(uint64_t *pairs, size_t count)
{
    uint64_t *scratch = malloc((count + 1) * sizeof *scratch), all = 0;
    if (!scratch)
        return ALLOT_ENOMEM;
    for (size_t i = 0; i < count; i++)
        all |= pairs[i];
    for (unsigned shift = EVENT_BITS; shift < 64 && all >> shift; shift += DIGIT_BITS) {
        size_t places[(1 << DIGIT_BITS) + 1] = {0};
        for (size_t i = 0; i < count; i++)
            places[(pairs[i] >> shift & ((1 << DIGIT_BITS) - 1)) + 1]++;
        for (size_t digit = 1; digit < 1 << DIGIT_BITS; digit++)
            places[digit] += places[digit - 1];
        for (size_t i = 0; i < count; i++)
            scratch[places[pairs[i] >> shift & ((1 << DIGIT_BITS) - 1)]++] = pairs[i];
        memcpy(pairs, scratch, count * sizeof *pairs);
    }
    free(scratch);
    return 0;
}

/* How many of the events from number @begin on follow one another, in one revision. */
static size_t run_length(const struct history_postings *postings, size_t begin)
{
    const int64_t *positions = postings->positions;
    size_t end = begin + 1;
    while (end < postings->event_count && positions[end] == positions[end - 1] + 1 &&
           history_revision_at(positions[end]) == history_revision_at(positions[begin]))
        end++;
    return end - begin;
}

static void append_runs(const struct history_postings *postings, struct buffer *out)
{
    int64_t last = 0;
    for (size_t begin = 0, length; begin < postings->event_count; begin += length) {
        int64_t first = postings->positions[begin];
        int64_t revision = history_revision_at(first);
        length = run_length(postings, begin);
        history_blob_append(out, (uint64_t)(revision - last));
        history_blob_append(out, (uint64_t)(first - history_position_of(revision, 0)));
        history_blob_append(out, length);
        last = revision;
    }
}

static void append_lists(const struct history_postings *postings, struct buffer *directory,
                         struct buffer *lists)
{
    uint64_t last_term = 0;
    for (size_t begin = 0, end; begin < postings->pair_count; begin = end) {
        uint64_t term = postings->pairs[begin] >> EVENT_BITS, last = 0;
        size_t before = lists->size;
        for (end = begin; end < postings->pair_count && postings->pairs[end] >> EVENT_BITS == term;
             end++) {
            uint64_t event = postings->pairs[end] & (HISTORY_MAX_BLOCK_EVENTS - 1);
            history_blob_append(lists, event - last);
            last = event;
        }
        history_blob_append(directory, term - last_term);
        history_blob_append(directory, lists->size - before);
        last_term = term;
    }
}

static void append_section(struct buffer *out, const struct buffer *section)
{
    history_blob_append(out, section->size);
    buffer_append(out, buffer_span(section));
    if (section->error && !out->error)
        out->error = section->error;
}

static uint32_t checksum(struct span bytes)
{
    return (uint32_t)crc32_z(0, (const Bytef *)bytes.data, bytes.size);
}

int history_postings_store(struct history_postings *postings, struct buffer *out)
{
    struct buffer section, lists;
    buffer_init(&section, HISTORY_MAX_POSTINGS);
    buffer_init(&lists, HISTORY_MAX_POSTINGS);
    int error = sort_pairs(postings->pairs, postings->pair_count);
    buffer_clear(out);
    buffer_append(out, (struct span){"\0\0\0\0", CHECKSUM_BYTES});
    history_blob_append(out, postings->event_count);
    append_runs(postings, &section);
    append_section(out, &section);
    buffer_clear(&section);
    append_lists(postings, &section, &lists);
    append_section(out, &section);
    buffer_append(out, buffer_span(&lists));
    if (!error)
        error = lists.error ? lists.error : out->error;
    if (!error) {
        uint32_t sum =
            checksum((struct span){out->data + CHECKSUM_BYTES, out->size - CHECKSUM_BYTES});
        for (int i = 0; i < CHECKSUM_BYTES; i++)
            out->data[i] = (char)(sum >> 8 * i);
    }
    buffer_release(&section);
    buffer_release(&lists);
    return error;
}

/* --- finding --- */

struct events {
    uint64_t bits[HISTORY_MAX_BLOCK_EVENTS / 64];
};

/* The parts of what is stored. */
struct stored {
    uint64_t event_count;
    struct span runs;
    struct span directory;
    struct span lists;
};

static bool take_apart(struct span bytes, struct stored *ret)
{
    struct history_blob blob = {bytes, false};
    struct span sum = history_blob_take_bytes(&blob, CHECKSUM_BYTES);
    if (blob.damaged)
        return false;
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        if ((unsigned char)sum.data[i] != (checksum(blob.rest) >> 8 * i & 0xFF))
            return false;
    ret->event_count = history_blob_take(&blob);
    ret->runs = history_blob_take_bytes(&blob, history_blob_take(&blob));
    ret->directory = history_blob_take_bytes(&blob, history_blob_take(&blob));
    ret->lists = blob.rest;
    return !blob.damaged && ret->event_count <= HISTORY_MAX_BLOCK_EVENTS;
}

/* The list of @term; empty if it has none. */
static bool find_list(const struct stored *stored, uint64_t term, struct history_blob *ret)
{
    struct history_blob directory = {stored->directory, false};
    struct history_blob lists = {stored->lists, false};
    uint64_t at = 0;
    *ret = (struct history_blob){{NULL, 0}, false};
    while (directory.rest.size > 0 && !directory.damaged && !lists.damaged && at < term) {
        at += history_blob_take(&directory);
        struct span list = history_blob_take_bytes(&lists, history_blob_take(&directory));
        if (at == term)
            ret->rest = list;
    }
    return !directory.damaged && !lists.damaged;
}

static bool add_events(const struct stored *stored, uint64_t term, struct events *events)
{
    struct history_blob list;
    uint64_t event = 0;
    if (!find_list(stored, term, &list))
        return false;
    while (list.rest.size > 0) {
        event += history_blob_take(&list);
        if (list.damaged || event >= stored->event_count)
            return false;
        events->bits[event / 64] |= UINT64_C(1) << event % 64;
    }
    return true;
}

/* Leaves those that have the term, too. */
static bool keep_events(struct events *events, const struct events *others)
{
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof events->bits / sizeof events->bits[0]; i++)
        any |= events->bits[i] &= others->bits[i];
    return any != 0;
}

static bool add_run(struct history_blob *runs, const struct events *events, uint64_t end,
                    int64_t *revision, uint64_t *event, struct history_positions *ret)
{
    uint64_t more = history_blob_take(runs);
    uint64_t order = history_blob_take(runs);
    uint64_t count = history_blob_take(runs);
    if (runs->damaged || more > (uint64_t)(HISTORY_MAX_REVISION - *revision) ||
        order >> HISTORY_ORDER_BITS || count > (UINT64_C(1) << HISTORY_ORDER_BITS) - order ||
        count > end - *event)
        return false;
    *revision += (int64_t)more;
    for (uint64_t i = 0; i < count; i++, ++*event)
        if (events->bits[*event / 64] >> *event % 64 & 1)
            ret->positions[ret->count++] = history_position_of(*revision, 0) + (int64_t)(order + i);
    return true;
}

static bool add_positions(const struct stored *stored, const struct events *events,
                          struct history_positions *ret)
{
    struct history_blob runs = {stored->runs, false};
    int64_t revision = 0;
    uint64_t event = 0;
    while (runs.rest.size > 0)
        if (!add_run(&runs, events, stored->event_count, &revision, &event, ret))
            return false;
    return event == stored->event_count;
}

/* Leaves of @events those that have one of @kinds. */
static bool keep_kinds(const struct stored *stored, unsigned kinds, struct events *events)
{
    struct events others = {{0}};
    const unsigned all = (1u << HISTORY_KIND_COUNT) - 1;
    if ((kinds & all) == all)
        return true;
    for (unsigned kind = 0; kind < HISTORY_KIND_COUNT; kind++)
        if (kinds >> kind & 1 && !add_events(stored, FIRST_KIND + kind, &others))
            return false;
    (void)keep_events(events, &others);
    return true;
}

int history_postings_find(struct span stored, const struct history_row *wanted, unsigned kinds,
                          struct history_positions *ret)
{
    const int64_t names[NAMES] = {wanted->item, wanted->member, wanted->principal, wanted->zone};
    struct stored parts;
    struct events events;
    ret->count = 0;
    memset(&events, 0xFF, sizeof events);
    if (!take_apart(stored, &parts))
        return ALLOT_EVALUE;
    for (int i = 0; i < NAMES; i++) {
        struct events others = {{0}};
        if (names[i] == 0)
            continue;
        if (!add_events(&parts, term_of_name(names[i]), &others))
            return ALLOT_EVALUE;
        if (!keep_events(&events, &others))
            return 0;
    }
    bool is_sound = keep_kinds(&parts, kinds, &events) && add_positions(&parts, &events, ret);
    return is_sound ? 0 : ALLOT_EVALUE;
}

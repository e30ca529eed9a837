#include "server/history_checkpoint.h"

#include <stdlib.h>
#include <zlib.h>

#include "server/history_blob.h"

/* A page: the size of what follows, uncompressed, as a number; then that, by zlib: entries in key
 * order, each the sizes of key and value, the two, and create revision, mod revision, version and
 * lease. Keys are without the root. */
enum {
    PAGE_BYTES = 256 << 10, /* after which a page is full */
    MAX_PAGE_BYTES = 64 << 20,
    LEVEL = 1, /* of compression: the fastest */
};

static const char *const add_page = "INSERT INTO checkpoint_pages VALUES (?1, ?2, ?3)";
static const char *const add_checkpoint = "INSERT INTO checkpoints VALUES (?1, ?2, ?3)";
static const char *const read_pages =
    "SELECT data FROM checkpoint_pages WHERE revision = ?1 ORDER BY page";
static const char *const read_count = "SELECT key_count FROM checkpoints WHERE revision = ?1";
static const char *const remove_texts[] = {"DELETE FROM checkpoint_pages WHERE revision = ?1",
                                           "DELETE FROM checkpoints WHERE revision = ?1"};

/* --- writing --- */

static void append_key(struct buffer *out, size_t root_size, const struct store_kv *kv)
{
    struct span key = {kv->key.data + root_size, kv->key.size - root_size};
    history_blob_append(out, key.size);
    history_blob_append(out, kv->value.size);
    buffer_append(out, key);
    buffer_append(out, kv->value);
    history_blob_append(out, (uint64_t)kv->create_revision);
    history_blob_append(out, (uint64_t)kv->mod_revision);
    history_blob_append(out, (uint64_t)kv->version);
    history_blob_append(out, (uint64_t)kv->lease);
}

static int compress_page(const struct buffer *page, struct buffer *out)
{
    buffer_clear(out);
    history_blob_append(out, page->size);
    uLongf size = compressBound((uLong)page->size);
    buffer_reserve(out, out->size + size);
    if (out->error)
        return out->error;
    int code = compress2((Bytef *)out->data + out->size, &size, (const Bytef *)page->data,
                         (uLong)page->size, LEVEL);
    out->size += size;
    return code == Z_OK ? 0 : ALLOT_ENOMEM;
}

struct page_writer {
    struct history_db *db;
    sqlite3_stmt *statement;
    int64_t revision;
    int64_t number;
    struct buffer page;
    struct buffer compressed;
};

static int write_page(struct page_writer *writer)
{
    int error = writer->page.error;
    if (!error)
        error = compress_page(&writer->page, &writer->compressed);
    if (error)
        return error;
    history_db_bind(writer->statement, (int64_t[]){writer->revision, writer->number++}, 2);
    history_db_bind_span(writer->statement, 3, buffer_span(&writer->compressed));
    buffer_clear(&writer->page);
    return history_db_run(writer->db, writer->statement, "writing a checkpoint");
}

static int write_pages(struct page_writer *writer, size_t root_size,
                       const struct history_keys *keys)
{
    const struct store_kv **sorted = NULL;
    int error = history_keys_sort(keys, &sorted);
    for (size_t i = 0; i < history_keys_count(keys) && !error; i++) {
        append_key(&writer->page, root_size, sorted[i]);
        if (writer->page.size >= PAGE_BYTES || writer->page.error)
            error = write_page(writer);
    }
    free(sorted);
    return !error && writer->page.size > 0 ? write_page(writer) : error;
}

int history_checkpoint_write(struct history_db *db, struct span root,
                             const struct history_keys *keys, int64_t revision, int64_t time_ms)
{
    struct page_writer writer = {.db = db, .revision = revision};
    sqlite3_stmt *add = NULL;
    buffer_init(&writer.page, MAX_PAGE_BYTES);
    buffer_init(&writer.compressed, 2 * (size_t)MAX_PAGE_BYTES);
    int error = history_db_prepare(db, &add_page, 1, &writer.statement);
    if (!error)
        error = history_db_prepare(db, &add_checkpoint, 1, &add);
    if (!error)
        error = write_pages(&writer, root.size, keys);
    if (!error)
        error = history_db_run_integers(
            db, add, (int64_t[]){revision, time_ms, (int64_t)history_keys_count(keys)}, 3,
            "writing a checkpoint");
    history_db_finalize(&writer.statement, 1);
    history_db_finalize(&add, 1);
    buffer_release(&writer.page);
    buffer_release(&writer.compressed);
    return error;
}

int history_checkpoint_remove(struct history_db *db, int64_t revision)
{
    int error = 0;
    for (size_t i = 0; i < sizeof remove_texts / sizeof remove_texts[0] && !error; i++) {
        sqlite3_stmt *statement = NULL;
        error = history_db_prepare(db, &remove_texts[i], 1, &statement);
        if (!error)
            error = history_db_run_integers(db, statement, &revision, 1, "pruning");
        history_db_finalize(&statement, 1);
    }
    return error;
}

/* --- reading --- */

/* Adds the entries of a page, whose keys are put together in @key. */
static int add_entries(struct history_db *db, struct span root, struct span page,
                       struct keyspace_loader *loader, struct buffer *key, int64_t *count)
{
    struct history_blob reader = {page, false};
    int error = 0;
    while (reader.rest.size > 0 && !error) {
        uint64_t key_size = history_blob_take(&reader);
        uint64_t value_size = history_blob_take(&reader);
        struct span name = history_blob_take_bytes(&reader, key_size);
        struct store_kv kv = {.value = history_blob_take_bytes(&reader, value_size)};
        kv.create_revision = (int64_t)history_blob_take(&reader);
        kv.mod_revision = (int64_t)history_blob_take(&reader);
        kv.version = (int64_t)history_blob_take(&reader);
        kv.lease = (int64_t)history_blob_take(&reader);
        if (reader.damaged)
            return history_db_damaged(db, "a page of a checkpoint");
        buffer_clear(key);
        buffer_append(key, root);
        buffer_append(key, name);
        kv.key = buffer_span(key);
        error = key->error ? key->error : keyspace_loader_add(loader, &kv, 1);
        ++*count;
    }
    return error;
}

static int expand_page(struct history_db *db, struct span stored, struct buffer *out)
{
    struct history_blob reader = {stored, false};
    uLongf size = (uLongf)history_blob_take(&reader);
    buffer_clear(out);
    if (reader.damaged || size > MAX_PAGE_BYTES)
        return history_db_damaged(db, "a page of a checkpoint");
    buffer_reserve(out, size);
    if (out->error)
        return out->error;
    uLongf expanded = size;
    int code = uncompress((Bytef *)out->data, &expanded, (const Bytef *)reader.rest.data,
                          (uLong)reader.rest.size);
    if (code == Z_MEM_ERROR)
        return ALLOT_ENOMEM;
    if (code != Z_OK || expanded != size)
        return history_db_damaged(db, "a page of a checkpoint");
    out->size = size;
    return 0;
}

static int load_pages(struct history_db *db, sqlite3_stmt *pages, struct span root,
                      struct keyspace_loader *loader, int64_t *ret_count)
{
    struct buffer page, key;
    int code = SQLITE_ROW, error = 0;
    buffer_init(&page, MAX_PAGE_BYTES);
    buffer_init(&key, MAX_PAGE_BYTES);
    *ret_count = 0;
    while (!error && (code = sqlite3_step(pages)) == SQLITE_ROW) {
        error = expand_page(db, history_db_column_span(pages, 0), &page);
        if (!error)
            error = add_entries(db, root, buffer_span(&page), loader, &key, ret_count);
    }
    if (!error && code != SQLITE_DONE)
        error = history_db_fail(db, "reading a checkpoint", code);
    buffer_release(&page);
    buffer_release(&key);
    return error;
}

int history_checkpoint_read(struct history_db *db, const struct keyspace *empty,
                            uint64_t cluster_id, int64_t revision, struct keyspace **ret)
{
    struct keyspace_loader *loader = NULL;
    sqlite3_stmt *pages = NULL;
    int64_t wanted = -1, count = 0;
    int error = history_db_find(db, read_count, revision, -1, &wanted);
    if (!error)
        error = history_db_prepare(db, &read_pages, 1, &pages);
    if (!error)
        error = keyspace_loader_create(empty, &loader);
    if (!error) {
        history_db_bind(pages, &revision, 1);
        error = load_pages(db, pages, keyspace_root(empty), loader, &count);
    }
    if (!error && count != wanted)
        error = history_db_damaged(db, "a checkpoint that is not whole");
    if (!error)
        error = keyspace_loader_finish(loader, cluster_id, revision, ret);
    if (error == ALLOT_EEXISTS)
        error = history_db_damaged(db, "a checkpoint with a key twice");
    keyspace_loader_destroy(loader);
    history_db_finalize(&pages, 1);
    return error;
}

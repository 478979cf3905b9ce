/* SPDX-License-Identifier: Apache-2.0
 * The container:
 *   "SWCACHE1"  u64 length of the head  head (JSON)  padding
 *   sections, each padded to 64 bytes
 *   "SWCHECK1"  u64 checksum
 * The head lists names, offsets from the end of the padded head, and lengths. The checksum is over
 * blocks of 1 MiB, mixed in order, so that threads share the work. It finds accidents, not
 * attackers: the folder belongs to the user. Numbers are little-endian, as every machine we build
 * for. */
#include "data/cache.h"

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "codec/json.h"

enum { PAD = 64, BLOCK = 1 << 20, HEAD_MAX = 1 << 26 };

static const char magic[8] = { 'S', 'W', 'C', 'A', 'C', 'H', 'E', '1' };
static const char check_magic[8] = { 'S', 'W', 'C', 'H', 'E', 'C', 'K', '1' };
static const char zeros[PAD];

char *cache_path(struct arena *a, const char *cache_dir, const char *digest, const char *name)
{
    return arena_printf(a, "%s/%s/%s", cache_dir, digest, name);
}

/* ---- checksum ---- */

static uint64_t mix(uint64_t h, uint64_t w)
{
    h = (h ^ w) * UINT64_C(0xff51afd7ed558ccd);
    return h << 29 | h >> 35;
}

static uint64_t block_sum(const char *p, size_t n)
{
    uint64_t lane[4] = { n, 1, 2, 3 }, w[4];
    for (; n >= sizeof w; p += sizeof w, n -= sizeof w) {
        memcpy(w, p, sizeof w);
        for (int i = 0; i < 4; i++)
            lane[i] = mix(lane[i], w[i]);
    }
    memset(w, 0, sizeof w);
    if (n)
        memcpy(w, p, n);
    for (int i = 0; i < 4; i++)
        lane[i] = mix(lane[i], w[i]);
    return mix(mix(lane[0], lane[1]), mix(lane[2], lane[3]));
}

struct sum_job {
    const char *p;
    size_t n;
    uint64_t *sums;
};

static void sum_task(void *context, int worker, size_t block)
{
    struct sum_job *j = context;
    (void)worker;
    size_t from = block * BLOCK;
    j->sums[block] = block_sum(j->p + from, MIN((size_t)BLOCK, j->n - from));
}

/* Folds the sums of one piece into h. */
static int add_piece(uint64_t *h, str_t piece, int threads)
{
    size_t blocks = (piece.n + BLOCK - 1) / BLOCK;
    struct sum_job job = { piece.p, piece.n, mem_try_alloc(blocks + 1, sizeof *job.sums) };
    if (!job.sums)
        return ERR_NOMEM;
    parallel_run(blocks < 4 ? 1 : threads, blocks, sum_task, &job);
    for (size_t i = 0; i < blocks; i++)
        *h = mix(*h, job.sums[i]);
    mem_free(job.sums);
    return 0;
}

/* ---- writing ---- */

static size_t padding(size_t n)
{
    return (PAD - n % PAD) % PAD;
}

static void write_head(struct buf *b, const struct cache_section *s, size_t n)
{
    struct buf json;
    struct json_out o;
    size_t at = 0;
    buf_init(&json, HEAD_MAX);
    json_out_init(&o, &json);
    jo_array(&o);
    for (size_t i = 0; i < n; i++) {
        jo_object(&o);
        jo_kv_cstr(&o, "name", s[i].name);
        jo_kv_int(&o, "at", (int64_t)at);
        jo_kv_int(&o, "bytes", (int64_t)s[i].bytes.n);
        jo_object_end(&o);
        at += s[i].bytes.n + padding(s[i].bytes.n);
    }
    jo_array_end(&o);
    uint64_t length = json.n;
    buf_put(b, magic, sizeof magic);
    buf_put(b, &length, sizeof length);
    buf_str(b, buf_view(&json));
    buf_put(b, zeros, padding(b->n));
    b->failed |= json.failed;
    buf_fini(&json);
}

static int sum_pieces(const str_t *pieces, size_t n, int threads, uint64_t *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_piece(out, pieces[i], threads);
    return rc;
}

int cache_write(const char *path, const struct cache_section *sections, size_t n, int threads,
                struct err *err)
{
    struct buf head;
    uint64_t sum = 0;
    char tail[16];
    str_t *pieces = mem_try_alloc(2 * n + 2, sizeof *pieces);
    if (!pieces)
        return ERR(err, ERR_NOMEM, "no memory for '%s'", path);
    buf_init(&head, HEAD_MAX + 1024);
    write_head(&head, sections, n);
    size_t at = 0;
    pieces[at++] = buf_view(&head);
    for (size_t i = 0; i < n; i++) {
        pieces[at++] = sections[i].bytes;
        pieces[at++] = (str_t){ zeros, padding(sections[i].bytes.n) };
    }
    int rc = head.failed || sum_pieces(pieces, at, threads, &sum) != 0
                 ? ERR(err, ERR_NOMEM, "no memory for '%s'", path)
                 : 0;
    memcpy(tail, check_magic, sizeof check_magic);
    memcpy(tail + 8, &sum, sizeof sum);
    pieces[at++] = (str_t){ tail, sizeof tail };
    if (rc == 0)
        rc = fs_write_cache_pieces(path, pieces, at, err);
    buf_fini(&head);
    mem_free(pieces);
    return rc;
}

/* ---- reading ---- */

struct container {
    str_t all;
    size_t body;     /* where sections start */
    size_t body_end; /* where the tail starts */
    struct json head;
};

static int open_container(struct arena *a, str_t all, struct container *c)
{
    uint64_t length;
    if (all.n < 2 * sizeof magic + 16 || memcmp(all.p, magic, sizeof magic) != 0 ||
        memcmp(all.p + all.n - 16, check_magic, sizeof check_magic) != 0)
        return -1;
    memcpy(&length, all.p + 8, sizeof length);
    if (length > HEAD_MAX || length + 16 > all.n - 16)
        return -1;
    *c = (struct container){ .all = all,
                             .body = 16 + (size_t)length + padding(16 + (size_t)length),
                             .body_end = all.n - 16 };
    if (c->body > c->body_end ||
        json_parse(a, (str_t){ all.p + 16, (size_t)length }, NULL, &c->head, NULL) != 0)
        return -1;
    return c->head.type == JSON_ARRAY ? 0 : -1;
}

static int take_section(struct arena *a, const struct container *c, const struct json *v,
                        struct cache_section *out)
{
    const char *name = json_get_string(v, "name", NULL);
    int64_t at = json_get_int(v, "at", -1), n = json_get_int(v, "bytes", -1);
    size_t room = c->body_end - c->body;
    if (!name || at < 0 || n < 0 || (uint64_t)at > room || (uint64_t)n > room - (uint64_t)at ||
        at % PAD || padding((size_t)n) > room - (size_t)at - (size_t)n)
        return -1;
    *out = (struct cache_section){ arena_strdup(a, name), { c->all.p + c->body + at, (size_t)n } };
    return out->name ? 0 : -1;
}

/* The pieces as they were written: head, then each section and its padding. */
static int sum_container(const struct container *c, const struct cache_section *s, size_t n,
                         int threads, uint64_t *out)
{
    int rc = add_piece(out, (str_t){ c->all.p, c->body }, threads);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = add_piece(out, s[i].bytes, threads);
        if (rc == 0)
            rc = add_piece(out, (str_t){ s[i].bytes.p + s[i].bytes.n, padding(s[i].bytes.n) },
                           threads);
    }
    return rc;
}

static int read_sections(struct arena *a, const struct container *c, int threads,
                         struct cache_section **out)
{
    uint64_t sum = 0, want;
    struct cache_section *s = ARENA_TRY_ARRAY(a, c->head.n, struct cache_section);
    if (!s)
        return -1;
    for (size_t i = 0; i < c->head.n; i++)
        if (take_section(a, c, &c->head.items[i], &s[i]) != 0)
            return -1;
    memcpy(&want, c->all.p + c->body_end + 8, sizeof want);
    if (sum_container(c, s, c->head.n, threads, &sum) != 0 || sum != want)
        return -1;
    *out = s;
    return 0;
}

int cache_read(struct arena *a, const char *path, int threads, struct cache_section **out,
               size_t *out_n, struct err *err)
{
    str_t all;
    struct container c;
    int rc = fs_map(path, GIB(64), &all, err);
    if (rc)
        return rc;
    if (open_container(a, all, &c) != 0 || read_sections(a, &c, threads, out) != 0) {
        fs_unmap(all);
        return ERR(err, ERR_CORRUPT, "the cached file '%s' is damaged", path);
    }
    *out_n = c.head.n;
    return 0;
}

const struct cache_section *cache_section(const struct cache_section *s, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s[i].name, name) == 0)
            return &s[i];
    return NULL;
}

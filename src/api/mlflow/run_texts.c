/* SPDX-License-Identifier: Apache-2.0
 * See run_texts.h. Stripes by the hash of the id, each with a lock, buckets and an order of use. */
#include "api/mlflow/run_texts.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/thread.h"

enum { STRIPES = 16, BUCKETS = 256, RUN_TEXTS_RANK = 620 };
enum { KEPT_DEPTH = 2 }; /* texts are indented as in the list of a page */

struct entry {
    struct entry *chain;         /* of the bucket */
    struct entry *newer, *older; /* by use */
    uint64_t mark;               /* tx_seen of the transaction that wrote it */
    char id[STORE_ID_TEXT];
    size_t n;
    char text[];
};

struct stripe {
    struct lock lock;
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t bytes;
};

static void *texts_make(void)
{
    struct stripe *stripes = mem_alloc(STRIPES * sizeof *stripes);
    for (int i = 0; i < STRIPES; i++)
        lock_init(&stripes[i].lock, "run texts", RUN_TEXTS_RANK);
    return stripes;
}

static struct entry **bucket_of(struct stripe *s, unsigned note)
{
    return &s->buckets[note / STRIPES % BUCKETS];
}

static void link_newest(struct stripe *s, struct entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    if (s->newest)
        s->newest->newer = e;
    else
        s->oldest = e;
    s->newest = e;
}

static void unlink_use(struct stripe *s, struct entry *e)
{
    if (e->newer)
        e->newer->older = e->older;
    else
        s->newest = e->older;
    if (e->older)
        e->older->newer = e->newer;
    else
        s->oldest = e->newer;
}

static void forget(struct stripe *s, struct entry *e)
{
    struct entry **at = bucket_of(s, tx_note(e->id));
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    unlink_use(s, e);
    s->bytes -= sizeof *e + e->n;
    mem_free(e);
}

static void texts_drop(void *cache)
{
    struct stripe *stripes = cache;
    for (int i = 0; i < STRIPES; i++) {
        while (stripes[i].oldest)
            forget(&stripes[i], stripes[i].oldest);
        lock_fini(&stripes[i].lock);
    }
    mem_free(stripes);
}

static const struct store_cache texts_kind = { STORE_CACHE_RUN_TEXTS, texts_make, texts_drop };

static struct stripe *stripe_of(struct tx *tx, unsigned note)
{
    struct stripe *stripes = tx_cache(tx, &texts_kind);
    return stripes ? &stripes[note % STRIPES] : NULL;
}

static struct entry *find(struct stripe *s, unsigned note, const char *id)
{
    struct entry *e = *bucket_of(s, note);
    while (e && strcmp(e->id, id) != 0)
        e = e->chain;
    return e;
}

/* ---- indentation ---- */

/* The text with `by` more (or, negative, fewer) blanks after each line's end, at the end of b. Raw
 * line ends stand only between values. */
static void put_indented(struct buf *b, str_t text, int by)
{
    size_t lines = 0;
    for (const char *p = text.p; by > 0 && (p = memchr(p, '\n', text.n - (size_t)(p - text.p)));
         p++)
        lines++;
    char *to = buf_reserve(b, text.n + lines * (size_t)MAX(by, 0));
    if (!to)
        return;
    const char *from = text.p, *end = text.p + text.n, *line;
    while ((line = memchr(from, '\n', (size_t)(end - from))) != NULL) {
        size_t n = (size_t)(line - from) + 1;
        memcpy(to, from, n);
        to += n;
        if (by > 0)
            memset(to, ' ', (size_t)by);
        to += MAX(by, 0);
        from = line + 1 + MAX(-by, 0);
    }
    memcpy(to, from, (size_t)(end - from));
    to += end - from;
    *to = '\0';
    b->n = (size_t)(to - b->p);
}

static void write_text(struct json_out *o, str_t text)
{
    int by = (o->depth - KEPT_DEPTH) * o->indent;
    if (!by) {
        jo_raw(o, text);
        return;
    }
    jo_raw(o, STR(""));
    put_indented(o->b, text, by);
}

/* ---- known runs ---- */

int mlf__write_known_run(struct mlf *m, struct tx *tx, const char *run_id)
{
    unsigned note = tx_note(run_id);
    struct stripe *s = stripe_of(tx, note);
    if (!s)
        return 0;
    lock_take(&s->lock);
    struct entry *e = find(s, note, run_id);
    int ok = e && tx_note_changed(tx, note) <= MIN(e->mark, tx_seen(tx));
    if (ok) {
        unlink_use(s, e);
        link_newest(s, e);
        write_text(&m->out, (str_t){ e->text, e->n });
    }
    lock_drop(&s->lock);
    return ok;
}

/* text was made of what this transaction read. */
static void keep(struct tx *tx, const char *run_id, str_t text)
{
    unsigned note = tx_note(run_id);
    struct stripe *s = stripe_of(tx, note);
    if (!s || text.n > RUN_TEXT_MAX || strlen(run_id) >= STORE_ID_TEXT ||
        tx_note_changed(tx, note) > tx_seen(tx))
        return;
    struct entry *e = mem_try_realloc(NULL, 1, sizeof *e + text.n);
    if (!e)
        return;
    e->mark = tx_seen(tx);
    e->n = text.n;
    (void)snprintf(e->id, sizeof e->id, "%s", run_id);
    memcpy(e->text, text.p, text.n);
    lock_take(&s->lock);
    struct entry *old = find(s, note, run_id);
    if (old)
        forget(s, old);
    struct entry **at = bucket_of(s, note);
    e->chain = *at;
    *at = e;
    link_newest(s, e);
    s->bytes += sizeof *e + e->n;
    while (s->bytes > RUN_TEXTS_BYTES / STRIPES)
        forget(s, s->oldest);
    lock_drop(&s->lock);
}

static void keep_written(struct mlf *m, struct tx *tx, const char *run_id, str_t text)
{
    int by = (KEPT_DEPTH - m->out.depth) * m->out.indent;
    struct buf deeper;
    if (!by) {
        keep(tx, run_id, text);
        return;
    }
    buf_init(&deeper, RUN_TEXT_MAX);
    put_indented(&deeper, text, by);
    if (!deeper.failed)
        keep(tx, run_id, buf_view(&deeper));
    buf_fini(&deeper);
}

int mlf__write_new_run(struct mlf *m, struct tx *tx, const char *run_id, int links)
{
    const struct buf *out = &m->rq->out;
    struct run r;
    int rc = mlf_run(m, tx, run_id, 0, &r);
    if (rc)
        return rc;
    size_t at = out->n;
    rc = mlf_write_run(m, tx, &r, links);
    if (rc || out->failed)
        return rc;
    str_t text = { out->p + at, out->n - at };
    while (text.n && text.p[0] != '{') /* the comma and blanks before it */
        text.p++, text.n--;
    if (text.n && text.n <= RUN_TEXT_MAX)
        keep_written(m, tx, run_id, text);
    return 0;
}

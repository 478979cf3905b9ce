/* SPDX-License-Identifier: Apache-2.0
 * Which ids the commits changed, so that what is kept in memory about them stays exact, and the
 * caches of the modules above. The rules stand in store.h. Notes are made by the writer thread
 * before its commit and read by any thread. */
#include <stdio.h>

#include "base/mem.h"
#include "store/store_int.h"

/* Eight bytes a step: writers ask for each statement. */
unsigned tx_note(const char *id)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio */
    uint64_t h = 0;
    for (size_t n = strlen(id); n; id += MIN(n, sizeof h), n -= MIN(n, sizeof h)) {
        uint64_t w = 0;
        memcpy(&w, id, MIN(n, sizeof w));
        h = (h ^ w) * odd;
        h ^= h >> 29;
    }
    return (unsigned)(h >> 32) & (STORE_NOTES - 1);
}

void changes__begin(struct changes *c)
{
    c->current = gauge_get_ordered(&c->done) + 1;
}

void changes__end(struct changes *c)
{
    (void)gauge_add_ordered(&c->done, 1);
}

static void note_move(struct changes *c, const char *id)
{
    lock_take(&c->lock);
    size_t at = (size_t)(c->move_n++ % STORE_MOVES);
    c->moves[at].commit = c->current;
    (void)snprintf(c->moves[at].id, sizeof c->moves[at].id, "%s", id);
    lock_drop(&c->lock);
}

static void raise_to(gauge_t *g, int64_t commit)
{
    int64_t was = gauge_get_ordered(g);
    if (was != commit)
        (void)gauge_add_ordered(g, commit - was); /* one thread writes */
}

void changes__note(struct changes *c, const char *id, enum store_change change)
{
    if (change == STORE_CHANGES_NOTHING)
        return;
    if (change == STORE_CHANGES_ALL || !id[0] || strlen(id) >= STORE_ID_TEXT) {
        raise_to(&c->all, c->current);
        return;
    }
    raise_to(&c->notes[tx_note(id)], c->current);
    if (change == STORE_MOVES_ONE)
        note_move(c, id);
}

void changes__of(struct stmt *st)
{
    changes__note(st->conn->changes, st->changed, (enum store_change)st->sql->change);
}

uint64_t tx_seen(const struct tx *tx)
{
    return tx->seen;
}

uint64_t tx_note_changed(const struct tx *tx, unsigned note)
{
    const struct changes *c = &tx->store->changes;
    return (uint64_t)MAX(gauge_get_ordered(&c->notes[note]), gauge_get_ordered(&c->all));
}

uint64_t tx_changed(const struct tx *tx, const char *id)
{
    return tx_note_changed(tx, tx_note(id));
}

int tx_moved(struct tx *tx, uint64_t since, char (*out)[STORE_ID_TEXT], int max)
{
    struct changes *c = &tx->store->changes;
    int n = 0;
    if ((uint64_t)gauge_get_ordered(&c->all) > since)
        return -1;
    lock_take(&c->lock);
    uint64_t kept = MIN(c->move_n, (uint64_t)STORE_MOVES);
    for (uint64_t i = 1; i <= kept && n >= 0; i++) {
        size_t at = (size_t)((c->move_n - i) % STORE_MOVES);
        if ((uint64_t)c->moves[at].commit <= since)
            break;
        if (n == max || (i == kept && c->move_n > STORE_MOVES))
            n = -1;
        else
            memcpy(out[n++], c->moves[at].id, STORE_ID_TEXT);
    }
    lock_drop(&c->lock);
    return n;
}

/* ---- caches ---- */

void *tx_cache(struct tx *tx, const struct store_cache *kind)
{
    struct store *s = tx->store;
    if (!tx->seen)
        return NULL;
    lock_take(&s->caches_lock);
    if (!s->caches[kind->slot]) {
        s->caches[kind->slot] = kind->make();
        s->cache_drops[kind->slot] = kind->drop;
    }
    void *cache = s->caches[kind->slot];
    lock_drop(&s->caches_lock);
    return cache;
}

void store__drop_caches(struct store *s)
{
    for (int i = 0; i < STORE_CACHES; i++)
        if (s->caches[i])
            s->cache_drops[i](STEAL(s->caches[i]));
}

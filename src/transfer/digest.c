/* SPDX-License-Identifier: Apache-2.0
 * A digest of a run or model that does not depend on the order of its parts: the sum of keyed
 * hashes of every part. It finds what an accident lost, changed or doubled; it is no defence. */
#include <math.h>

#include "base/limits.h"
#include "base/rng.h"
#include "transfer/import_int.h"

enum { SEED = 0x6d6c };

static uint64_t text_hash(uint64_t seed, const char *z)
{
    return siphash(seed, z ? z : "", z ? strlen(z) : 0);
}

static uint64_t hash_pair(char kind, const struct track_pair *p)
{
    uint64_t parts[3] = { (uint64_t)kind, text_hash(SEED, p->key), text_hash(SEED, p->value) };
    return siphash(SEED, parts, sizeof parts);
}

static uint64_t hash_pairs(char kind, const struct track_pair *p, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += hash_pair(kind, &p[i]);
    return sum;
}

static uint64_t hash_points(const char *key, const struct metric_point *p, size_t n)
{
    uint64_t sum = 0, parts[4] = { text_hash(SEED, key), 0, 0, 0 };
    for (size_t i = 0; i < n; i++) {
        double v = isnan(p[i].value) ? (double)NAN : p[i].value;
        parts[1] = (uint64_t)p[i].time_ms;
        parts[2] = (uint64_t)p[i].step;
        memcpy(&parts[3], &v, sizeof v);
        sum += siphash(SEED + 1, parts, sizeof parts);
    }
    return sum;
}

static uint64_t hash_row(const struct run *r)
{
    uint64_t parts[] = {
        text_hash(SEED, r->id),   text_hash(SEED, r->status),          text_hash(SEED, r->name),
        text_hash(SEED, r->user), text_hash(SEED, r->lifecycle_stage), (uint64_t)r->start_time_ms,
        (uint64_t)r->end_time_ms
    };
    return siphash(SEED + 2, parts, sizeof parts);
}

uint64_t digest_run(const struct foreign_run *r)
{
    uint64_t sum = hash_row(&r->row);
    sum += hash_pairs('p', r->params.items, r->params.n);
    sum += hash_pairs('t', r->tags.items, r->tags.n);
    for (size_t i = 0; i < r->points_n; i++)
        sum += hash_points(r->points[i].key, r->points[i].points, r->points[i].n);
    return sum;
}

uint64_t digest_model(const struct foreign_model *m)
{
    uint64_t sum = text_hash(SEED, m->row.description) + hash_pairs('t', m->tags.items, m->tags.n);
    for (size_t i = 0; i < m->aliases_n; i++) {
        uint64_t parts[] = { text_hash(SEED, m->aliases[i].alias),
                             (uint64_t)m->aliases[i].version };
        sum += siphash(SEED + 3, parts, sizeof parts);
    }
    for (size_t i = 0; i < m->versions_n; i++) {
        const struct version *v = &m->versions[i].row;
        uint64_t parts[] = { (uint64_t)v->number,
                             text_hash(SEED, v->stage),
                             text_hash(SEED, v->description),
                             text_hash(SEED, v->source),
                             text_hash(SEED, v->run_id),
                             hash_pairs('v', m->versions[i].tags.items, m->versions[i].tags.n) };
        sum += siphash(SEED + 4, parts, sizeof parts);
    }
    return sum;
}

static int sum_points(struct tx *tx, struct arena *a, const char *id, uint64_t *sum,
                      struct err *err)
{
    struct metric *list;
    size_t n;
    int rc = metric_list(tx, a, id, &list, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        struct metric_point *points;
        size_t points_n;
        struct arena_mark mark = arena_snapshot(a);
        rc = metric_history(tx, a, id, list[i].key, &points, &points_n, err);
        if (!rc)
            *sum += hash_points(list[i].key, points, points_n);
        arena_restore(a, mark);
    }
    return rc;
}

int digest_check(struct tx *tx, const struct foreign_run *r, struct err *err)
{
    struct arena a;
    struct foreign_run ours = { 0 };
    uint64_t sum = 0;
    arena_init(&a, GIB(1));
    int rc = run_get(tx, &a, r->row.id, &ours.row, err);
    if (!rc)
        rc = run_params(tx, &a, r->row.id, &ours.params.items, &ours.params.n, err);
    if (!rc)
        rc = run_tags(tx, &a, r->row.id, &ours.tags.items, &ours.tags.n, err);
    if (!rc)
        sum = digest_run(&ours);
    if (!rc)
        rc = sum_points(tx, &a, r->row.id, &sum, err);
    arena_fini(&a);
    return rc ? rc : sum == r->digest;
}

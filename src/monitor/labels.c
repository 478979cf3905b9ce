/* SPDX-License-Identifier: Apache-2.0
 * True values on their way in and back out: ids, durable blocks, the newest one of each id.
 *
 * A record of labels spans the times of the predictions it speaks of, so a window finds its labels
 * whenever they came. Its body is the time of arrival, then entries of fixed size; the log is in
 * the order of arrival, which decides which label of an id is the last. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "monitor/monitor_int.h"

struct entry {
    unsigned char id[16];
    uint32_t row, zero;
    double value;
    int64_t time_ms;
};

int monitor_label_id(str_t text, struct monitor_label *out, struct err *err)
{
    str_t id = text, row = { 0 };
    uint64_t n = 0;
    int has_row = str_cut(text, ':', &id, &row);
    if (uuid_parse(id, out->id) || out->id[6] >> 4 != 7 ||
        (has_row && (parse_u64(row, &n) || n > UINT32_MAX)))
        return ERR(err, ERR_INVALID,
                   "'%.*s' is no prediction id: they look like "
                   "\"0192f3a0-7b1c-7000-8000-2f3a5c6d7e8f\", with \":2\" behind for the third row",
                   (int)MIN(text.n, (size_t)60), text.p);
    out->row = (uint32_t)n;
    return 0;
}

static int compare(const struct monitor_label *a, const unsigned char id[16], uint32_t row)
{
    int c = memcmp(a->id, id, 16);
    return c ? c : (a->row > row) - (a->row < row);
}

static int by_id(const void *x, const void *y)
{
    const struct monitor_label *a = x, *b = y;
    return compare(a, b->id, b->row);
}

const struct monitor_label *monitor__label_find(const struct monitor_label *list, size_t n,
                                                const unsigned char id[16], uint32_t row)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(&list[mid], id, row) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && compare(&list[low], id, row) == 0 ? &list[low] : NULL;
}

/* ---- in ---- */

/* All in one record, so that they are kept whole or not at all. */
static int append_labels(struct monitor_endpoint *e, const struct monitor_label *list, size_t n,
                         int64_t now_ms, struct err *err)
{
    struct buf b;
    buf_init(&b, SEGMENT_BODY_MAX);
    buf_put(&b, &now_ms, sizeof now_ms);
    for (size_t i = 0; i < n; i++) {
        struct entry x = { .row = list[i].row,
                           .value = list[i].value,
                           .time_ms = list[i].time_ms ? list[i].time_ms : now_ms };
        memcpy(x.id, list[i].id, sizeof x.id);
        buf_put(&b, &x, sizeof x);
    }
    struct segment_record r = { uuid7_ms(list[0].id), uuid7_ms(list[n - 1].id), RECORD_LABELS,
                                buf_view(&b) };
    int rc = b.failed ? ERR(err, ERR_NOMEM, "not enough memory for %zu labels", n)
                      : segment_append(e->labels, &r, err);
    buf_fini(&b);
    return rc;
}

struct known {
    const struct monitor_label *list;
    unsigned char *seen;
    size_t n;
};

static int may_know(void *arg, int64_t from_ms, int64_t to_ms)
{
    const struct known *k = arg;
    size_t low = 0, high = k->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (uuid7_ms(k->list[mid].id) < from_ms)
            low = mid + 1;
        else
            high = mid;
    }
    return low < k->n && uuid7_ms(k->list[low].id) <= to_ms;
}

/* First label of that id or of a larger one. */
static size_t lower_bound(const struct monitor_label *list, size_t n, const unsigned char id[16])
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (memcmp(list[mid].id, id, 16) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int note_known(void *arg, const struct monitor_logged *p, struct err *err)
{
    struct known *k = arg;
    (void)err;
    for (size_t i = lower_bound(k->list, k->n, p->id);
         i < k->n && memcmp(k->list[i].id, p->id, 16) == 0; i++)
        k->seen[i] |= k->list[i].row < p->record.rows;
    return 0;
}

/* How many of the labels (sorted, no id twice) belong to no prediction that is kept. */
static int count_unknown(struct monitor_endpoint *e, const struct monitor_label *list, size_t n,
                         size_t *out, struct err *err)
{
    struct known k = { list, mem_try_alloc(n + 1, 1), n };
    if (!k.seen)
        return ERR(err, ERR_NOMEM, "not enough memory for %zu labels", n);
    struct monitor_scan scan = { .from_ms = uuid7_ms(list[0].id),
                                 .to_ms = uuid7_ms(list[n - 1].id) + 1,
                                 .wanted = may_know,
                                 .fn = note_known,
                                 .arg = &k };
    int rc = monitor__predictions(e, &scan, err);
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out += !k.seen[i];
    mem_free(k.seen);
    return rc;
}

/* Sorts by id and row and keeps the last of each; returns how many are left. */
static size_t sort_and_thin(struct monitor_label *all, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(all, n, sizeof *all, by_id);
    for (size_t i = 0; i < n; i++) {
        if (kept && compare(&all[kept - 1], all[i].id, all[i].row) == 0) {
            if (all[i].order > all[kept - 1].order)
                all[kept - 1] = all[i];
            continue;
        }
        all[kept++] = all[i];
    }
    return kept;
}

static void touch_all(struct monitor *m, struct monitor_endpoint *e,
                      const struct monitor_label *list, size_t n)
{
    for (size_t from = 0, to; from < n; from = to) {
        to = from + 1;
        while (to < n && uuid7_ms(list[to].id) - uuid7_ms(list[to - 1].id) <= 1000)
            to++;
        monitor__touch(m, e, uuid7_ms(list[from].id), uuid7_ms(list[to - 1].id));
    }
}

static int check_labels(const struct monitor_label *list, size_t n, struct err *err)
{
    if (n > MONITOR_LABELS_MAX)
        return ERR(err, ERR_LIMIT, "%zu labels are more than the %d of one call: send several", n,
                   MONITOR_LABELS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(list[i].value))
            return ERR(err, ERR_INVALID, "label %zu is not a finite number", i);
    return 0;
}

int monitor_labels_add(struct monitor *m, const char *endpoint, const struct monitor_label *list,
                       size_t n, int64_t now_ms, struct monitor_labels_done *out, struct err *err)
{
    *out = (struct monitor_labels_done){ 0 };
    int rc = check_labels(list, n, err);
    if (rc || n == 0)
        return rc;
    struct monitor_endpoint *e = monitor__endpoint(m, endpoint, 1, err);
    struct monitor_label *all = e ? mem_try_alloc(n, sizeof *all) : NULL;
    if (!all)
        return e ? ERR(err, ERR_NOMEM, "not enough memory for %zu labels", n) : monitor__code(err);
    for (size_t i = 0; i < n; i++) {
        all[i] = list[i];
        all[i].order = (uint32_t)i;
    }
    size_t kept = sort_and_thin(all, n);
    monitor__drain(m); /* what was answered before these labels came is in the log now */
    rc = append_labels(e, all, kept, now_ms, err);
    if (!rc)
        rc = segment_sync(e->labels, err);
    if (!rc) {
        touch_all(m, e, all, kept);
        gauge_set(&e->labels_ms, now_ms);
        rc = count_unknown(e, all, kept, &out->unknown, err);
        out->accepted = n;
        counter_add(&e->labelled, n);
        counter_add(&e->unknown, out->unknown);
    }
    mem_free(all);
    return rc;
}

/* ---- out ---- */

struct gather {
    int64_t from_ms, to_ms;
    struct monitor_label *list;
    size_t n, cap;
    struct monitor *touch; /* instead of gathering: touch what arrived from arrival_ms on */
    struct monitor_endpoint *e;
    int64_t arrival_ms;
};

static int gather_block(void *arg, const struct segment_record *r, struct err *err)
{
    struct gather *g = arg;
    str_t left = r->body;
    int64_t arrival;
    if (r->kind != RECORD_LABELS || left.n < sizeof arrival)
        return 0;
    memcpy(&arrival, left.p, sizeof arrival);
    if (g->touch) {
        if (arrival >= g->arrival_ms)
            monitor__touch(g->touch, g->e, r->from_ms, r->to_ms);
        return 0;
    }
    struct entry x;
    for (size_t at = sizeof arrival; at + sizeof x <= left.n; at += sizeof x) {
        memcpy(&x, left.p + at, sizeof x);
        int64_t t = uuid7_ms(x.id);
        if (t < g->from_ms || t >= g->to_ms)
            continue;
        if (g->n == g->cap) {
            size_t cap = g->cap ? 2 * g->cap : 256;
            struct monitor_label *grown = mem_try_realloc(g->list, cap, sizeof *grown);
            if (!grown || cap > UINT32_MAX)
                return ERR(err, ERR_NOMEM, "the labels of one window do not fit in memory");
            g->list = grown;
            g->cap = cap;
        }
        struct monitor_label *l = &g->list[g->n];
        *l = (struct monitor_label){
            .row = x.row, .value = x.value, .time_ms = x.time_ms, .order = (uint32_t)g->n
        };
        memcpy(l->id, x.id, sizeof l->id);
        g->n++;
    }
    return 0;
}

int monitor__labels(struct monitor_endpoint *e, int64_t from_ms, int64_t to_ms,
                    struct monitor_label **out, size_t *out_n, struct err *err)
{
    struct gather g = { .from_ms = from_ms, .to_ms = to_ms };
    struct segment_query q = { .from_ms = from_ms, .to_ms = to_ms, .fn = gather_block, .arg = &g };
    int rc = segment_scan(e->labels, &q, err);
    if (rc) {
        mem_free(g.list);
        return rc;
    }
    *out = g.list;
    *out_n = sort_and_thin(g.list, g.n);
    return 0;
}

int monitor__labels_after(struct monitor *m, struct monitor_endpoint *e, int64_t arrival_ms,
                          struct err *err)
{
    struct gather g = { .touch = m, .e = e, .arrival_ms = arrival_ms };
    struct segment_query q = { .to_ms = INT64_MAX, .fn = gather_block, .arg = &g };
    return segment_scan(e->labels, &q, err);
}

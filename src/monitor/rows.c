/* SPDX-License-Identifier: Apache-2.0
 * Logged predictions row by row, with their labels: what retraining and gates read. Goes through
 * the time asked for in slices of an hour, so that the labels of one slice fit in memory. */
#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "monitor/monitor_int.h"

enum { SLICE_MS = 3600000, SCHEMAS_MAX = 64 };

struct walk {
    struct monitor_endpoint *e;
    struct arena names, row; /* of schemas; of one prediction */
    struct monitor_schema schemas[SCHEMAS_MAX];
    size_t schema_n;
    struct monitor_label *labels;
    size_t label_n;
    int labelled;
    int (*fn)(void *arg, const struct monitor_row *row);
    void *arg;
    int stopped;
};

static const struct monitor_schema *schema_of(struct walk *w, uint64_t hash)
{
    for (size_t i = 0; i < w->schema_n; i++)
        if (w->schemas[i].hash == hash)
            return &w->schemas[i];
    if (w->schema_n == SCHEMAS_MAX ||
        monitor__schema_get(w->e, &w->names, hash, &w->schemas[w->schema_n], NULL))
        return NULL;
    return &w->schemas[w->schema_n++];
}

/* All inputs of a prediction, row after row; NULL when they were not kept or are damaged. */
static struct monitor_value *read_values(struct walk *w, const struct watch_record *r)
{
    struct watch_cursor at = { 0 };
    struct watch_input in;
    int more;
    size_t n;
    if (r->columns == 0 || __builtin_mul_overflow(r->rows, r->columns, &n))
        return NULL;
    struct monitor_value *values = ARENA_TRY_ARRAY(&w->row, n, struct monitor_value);
    while (values && (more = serve_watch_input(r, &at, &in)) == 1)
        values[in.row * r->columns + in.column] =
            (struct monitor_value){ in.is_text, in.number, in.text };
    return values && more == 0 ? values : NULL;
}

static int walk_one(void *arg, const struct monitor_logged *p, struct err *err)
{
    struct walk *w = arg;
    const struct monitor_schema *s = schema_of(w, p->schema);
    (void)err;
    if (!s || p->record.outputs == 0 || (w->labelled && !w->label_n))
        return 0;
    arena_reset(&w->row);
    struct monitor_value *values = read_values(w, &p->record);
    size_t columns = values && p->record.columns == s->columns ? s->columns : 0;
    for (size_t i = 0; i < p->record.rows && !w->stopped; i++) {
        const struct monitor_label *l =
            monitor__label_find(w->labels, w->label_n, p->id, (uint32_t)i);
        if (w->labelled && !l)
            continue;
        struct monitor_row row = { .row = (uint32_t)i,
                                   .time_ms = p->time_ms,
                                   .model = s->model,
                                   .version = s->version,
                                   .prediction = p->record.values[i * p->record.outputs],
                                   .has_label = l != NULL,
                                   .label = l ? l->value : NAN,
                                   .label_ms = l ? l->time_ms : 0,
                                   .columns = columns,
                                   .names = s->names,
                                   .values = columns ? values + i * columns : NULL };
        memcpy(row.id, p->id, sizeof row.id);
        w->stopped = w->fn(w->arg, &row);
    }
    return w->stopped;
}

static int walk_slice(struct walk *w, int64_t from_ms, int64_t to_ms, struct err *err)
{
    struct monitor_scan scan = { .from_ms = from_ms, .to_ms = to_ms, .fn = walk_one, .arg = w };
    int rc = monitor__labels(w->e, from_ms, to_ms, &w->labels, &w->label_n, err);
    if (!rc)
        rc = monitor__predictions(w->e, &scan, err);
    mem_free(w->labels);
    w->labels = NULL;
    w->label_n = 0;
    return rc;
}

int monitor_rows(struct monitor *m, const char *endpoint, const struct monitor_rows_query *q,
                 struct err *err)
{
    struct monitor_endpoint *e = monitor__endpoint(m, endpoint, 0, NULL);
    struct segment_info info;
    if (!e)
        return 0;
    monitor__drain(m);
    segment_info_get(e->predictions, &info);
    struct walk *w = mem_alloc(sizeof *w);
    w->e = e;
    w->labelled = q->labelled;
    w->fn = q->fn;
    w->arg = q->arg;
    arena_init(&w->names, MIB(64));
    arena_init(&w->row, GIB(1));
    int64_t from = MAX(q->from_ms, info.first_ms), to = MIN(q->to_ms, info.last_ms + 1);
    int rc = 0;
    for (int64_t next; from < to && !rc; from = next) {
        next = MIN(from - from % SLICE_MS + SLICE_MS, to);
        rc = walk_slice(w, from, next, err);
    }
    arena_fini(&w->names);
    arena_fini(&w->row);
    mem_free(w);
    return rc;
}

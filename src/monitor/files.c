/* SPDX-License-Identifier: Apache-2.0
 * The folder of an endpoint: its logs of predictions and labels, and what the columns of logged
 * predictions are called.
 *
 * A record of predictions holds many: the hash of their schema, then for each the id, rows, values
 * a row, columns, the values, and with columns the packed inputs with their length. A schema is a
 * small file "schema-<hash>.json" beside the logs, written once. */
#include <ctype.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "monitor/monitor_int.h"

enum { BLOCK_BYTES = 1 << 20, BLOCK_MAX = SEGMENT_BODY_MAX };

struct packed_head {
    unsigned char id[16];
    uint32_t rows, outputs, columns, zero;
    uint64_t input_bytes;
};

/* ---- endpoints ---- */

/* A name as a folder: bytes that are not plain go as %XX. */
static void folder_name(const char *name, char out[3 * MONITOR_NAME])
{
    size_t n = 0;
    for (const char *p = name; *p && n < 3 * MONITOR_NAME - 4; p++) {
        if (isalnum((unsigned char)*p) || *p == '_' || *p == '-' || (*p == '.' && p != name))
            out[n++] = *p;
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned)(unsigned char)*p);
    }
    out[n] = '\0';
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(toupper((unsigned char)c) - 'A' + 10);
}

int monitor__folder_endpoint(const char *folder, char out[MONITOR_NAME])
{
    size_t n = 0;
    for (const char *p = folder; *p; p++) {
        uint64_t byte = (unsigned char)*p;
        if (*p == '%') {
            if (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))
                return -1;
            byte = hex_value(p[1]) << 4 | hex_value(p[2]);
            p += 2;
        }
        if (n + 1 >= MONITOR_NAME || byte == 0)
            return -1;
        out[n++] = (char)byte;
    }
    out[n] = '\0';
    return n ? 0 : -1;
}

void monitor__endpoint_free(struct monitor_endpoint *e)
{
    if (!e)
        return;
    segment_close(e->predictions);
    segment_close(e->labels);
    buf_fini(&e->block);
    mem_free(e->name);
    mem_free(e->project);
    mem_free(e->dir);
    mem_free(e);
}

static int open_logs(struct monitor_endpoint *e, struct err *err)
{
    char path[4096];
    struct segment_options o = { .dir = path };
    (void)snprintf(path, sizeof path, "%s/predictions", e->dir);
    int rc = segment_open(&e->predictions, &o, err);
    (void)snprintf(path, sizeof path, "%s/labels", e->dir);
    return rc ? rc : segment_open(&e->labels, &o, err);
}

static struct monitor_endpoint *endpoint_new(struct monitor *m, const char *name, struct err *err)
{
    char folder[3 * MONITOR_NAME], path[4000];
    struct monitor_endpoint *e = mem_alloc(sizeof *e);
    folder_name(name, folder);
    int n = snprintf(path, sizeof path, "%s/endpoints/%s", m->dir, folder);
    e->name = mem_strdup(name);
    e->project = mem_strdup("default");
    e->dir = mem_strdup(path);
    e->settings = monitor_settings_default();
    buf_init(&e->block, BLOCK_MAX);
    int rc = n < 0 || (size_t)n >= sizeof path
                 ? ERR(err, ERR_INVALID, "the path of the data folder is too long")
                 : open_logs(e, err);
    if (rc) {
        monitor__endpoint_free(e);
        return NULL;
    }
    return e;
}

struct monitor_endpoint *monitor__endpoint(struct monitor *m, const char *name, int make,
                                           struct err *err)
{
    int made = 0;
    lock_take(&m->list_lock);
    struct monitor_endpoint *e = m->endpoints;
    while (e && strcmp(e->name, name) != 0)
        e = e->next;
    if (!e && make) {
        e = endpoint_new(m, name, err);
        made = e != NULL;
        if (made) {
            e->next = m->endpoints;
            m->endpoints = e;
        }
    }
    lock_drop(&m->list_lock);
    if (made) {
        struct err trouble = ERR_INIT;
        if (monitor__settings_load(m, e, &trouble))
            monitor__problem(m, trouble.msg);
        monitor__applied_read(m, e);
    }
    return e;
}

struct monitor_endpoint *monitor__first(struct monitor *m)
{
    lock_take(&m->list_lock);
    struct monitor_endpoint *e = m->endpoints;
    lock_drop(&m->list_lock);
    return e;
}

void monitor__problem(struct monitor *m, const char *text)
{
    lock_take(&m->list_lock);
    (void)snprintf(m->problem, sizeof m->problem, "%.199s", text);
    lock_drop(&m->list_lock);
}

/* ---- schemas ---- */

static void schema_path(const struct monitor_endpoint *e, uint64_t hash, char out[4096])
{
    (void)snprintf(out, 4096, "%s/schema-%016llx.json", e->dir, (unsigned long long)hash);
}

int monitor__schema_put(struct monitor *m, struct monitor_subject *s, struct err *err)
{
    struct arena a;
    struct buf b;
    struct json_out o;
    struct serve_column *columns = NULL;
    size_t n = 0;
    char path[4096];
    arena_init(&a, MIB(16));
    buf_init(&b, MIB(8));
    int rc = serve_watch_columns(m->serve, &a, s->serial, &columns, &n);
    if (rc)
        rc = ERR(err, rc, "the columns of version '%s' are gone", s->version);
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "model", s->model);
    jo_kv_cstr(&o, "version", s->version);
    jo_key(&o, "columns");
    jo_array(&o);
    for (size_t i = 0; i < n; i++)
        jo_str(&o, columns[i].name);
    jo_array_end(&o);
    jo_object_end(&o);
    if (!rc && !b.failed) {
        s->schema = siphash(17, b.p, b.n);
        schema_path(s->endpoint, s->schema, path);
        rc = fs_exists(path) ? 0 : fs_write_atomic(path, buf_view(&b), err);
    }
    buf_fini(&b);
    arena_fini(&a);
    return rc;
}

int monitor__schema_get(const struct monitor_endpoint *e, struct arena *a, uint64_t hash,
                        struct monitor_schema *out, struct err *err)
{
    char path[4096];
    str_t text;
    struct json doc;
    schema_path(e, hash, path);
    int rc = fs_read(a, path, MIB(8), &text, err);
    if (!rc)
        rc = json_parse(a, text, NULL, &doc, err);
    if (rc)
        return rc;
    const struct json *columns = json_get(&doc, "columns");
    size_t n = columns && columns->type == JSON_ARRAY ? columns->n : 0;
    str_t *names = ARENA_TRY_ARRAY(a, n + 1, str_t);
    if (!names)
        return ERR(err, ERR_NOMEM, "not enough memory for the columns of endpoint '%s'", e->name);
    for (size_t i = 0; i < n; i++)
        names[i] = columns->items[i].string;
    *out = (struct monitor_schema){ .hash = hash,
                                    .model = json_get_string(&doc, "model", ""),
                                    .version = json_get_string(&doc, "version", ""),
                                    .columns = n,
                                    .names = names };
    return 0;
}

/* ---- predictions: writing ---- */

void monitor__block_add(struct monitor_endpoint *e, uint64_t schema, const struct watch_record *r)
{
    struct packed_head h = { .rows = (uint32_t)r->rows,
                             .outputs = (uint32_t)r->outputs,
                             .columns = (uint32_t)r->columns,
                             .input_bytes = r->columns ? r->inputs.n : 0 };
    struct buf *b = &e->block;
    memcpy(h.id, r->id, sizeof h.id);
    if (b->n == 0) {
        buf_put(b, &schema, sizeof schema);
        e->block_schema = schema;
        e->block_from = e->block_to = r->time_ms;
        e->block_n = 0;
    }
    buf_put(b, &h, sizeof h);
    buf_put(b, r->values, r->rows * r->outputs * sizeof(double));
    if (h.input_bytes)
        buf_put(b, r->inputs.p, h.input_bytes);
    e->block_from = MIN(e->block_from, r->time_ms);
    e->block_to = MAX(e->block_to, r->time_ms);
    e->block_n++;
}

void monitor__block_flush(struct monitor_endpoint *e, struct monitor *m)
{
    struct err err = ERR_INIT;
    if (e->block.n == 0)
        return;
    struct segment_record r = { e->block_from, e->block_to, RECORD_PREDICTIONS,
                                buf_view(&e->block) };
    int rc = e->block.failed ? ERR(&err, ERR_LIMIT, "a block of predictions is too large")
                             : segment_append(e->predictions, &r, &err);
    if (rc) { /* the policy of a full disk: these are dropped, counted and told */
        counter_add(&e->dropped, e->block_n);
        monitor__problem(m, err.msg);
    } else {
        counter_add(&e->logged, e->block_n);
    }
    buf_clear(&e->block);
}

/* ---- predictions: reading ---- */

struct reading {
    const struct monitor_scan *scan;
    struct buf values; /* aligned copies */
};

/* The next prediction of a block; 1, 0 at the end, ERR_CORRUPT. */
static int next_prediction(str_t *left, struct packed_head *h, str_t *values, str_t *inputs)
{
    size_t n;
    if (left->n == 0)
        return 0;
    if (left->n < sizeof *h)
        return ERR_CORRUPT;
    memcpy(h, left->p, sizeof *h);
    left->p += sizeof *h;
    left->n -= sizeof *h;
    if (__builtin_mul_overflow((size_t)h->rows * sizeof(double), (size_t)h->outputs, &n) ||
        n > left->n || h->input_bytes > left->n - n)
        return ERR_CORRUPT;
    *values = (str_t){ left->p, n };
    *inputs = (str_t){ left->p + n, h->input_bytes };
    left->p += n + h->input_bytes;
    left->n -= n + h->input_bytes;
    return 1;
}

static int read_block(void *arg, const struct segment_record *r, struct err *err)
{
    struct reading *x = arg;
    str_t left = r->body, values, inputs;
    struct monitor_logged p = { 0 };
    struct packed_head h;
    int more;
    if (r->kind != RECORD_PREDICTIONS || left.n < sizeof p.schema)
        return 0;
    memcpy(&p.schema, left.p, sizeof p.schema);
    left.p += sizeof p.schema;
    left.n -= sizeof p.schema;
    while ((more = next_prediction(&left, &h, &values, &inputs)) == 1) {
        p.time_ms = uuid7_ms(h.id);
        if (p.time_ms < x->scan->from_ms || p.time_ms >= x->scan->to_ms)
            continue;
        buf_clear(&x->values);
        buf_str(&x->values, values);
        if (x->values.failed)
            return ERR(err, ERR_NOMEM, "not enough memory to read predictions");
        memcpy(p.id, h.id, sizeof p.id);
        p.record = (struct watch_record){ .time_ms = p.time_ms,
                                          .rows = h.rows,
                                          .outputs = h.outputs,
                                          .values = (const double *)(const void *)x->values.p,
                                          .columns = h.columns,
                                          .inputs = inputs };
        memcpy(p.record.id, h.id, sizeof h.id);
        int rc = x->scan->fn(x->scan->arg, &p, err);
        if (rc)
            return rc;
    }
    return 0; /* a block that ends early was written by another release: what is there counts */
}

static int block_wanted(void *arg, const struct segment_record *r)
{
    const struct monitor_scan *s = ((const struct reading *)arg)->scan;
    return !s->wanted || s->wanted(s->arg, r->from_ms, r->to_ms);
}

int monitor__predictions(struct monitor_endpoint *e, const struct monitor_scan *scan,
                         struct err *err)
{
    struct reading x = { .scan = scan };
    struct segment_query q = { .from_ms = scan->from_ms,
                               .to_ms = scan->to_ms,
                               .wanted = block_wanted,
                               .fn = read_block,
                               .arg = &x };
    buf_init(&x.values, BLOCK_MAX);
    int rc = segment_scan(e->predictions, &q, err);
    buf_fini(&x.values);
    return rc;
}

/* ---- what is touched ---- */

/* Ranges stay sorted and apart; when they are too many, the two that are nearest become one. */
static void touch_locked(struct monitor_endpoint *e, int64_t from, int64_t to)
{
    struct monitor_range *r = e->touched;
    size_t i = 0, k;
    while (i < e->touched_n && r[i].to_ms < from)
        i++;
    for (k = i; k < e->touched_n && r[k].from_ms <= to; k++) {
        from = MIN(from, r[k].from_ms);
        to = MAX(to, r[k].to_ms);
    }
    if (k == i && e->touched_n == MONITOR_TOUCHED_MAX) {
        size_t near = 0;
        for (size_t j = 1; j + 1 < e->touched_n; j++)
            if (r[j + 1].from_ms - r[j].to_ms < r[near + 1].from_ms - r[near].to_ms)
                near = j;
        int64_t joined_from = r[near].from_ms, joined_to = r[near + 1].to_ms;
        memmove(&r[near], &r[near + 2], (e->touched_n - near - 2) * sizeof *r);
        e->touched_n -= 2;
        touch_locked(e, joined_from, joined_to);
        touch_locked(e, from, to);
        return;
    }
    memmove(&r[i + 1], &r[k], (e->touched_n - k) * sizeof *r);
    e->touched_n = e->touched_n - (k - i) + 1;
    r[i] = (struct monitor_range){ from, to };
}

void monitor__touch(struct monitor *m, struct monitor_endpoint *e, int64_t from_ms, int64_t to_ms)
{
    lock_take(&m->list_lock);
    touch_locked(e, from_ms, to_ms);
    lock_drop(&m->list_lock);
}

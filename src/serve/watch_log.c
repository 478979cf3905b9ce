/* SPDX-License-Identifier: Apache-2.0
 * Predictions on their way to the log: rings of bytes, one writer at a time each (a thread claims
 * one for one record), one reader. A record never wraps; where it does not fit before the end of
 * the ring, a word of zero sends the reader to the start. A full ring drops the record and counts
 * it: a prediction never waits for a disk. A record that is too large for its ring is kept without
 * its inputs. */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "serve/serve_int.h"

enum { RINGS = 16, RING_BYTES = 1 << 22, RECORD_MAX = RING_BYTES / 2 };

struct head {
    uint32_t bytes; /* of the record with this head, a multiple of 8; 0: go to the start */
    uint32_t rows, outputs, columns;
    uint64_t serial;
    unsigned char id[16];
    uint64_t input_bytes;
};

struct watch_log {
    counter_t dropped;
    uint64_t told; /* of dropped, at the last take */
    struct ring {
        claim_t claim;
        mark_t written, taken; /* positions that only rise */
        unsigned char *bytes;
    } rings[RINGS];
    unsigned char *all;
};

struct watch_log *watch__log_new(void)
{
    struct watch_log *log = mem_try_alloc(1, sizeof *log);
    unsigned char *all = log ? mem_try_alloc(RINGS, RING_BYTES) : NULL; /* untouched pages: free */
    if (!all) {
        mem_free(log);
        return NULL;
    }
    log->all = all;
    for (size_t i = 0; i < RINGS; i++)
        log->rings[i].bytes = all + i * RING_BYTES;
    return log;
}

void watch__log_free(struct watch_log *log)
{
    if (log)
        mem_free(log->all);
    mem_free(log);
}

/* ---- writing ---- */

static size_t input_bytes(const struct serve_call *c, const struct serve_version *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->column_n; i++) {
        n += 1;
        if (v->columns[i].type != SERVE_STRING) {
            n += c->rows * sizeof(double);
            continue;
        }
        const str_t *x = c->columns[i];
        for (size_t r = 0; r < c->rows; r++)
            n += sizeof(uint32_t) + x[r].n;
    }
    return n;
}

static void put_inputs(const struct serve_call *c, const struct serve_version *v, unsigned char *to)
{
    for (size_t i = 0; i < v->column_n; i++) {
        int text = v->columns[i].type == SERVE_STRING;
        *to++ = (unsigned char)text;
        if (!text) {
            memcpy(to, c->columns[i], c->rows * sizeof(double));
            to += c->rows * sizeof(double);
            continue;
        }
        const str_t *x = c->columns[i];
        for (size_t r = 0; r < c->rows; r++) {
            uint32_t n = (uint32_t)x[r].n;
            memcpy(to, &n, sizeof n);
            if (n)
                memcpy(to + sizeof n, x[r].p, n);
            to += sizeof n + n;
        }
    }
}

static void put_values(const struct serve_call *c, unsigned char *to)
{
    for (size_t r = 0; r < c->rows; r++) {
        for (size_t k = 0; k < c->output_n; k++) {
            size_t width = c->outputs[k].width;
            memcpy(to, c->values[k] + r * width, width * sizeof(double));
            to += width * sizeof(double);
        }
    }
}

/* Where a record of that size goes, or NULL when the ring is full; *at rises past a skipped end. */
static unsigned char *ring_room(struct ring *r, uint64_t *at, size_t bytes)
{
    uint64_t written = mark_get(&r->written), taken = mark_get(&r->taken);
    size_t offset = written % RING_BYTES, left = RING_BYTES - offset;
    size_t skip = left < bytes ? left : 0;
    if (written + skip + bytes - taken > RING_BYTES)
        return NULL;
    if (skip)
        memset(r->bytes + offset, 0, sizeof(uint32_t));
    *at = written + skip + bytes;
    return r->bytes + (written + skip) % RING_BYTES;
}

static struct ring *claim_ring(struct watch_log *log)
{
    unsigned from = thread_number();
    for (unsigned i = 0; i < RINGS; i++)
        if (LIKELY(claim_try(&log->rings[(from + i) % RINGS].claim)))
            return &log->rings[(from + i) % RINGS];
    return NULL;
}

static int is_sampled(const unsigned char id[16], int64_t share)
{
    uint32_t low;
    memcpy(&low, id + 12, sizeof low);
    return (int64_t)low < share - 1;
}

void watch__log_put(struct watch_log *log, uint64_t serial, const struct serve_call *c,
                    int64_t share)
{
    const struct serve_version *v = c->loaded;
    struct head h = { .serial = serial,
                      .rows = (uint32_t)c->rows,
                      .outputs = (uint32_t)v->output_width };
    memcpy(h.id, c->id, sizeof h.id);
    size_t fixed = sizeof h + c->rows * v->output_width * sizeof(double), inputs = 0;
    if (is_sampled(c->id, share)) {
        inputs = input_bytes(c, v);
        h.columns = fixed + inputs <= RECORD_MAX ? (uint32_t)v->column_n : 0;
        h.input_bytes = h.columns ? inputs : 0;
    }
    size_t bytes = (fixed + h.input_bytes + 7) & ~(size_t)7;
    struct ring *r = bytes <= RECORD_MAX ? claim_ring(log) : NULL;
    uint64_t end = 0;
    unsigned char *to = r ? ring_room(r, &end, bytes) : NULL;
    if (to) {
        h.bytes = (uint32_t)bytes;
        memcpy(to, &h, sizeof h);
        put_values(c, to + sizeof h);
        if (h.columns)
            put_inputs(c, v, to + fixed);
        mark_set(&r->written, end);
    } else {
        counter_add(&log->dropped, 1);
    }
    if (r)
        claim_drop(&r->claim);
}

/* ---- reading ---- */

static void take_ring(struct ring *r, void (*fn)(void *arg, const struct watch_record *r),
                      void *arg)
{
    uint64_t at = mark_get(&r->taken), end = mark_get(&r->written);
    while (at < end) {
        const unsigned char *p = r->bytes + at % RING_BYTES;
        struct head h;
        uint32_t bytes;
        memcpy(&bytes, p, sizeof bytes);
        if (bytes == 0) {
            at += RING_BYTES - at % RING_BYTES;
            continue;
        }
        memcpy(&h, p, sizeof h);
        size_t values = (size_t)h.rows * h.outputs * sizeof(double);
        struct watch_record rec = { .time_ms = uuid7_ms(h.id),
                                    .serial = h.serial,
                                    .rows = h.rows,
                                    .outputs = h.outputs,
                                    .values = (const double *)(const void *)(p + sizeof h),
                                    .columns = h.columns,
                                    .inputs = { (const char *)p + sizeof h + values,
                                                h.input_bytes } };
        memcpy(rec.id, h.id, sizeof rec.id);
        fn(arg, &rec);
        at += bytes;
    }
    mark_set(&r->taken, at);
    /* An empty ring starts over, so that only as much of it is ever touched as fills up between two
     * takings. A prediction that comes just now takes another ring. */
    if (!claim_try(&r->claim))
        return;
    if (at % RING_BYTES && mark_get(&r->written) == at) {
        at += RING_BYTES - at % RING_BYTES;
        mark_set(&r->written, at);
        mark_set(&r->taken, at);
    }
    claim_drop(&r->claim);
}

void serve_watch_take(struct serve *s, void (*fn)(void *arg, const struct watch_record *r),
                      void *arg, uint64_t *out_dropped)
{
    struct watch_log *log = s->log;
    for (size_t i = 0; i < RINGS; i++)
        take_ring(&log->rings[i], fn, arg);
    uint64_t dropped = counter_get(&log->dropped);
    *out_dropped = dropped - log->told;
    log->told = dropped;
}

int serve_watch_input(const struct watch_record *r, struct watch_cursor *at,
                      struct watch_input *out)
{
    if (at->row >= r->rows) {
        at->row = 0;
        at->column++;
    }
    if (at->column >= r->columns || r->rows == 0)
        return 0;
    size_t left = r->inputs.n - at->byte;
    const char *p = r->inputs.p + at->byte;
    if (at->row == 0) {
        if (left < 1)
            return ERR_CORRUPT;
        at->is_text = *p++ != 0;
        at->byte++;
        left--;
    }
    *out = (struct watch_input){ .column = at->column, .row = at->row, .is_text = at->is_text };
    uint32_t n = sizeof(double);
    if (at->is_text) {
        if (left < sizeof n)
            return ERR_CORRUPT;
        memcpy(&n, p, sizeof n);
        p += sizeof n;
        left -= sizeof n;
        at->byte += sizeof n;
    }
    if (left < n)
        return ERR_CORRUPT;
    if (at->is_text)
        out->text = (str_t){ p, n };
    else
        memcpy(&out->number, p, sizeof out->number);
    at->byte += n;
    at->row++;
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0
 * Frames over a pipe: building, sending, reading, checking. */
#include "transfer/wire.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"

enum { SEND_AT = 1 << 18, READ_PIECE = 1 << 18, HEAD = 1 + 4, ASK_MS = 200 };

static const char *const shapes[WIRE_KINDS] = {
    [WIRE_HELLO] = "tt",           /* kind of source, text about it */
    [WIRE_EXPERIMENT] = "itTtII",  /* id, name, location, stage, created, updated */
    [WIRE_EXPERIMENT_TAG] = "itT", /* experiment, key, value */
    [WIRE_RUN] = "tiTtTIItIT",     /* id, experiment, name, status, user, start, end, stage,
                                      deleted, artifact uri */
    [WIRE_PARAM] = "tT",           /* key, value */
    [WIRE_TAG] = "tT",             /* key, value */
    [WIRE_POINTS] = "tb",          /* key, struct metric_point … */
    [WIRE_INPUT] = "ttTTTT",       /* name, digest, source type, source, schema, profile */
    [WIRE_INPUT_TAG] = "tT",       /* key, value */
    [WIRE_RUN_MODEL] = "iti",      /* 1 = output, model, step */
    [WIRE_RUN_END] = "",
    [WIRE_LOGGED] = "titTiTTtII", /* id, experiment, name, location, status, type, run, stage,
                                     created, updated */
    [WIRE_LOGGED_PARAM] = "tT",
    [WIRE_LOGGED_TAG] = "tT",
    [WIRE_LOGGED_METRIC] = "tdiitTT", /* key, value, time, step, run, data set, digest */
    [WIRE_LOGGED_END] = "",
    [WIRE_MODEL] = "tTII", /* name, description, created, updated */
    [WIRE_MODEL_TAG] = "tT",
    [WIRE_ALIAS] = "ti",            /* alias, version */
    [WIRE_VERSION] = "iTTTTTTTIIT", /* number, status, stage, description, source, run, link,
                                       user, created, updated, storage location */
    [WIRE_VERSION_TAG] = "tT",
    [WIRE_MODEL_END] = "",
    [WIRE_COUNT] = "ti",
    [WIRE_PROBLEM] = "t",
    [WIRE_FAIL] = "it",
    [WIRE_DONE] = "",
};

const char *wire_shape(enum wire_kind kind)
{
    return shapes[kind];
}

/* ---- out ---- */

void wire_out_init(struct wire_out *w, int fd)
{
    *w = (struct wire_out){ .fd = fd };
    buf_init(&w->b, WIRE_FRAME_MAX + SEND_AT + HEAD);
}

void wire_out_fini(struct wire_out *w)
{
    buf_fini(&w->b);
}

int wire_flush(struct wire_out *w)
{
    if (w->b.failed || fs_write_all(w->fd, buf_view(&w->b), "pipe", NULL) != 0)
        w->failed = 1;
    buf_clear(&w->b);
    return w->failed ? -1 : 0;
}

void wire_begin(struct wire_out *w, enum wire_kind kind)
{
    static const char zero[4];
    w->start = w->b.n;
    buf_putc(&w->b, (char)kind);
    buf_put(&w->b, zero, sizeof zero);
}

void wire_none(struct wire_out *w)
{
    buf_putc(&w->b, 'n');
}

static void put_bytes(struct wire_out *w, char type, str_t s)
{
    uint32_t n = (uint32_t)s.n;
    if (!s.p) {
        wire_none(w);
        return;
    }
    buf_putc(&w->b, type);
    buf_put(&w->b, &n, sizeof n);
    buf_put(&w->b, s.p, s.n);
    buf_putc(&w->b, '\0');
}

void wire_text(struct wire_out *w, str_t t)
{
    put_bytes(w, 't', t);
}

void wire_bytes(struct wire_out *w, str_t b)
{
    put_bytes(w, 'b', b);
}

void wire_int(struct wire_out *w, int64_t v)
{
    buf_putc(&w->b, 'i');
    buf_put(&w->b, &v, sizeof v);
}

void wire_double(struct wire_out *w, double v)
{
    buf_putc(&w->b, 'd');
    buf_put(&w->b, &v, sizeof v);
}

void wire_end(struct wire_out *w)
{
    uint32_t n = (uint32_t)(w->b.n - w->start - HEAD);
    if (!w->b.failed)
        memcpy(w->b.p + w->start + 1, &n, sizeof n);
    if (w->b.failed || w->b.n > SEND_AT)
        (void)wire_flush(w);
}

/* ---- in ---- */

void wire_in_init(struct wire_in *w, int fd)
{
    *w = (struct wire_in){ .fd = fd };
    buf_init(&w->b, WIRE_FRAME_MAX + 2 * READ_PIECE + HEAD);
}

void wire_in_fini(struct wire_in *w)
{
    buf_fini(&w->b);
}

/* Makes n unread bytes stand at w->at; 1, or 0 when the end comes first. */
static int fill(struct wire_in *w, size_t n, struct err *err)
{
    while (w->b.n - w->at < n) {
        if (w->end)
            return 0;
        if (w->at) {
            memmove(w->b.p, w->b.p + w->at, w->b.n - w->at);
            w->b.n -= w->at;
            w->at = 0;
        }
        char *to = buf_reserve(&w->b, MAX((size_t)READ_PIECE, n - w->b.n));
        if (!to)
            return ERR(err, ERR_NOMEM, "not enough memory for a frame of %zu bytes", n);
        struct pollfd ready = { .fd = w->fd, .events = POLLIN };
        int n_ready = w->waiting ? poll(&ready, 1, ASK_MS) : 1;
        if (w->waiting && w->waiting(w->arg))
            return ERR(err, ERR_CANCELLED, "stopped");
        if (n_ready == 0)
            continue;
        ssize_t got = read(w->fd, to, READ_PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ERR_SYS(err, "cannot read from the import's child process");
        w->end = got == 0;
        w->b.n += (size_t)got;
    }
    return 1;
}

static int take(str_t *s, void *to, size_t n)
{
    if (s->n < n)
        return 0;
    memcpy(to, s->p, n);
    *s = (str_t){ s->p + n, s->n - n };
    return 1;
}

static int take_bytes(str_t *s, struct wire_field *f)
{
    uint32_t n;
    if (!take(s, &n, sizeof n) || s->n < (size_t)n + 1 || s->p[n] != '\0')
        return 0;
    f->t = (str_t){ s->p, n };
    *s = (str_t){ s->p + n + 1, s->n - n - 1 };
    return f->type == 'b' || (str_is_utf8(f->t) && !memchr(f->t.p, 0, n));
}

static int take_field(str_t *s, char shape, struct wire_field *f)
{
    char want = (char)(shape | 0x20);
    *f = (struct wire_field){ 0 };
    if (!take(s, &f->type, 1))
        return 0;
    if (f->type == 'n')
        return shape != want;
    if (f->type != want)
        return 0;
    if (want == 'i')
        return take(s, &f->i, sizeof f->i);
    if (want == 'd')
        return take(s, &f->d, sizeof f->d);
    return take_bytes(s, f);
}

int wire_next(struct wire_in *w, struct wire_frame *out, struct err *err)
{
    uint32_t n;
    int rc = fill(w, HEAD, err);
    if (rc <= 0)
        return rc;
    unsigned kind = (unsigned char)w->b.p[w->at];
    memcpy(&n, w->b.p + w->at + 1, sizeof n);
    if (kind >= WIRE_KINDS || n > WIRE_FRAME_MAX)
        return ERR(err, ERR_CORRUPT, "the import's child process sent a frame that is none");
    rc = fill(w, HEAD + n, err);
    if (rc <= 0)
        return rc;
    str_t s = { w->b.p + w->at + HEAD, n };
    out->kind = (enum wire_kind)kind;
    out->n = 0;
    for (const char *shape = shapes[kind]; *shape; shape++)
        if (!take_field(&s, *shape, &out->field[out->n++]))
            return ERR(err, ERR_CORRUPT, "the import's child process sent a malformed frame %u",
                       kind);
    if (s.n)
        return ERR(err, ERR_CORRUPT, "the import's child process sent a frame %u that is too long",
                   kind);
    w->at += HEAD + n;
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0
 * Frames in the cache: one section of JSON about the columns, one a column for its numbers or
 * codes, one for the lengths and one for the bytes of its levels. */
#include "data/cache.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "codec/json.h"

static void write_columns(struct json_out *o, const struct frame *f)
{
    jo_object(o);
    jo_kv_int(o, "rows", (int64_t)f->n);
    jo_key(o, "columns");
    jo_array(o);
    for (size_t k = 0; k < f->column_n; k++) {
        jo_object(o);
        jo_kv_cstr(o, "name", f->columns[k].name);
        jo_kv_int(o, "type", f->columns[k].type);
        jo_kv_int(o, "levels", (int64_t)f->columns[k].level_n);
        jo_object_end(o);
    }
    jo_array_end(o);
    jo_object_end(o);
}

/* Lengths and joined bytes of a column's levels, in the arena. */
static int join_levels(struct arena *a, const struct column *c, str_t *out_lengths, str_t *out_text)
{
    size_t total = 0;
    uint32_t *lengths = ARENA_TRY_ARRAY(a, c->level_n, uint32_t);
    for (size_t i = 0; lengths && i < c->level_n; i++) {
        lengths[i] = (uint32_t)c->levels[i].n;
        total += c->levels[i].n;
    }
    char *text = arena_try_alloc(a, total + 1, 1);
    if (!lengths || !text)
        return ERR_NOMEM;
    size_t at = 0;
    for (size_t i = 0; i < c->level_n; at += c->levels[i++].n)
        if (c->levels[i].n)
            memcpy(text + at, c->levels[i].p, c->levels[i].n);
    *out_lengths = (str_t){ (const char *)lengths, c->level_n * sizeof *lengths };
    *out_text = (str_t){ text, total };
    return 0;
}

static int make_sections(struct arena *a, const struct frame *f, struct cache_section *s,
                         size_t *out_n)
{
    size_t n = 1;
    for (size_t k = 0; k < f->column_n; k++) {
        const struct column *c = &f->columns[k];
        if (c->numbers) {
            s[n++] =
                (struct cache_section){ "numbers",
                                        { (const char *)c->numbers, f->n * sizeof *c->numbers } };
            continue;
        }
        s[n++] =
            (struct cache_section){ "codes", { (const char *)c->codes, f->n * sizeof *c->codes } };
        if (join_levels(a, c, &s[n].bytes, &s[n + 1].bytes) != 0)
            return ERR_NOMEM;
        s[n++].name = "lengths";
        s[n++].name = "text";
    }
    if (f->origin)
        s[n++] = (struct cache_section){ "origin",
                                         { (const char *)f->origin, f->n * sizeof *f->origin } };
    *out_n = n;
    return 0;
}

int cache_write_frame(const char *path, const struct frame *f, int threads, struct err *err)
{
    struct arena a;
    struct buf head;
    struct json_out o;
    size_t n = 0;
    arena_init(&a, GIB(64));
    buf_init(&head, MIB(64));
    json_out_init(&o, &head);
    write_columns(&o, f);
    struct cache_section *s = ARENA_TRY_ARRAY(&a, 3 * f->column_n + 2, struct cache_section);
    int rc = s && !head.failed && make_sections(&a, f, s, &n) == 0
                 ? 0
                 : ERR(err, ERR_NOMEM, "no memory for '%s'", path);
    if (rc == 0) {
        s[0] = (struct cache_section){ "frame", buf_view(&head) };
        rc = cache_write(path, s, n, threads, err);
    }
    buf_fini(&head);
    arena_fini(&a);
    return rc;
}

/* ---- reading ---- */

struct frame_reader {
    struct arena *a;
    const struct cache_section *s;
    size_t n, at;
};

static const char *next(struct frame_reader *r, const char *name, size_t bytes)
{
    if (r->at >= r->n || strcmp(r->s[r->at].name, name) != 0 || r->s[r->at].bytes.n != bytes)
        return NULL;
    return r->s[r->at++].bytes.p;
}

static int take_levels(struct frame_reader *r, struct column *c)
{
    const uint32_t *lengths = (const void *)next(r, "lengths", c->level_n * sizeof *lengths);
    size_t total = 0;
    for (size_t i = 0; lengths && i < c->level_n; i++)
        total += lengths[i];
    const char *text = lengths ? next(r, "text", total) : NULL;
    c->levels = ARENA_TRY_ARRAY(r->a, c->level_n, str_t);
    if (!text || !c->levels)
        return -1;
    for (size_t i = 0; i < c->level_n; text += lengths[i++])
        c->levels[i] = (str_t){ text, lengths[i] };
    return 0;
}

static int codes_are_levels(const struct column *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c->codes[i] < -1 || (c->codes[i] >= 0 && (size_t)c->codes[i] >= c->level_n))
            return 0;
    return 1;
}

static int take_column(struct frame_reader *r, const struct json *v, size_t rows, struct column *c)
{
    int64_t type = json_get_int(v, "type", -1), levels = json_get_int(v, "levels", 0);
    const char *name = json_get_string(v, "name", NULL);
    if (!name || type < COLUMN_NUMBER || type > COLUMN_TIME || levels < 0)
        return -1;
    *c = (struct column){ .name = arena_strdup(r->a, name), .type = (enum column_type)type };
    if (c->type != COLUMN_STRING) {
        c->numbers = (double *)(uintptr_t)next(r, "numbers", rows * sizeof *c->numbers);
        return c->numbers ? 0 : -1;
    }
    c->codes = (int32_t *)(uintptr_t)next(r, "codes", rows * sizeof *c->codes);
    c->level_n = (size_t)levels;
    return c->codes && take_levels(r, c) == 0 && codes_are_levels(c, rows) ? 0 : -1;
}

static int take_frame(struct frame_reader *r, struct frame *f)
{
    struct json v;
    if (r->n == 0 || strcmp(r->s[0].name, "frame") != 0 ||
        json_parse(r->a, r->s[0].bytes, NULL, &v, NULL) != 0)
        return -1;
    const struct json *columns = json_get(&v, "columns");
    int64_t rows = json_get_int(&v, "rows", -1);
    if (!columns || columns->type != JSON_ARRAY || rows < 0 || rows > FRAME_ROWS_MAX)
        return -1;
    frame_init(f, r->a, (size_t)rows);
    f->columns = ARENA_TRY_ARRAY(r->a, columns->n, struct column);
    f->column_n = f->column_cap = columns->n;
    r->at = 1;
    for (size_t k = 0; k < columns->n; k++)
        if (!f->columns || take_column(r, &columns->items[k], f->n, &f->columns[k]) != 0)
            return -1;
    f->origin = (uint32_t *)(uintptr_t)next(r, "origin", f->n * sizeof *f->origin);
    return 0;
}

int cache_read_frame(struct arena *a, const char *path, int threads, struct frame *out,
                     struct err *err)
{
    struct cache_section *s;
    struct frame f;
    struct frame_reader r = { .a = a };
    int rc = cache_read(a, path, threads, &s, &r.n, err);
    if (rc)
        return rc;
    r.s = s;
    if (take_frame(&r, &f) != 0)
        return ERR(err, ERR_CORRUPT, "the cached table '%s' is damaged", path);
    *out = f;
    return 0;
}

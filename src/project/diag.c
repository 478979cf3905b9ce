/* SPDX-License-Identifier: Apache-2.0
 * Collecting messages, and the table of codes. */
#include "project/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define CODE(code, title, prose, bad, good) { code, title, prose, bad, good },
static const struct diag_code codes[] = {
#include "project/errors.def"
};
#undef CODE

const struct diag_code *diag_code_at(size_t i)
{
    return i < ARRAY_LEN(codes) ? &codes[i] : NULL;
}

const struct diag_code *diag_code_find(str_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (code.n == strlen(codes[i].code) && strncasecmp(codes[i].code, code.p, code.n) == 0)
            return &codes[i];
    return NULL;
}

void diags_init(struct diags *d, struct arena *a, const char *path, str_t text)
{
    *d = (struct diags){ .arena = a, .path = path, .text = text };
    d->items = arena_alloc(a, (DIAG_MAX + 1) * sizeof *d->items);
}

static PRINTF_LIKE(2, 0) const char *format(struct arena *a, const char *fmt, va_list ap)
{
    char text[1024];
    (void)vsnprintf(text, sizeof text, fmt, ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    return arena_printf(a, "%s", text);
}

struct diag *diag_add(struct diags *d, const char *code, struct yaml_place place, const char *fmt,
                      ...)
{
    struct diag *g = &d->items[d->n];
    ASSERT(diag_code_find(str_of(code)) != NULL);
    *g = (struct diag){ .code = code,
                        .level = code[0] == 'W' ? DIAG_WARNING : DIAG_ERROR,
                        .place = place };
    d->error_n += g->level == DIAG_ERROR;
    d->warning_n += g->level == DIAG_WARNING;
    d->n += d->n < DIAG_MAX;
    va_list ap;
    va_start(ap, fmt);
    g->message = format(d->arena, fmt, ap);
    va_end(ap);
    return g;
}

void diag_label(struct diags *d, struct diag *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g->label = format(d->arena, fmt, ap);
    va_end(ap);
}

void diag_note(struct diags *d, struct diag *g, const char *kind, const char *fmt, ...)
{
    if (g->note_n == DIAG_NOTES)
        return;
    va_list ap;
    va_start(ap, fmt);
    g->notes[g->note_n++] = (struct diag_note){ kind, format(d->arena, fmt, ap) };
    va_end(ap);
}

const char *diag_suggest(struct diags *d, struct diag *g, str_t got, const char *const *candidates,
                         size_t n)
{
    const char *near = str_nearest(got, candidates, n);
    if (near)
        diag_label(d, g, "did you mean `%s`?", near);
    return near;
}

static int by_place(const void *x, const void *y)
{
    const struct diag *a = x, *b = y;
    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    return a->place.column < b->place.column ? -1 : a->place.column > b->place.column;
}

/* Insertion sort: stable, and n is small. */
void diags_sort(struct diags *d)
{
    for (size_t i = 1; i < d->n; i++) {
        struct diag g = d->items[i];
        size_t k = i;
        for (; k && by_place(&d->items[k - 1], &g) > 0; k--)
            d->items[k] = d->items[k - 1];
        d->items[k] = g;
    }
}

int diags_result(const struct diags *d, struct err *err)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct diag *g = &d->items[i];
        if (g->level != DIAG_ERROR)
            continue;
        if (!g->place.line)
            return ERR(err, ERR_INVALID, "%s: %s", d->path, g->message);
        return ERR(err, ERR_INVALID, "%s:%d:%d: %s%s%s", d->path, g->place.line, g->place.column,
                   g->message, g->label ? "; " : "", g->label ? g->label : "");
    }
    return 0;
}

static void put_example(struct buf *out, const char *title, const char *yaml)
{
    if (yaml[0])
        buf_printf(out, "\n%s\n\n```yaml\n%s```\n", title, yaml);
}

void diag_code_page(const struct diag_code *c, struct buf *out)
{
    buf_printf(out, "# %s: %s\n\n%s\n", c->code, c->title, c->prose);
    put_example(out, "Not so:", c->bad);
    put_example(out, "But so:", c->good);
}

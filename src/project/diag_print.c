/* SPDX-License-Identifier: Apache-2.0
 * Messages as text for people, as JSON for programs, as workflow commands for GitHub. */
#include "project/diag.h"

#include <stdio.h>

#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define BLUE "\033[1;34m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static const char *paint(int color, const char *escape)
{
    return color ? escape : "";
}

static str_t source_line(str_t text, int line)
{
    str_t head = { "", 0 };
    if (str_starts(text, "\xef\xbb\xbf"))
        text = (str_t){ text.p + 3, text.n - 3 };
    for (int i = 0; i < line; i++) {
        if (!str_cut(text, '\n', &head, &text)) {
            head = text;
            text = (str_t){ "", 0 };
        }
    }
    if (head.n && head.p[head.n - 1] == '\r')
        head.n--;
    return head;
}

static size_t character(str_t s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* Bytes of the first n characters. */
static size_t bytes_of(str_t s, int n)
{
    size_t at = 0;
    while (n-- > 0 && at < s.n)
        at += character(s, at);
    return at;
}

static void put_blanks(struct buf *out, size_t n, char c)
{
    while (n--)
        buf_putc(out, c);
}

enum { EXCERPT_MAX = 200, EXCERPT_BEFORE = 60 };

/* What is shown of a line: all of it, or the part around the column. */
struct excerpt {
    str_t text;
    size_t at; /* byte of the column in it */
    const char *head, *tail;
};

static struct excerpt excerpt_of(str_t line, int column)
{
    size_t at = bytes_of(line, column - 1);
    struct excerpt e = { line, at, "", "" };
    if (bytes_of(line, EXCERPT_MAX) == line.n)
        return e;
    size_t from = column > EXCERPT_BEFORE ? bytes_of(line, column - EXCERPT_BEFORE) : 0;
    str_t rest = { line.p + from, line.n - from };
    e = (struct excerpt){ { rest.p, bytes_of(rest, EXCERPT_MAX) }, at - from, "", "" };
    e.head = from ? "…" : "";
    e.tail = e.text.n < rest.n ? "…" : "";
    return e;
}

static void put_line(struct buf *out, const struct excerpt *e)
{
    buf_puts(out, e->head);
    for (size_t i = 0; i < e->text.n; i++)
        buf_putc(out, (unsigned char)e->text.p[i] < 0x20 ? ' ' : e->text.p[i]);
    buf_printf(out, "%s\n", e->tail);
}

static void put_excerpt(const struct diags *d, const struct diag *g, int color, int gutter,
                        struct buf *out)
{
    const char *blue = paint(color, BLUE), *off = paint(color, PLAIN);
    const char *strong = paint(color, g->level == DIAG_ERROR ? RED : YELLOW);
    struct excerpt e = excerpt_of(source_line(d->text, g->place.line), g->place.column);
    str_t rest = { e.text.p + e.at, e.text.n - e.at };
    size_t marked = bytes_of(rest, g->place.length);
    size_t carets = MAX(str_width((str_t){ rest.p, marked }), (size_t)1);
    buf_printf(out, "%s%*s |%s\n", blue, gutter, "", off);
    buf_printf(out, "%s%*d |%s ", blue, gutter, g->place.line, off);
    put_line(out, &e);
    buf_printf(out, "%s%*s |%s ", blue, gutter, "", off);
    put_blanks(out, str_width(str_of(e.head)) + str_width((str_t){ e.text.p, e.at }), ' ');
    buf_puts(out, strong);
    put_blanks(out, carets, '^');
    if (g->label)
        buf_printf(out, " %s", g->label);
    buf_printf(out, "%s\n", off);
}

static void put_diag(const struct diags *d, const struct diag *g, int color, int gutter,
                     struct buf *out)
{
    const char *blue = paint(color, BLUE), *off = paint(color, PLAIN);
    buf_printf(out, "%s%s[%s]%s%s: %s%s\n", paint(color, g->level == DIAG_ERROR ? RED : YELLOW),
               g->level == DIAG_ERROR ? "error" : "warning", g->code, off, paint(color, BOLD),
               g->message, off);
    if (g->place.line) {
        buf_printf(out, "%s%*s-->%s %s:%d:%d\n", blue, gutter, "", off, d->path, g->place.line,
                   g->place.column);
        put_excerpt(d, g, color, gutter, out);
    } else {
        buf_printf(out, "%s%*s-->%s %s\n", blue, gutter, "", off, d->path);
    }
    if (g->file)
        buf_printf(out, "%s%*s |%s %s\n", blue, gutter, "", off, g->file);
    for (size_t i = 0; i < g->note_n; i++)
        buf_printf(out, "%s%*s =%s %s: %s\n", blue, gutter, "", off, g->notes[i].kind,
                   g->notes[i].text);
    buf_putc(out, '\n');
}

static void put_count(struct buf *out, size_t n, const char *what)
{
    buf_printf(out, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void put_summary(const struct diags *d, struct buf *out)
{
    if (d->error_n)
        put_count(out, d->error_n, "error");
    if (d->error_n && d->warning_n)
        buf_puts(out, ", ");
    if (d->warning_n)
        put_count(out, d->warning_n, "warning");
    buf_printf(out, " in %s\n", d->path);
}

static int gutter_of(const struct diags *d)
{
    int most = 0, width = 1;
    for (size_t i = 0; i < d->n; i++)
        most = MAX(most, d->items[i].place.line);
    for (; most >= 10; most /= 10)
        width++;
    return MAX(width, 2);
}

/* The errors first get the room there is: warnings are shown only beside at most DIAG_SHOWN
 * messages. */
static void write_text(const struct diags *d, int color, struct buf *out)
{
    int gutter = gutter_of(d);
    size_t shown = 0, skipped = 0;
    int errors_only = d->n > DIAG_SHOWN;
    for (size_t i = 0; i < d->n; i++) {
        if (errors_only && d->items[i].level != DIAG_ERROR)
            continue;
        if (shown < DIAG_SHOWN)
            put_diag(d, &d->items[i], color, gutter, out), shown++;
        else
            skipped++;
    }
    if (skipped)
        buf_printf(out, "… and %zu more\n", skipped);
    if (d->n)
        put_summary(d, out);
}

static void write_place(struct json_out *o, const struct diag *g)
{
    jo_kv_int(o, "line", g->place.line);
    jo_kv_int(o, "column", g->place.column);
    jo_kv_int(o, "end_column", g->place.column + g->place.length);
}

static void write_json(const struct diags *d, struct buf *out)
{
    struct json_out o;
    json_out_init(&o, out);
    jo_array(&o);
    for (size_t i = 0; i < d->n; i++) {
        const struct diag *g = &d->items[i];
        jo_object(&o);
        jo_kv_cstr(&o, "code", g->code);
        jo_kv_cstr(&o, "level", g->level == DIAG_ERROR ? "error" : "warning");
        jo_kv_cstr(&o, "message", g->message);
        jo_kv_cstr(&o, "label", g->label);
        jo_kv_cstr(&o, "file", d->path);
        write_place(&o, g);
        jo_key(&o, "notes");
        jo_array(&o);
        for (size_t k = 0; k < g->note_n; k++) {
            jo_object(&o);
            jo_kv_cstr(&o, "kind", g->notes[k].kind);
            jo_kv_cstr(&o, "text", g->notes[k].text);
            jo_object_end(&o);
        }
        jo_array_end(&o);
        jo_object_end(&o);
    }
    jo_array_end(&o);
    buf_putc(out, '\n');
}

/* Percent, newline and, in properties, colon and comma are escaped as workflow commands want it. */
static void put_escaped(struct buf *out, const char *z, int property)
{
    for (; *z; z++) {
        if (*z == '%' || *z == '\n' || *z == '\r' || (property && (*z == ':' || *z == ',')))
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*z);
        else
            buf_putc(out, *z);
    }
}

static void write_github(const struct diags *d, struct buf *out)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct diag *g = &d->items[i];
        buf_printf(out, "::%s file=", g->level == DIAG_ERROR ? "error" : "warning");
        put_escaped(out, d->path, 1);
        buf_printf(out, ",line=%d,col=%d,endColumn=%d,title=%s::", MAX(g->place.line, 1),
                   MAX(g->place.column, 1), MAX(g->place.column, 1) + g->place.length, g->code);
        put_escaped(out, g->message, 0);
        if (g->label) {
            buf_puts(out, " – ");
            put_escaped(out, g->label, 0);
        }
        buf_putc(out, '\n');
    }
}

void diags_write(const struct diags *d, enum diag_format how, int color, struct buf *out)
{
    switch (how) {
    case DIAG_TEXT: write_text(d, color, out); break;
    case DIAG_JSON: write_json(d, out); break;
    case DIAG_GITHUB: write_github(d, out); break;
    }
}

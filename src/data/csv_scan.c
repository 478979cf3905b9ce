/* SPDX-License-Identifier: Apache-2.0
 * The record scanner: RFC 4180 with any delimiter, LF, CRLF or CR line ends, quotes doubled inside
 * quotes. It never fails on content: what is wrong stands in record.defect. */
#include "data/csv_int.h"

#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#include "base/mem.h"

enum { BLOCK = 1 << 16, END = -1 };

void csv_record_init(struct csv_record *r)
{
    *r = (struct csv_record){ 0 };
    buf_init(&r->text, CSV_LINE_MAX);
}

void csv_record_fini(struct csv_record *r)
{
    buf_fini(&r->text);
    mem_free(r->ends);
    mem_free(r->was_quoted);
}

str_t csv_record_field(const struct csv_record *r, size_t i)
{
    size_t from = i ? r->ends[i - 1] : 0;
    return (str_t){ r->text.p ? r->text.p + from : "", r->ends[i] - from };
}

void csv_scan_memory(struct csv_scan *s, str_t bytes, char delimiter, char quote,
                     struct csv_record *r)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    *s = (struct csv_scan){ .p = p,
                            .end = p ? p + bytes.n : p,
                            .delimiter = delimiter,
                            .quote = quote,
                            .line = 1,
                            .r = r };
}

static void skip_mark(struct csv_scan *s)
{
    if (s->end - s->p >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
        s->p += 3;
}

static void refill(struct csv_scan *s)
{
    int n = s->gz ? gzread((gzFile)s->gz, s->block, BLOCK) : 0;
    if (n <= 0) {
        s->at_end = 1;
        return;
    }
    s->p = s->block;
    s->end = s->block + n;
}

int csv_scan_open(struct csv_scan *s, const char *path, char delimiter, char quote,
                  struct csv_record *r, struct err *err)
{
    csv_scan_memory(s, STR(""), delimiter, quote, r);
    s->gz = gzopen(path, "rbe");
    if (!s->gz)
        return ERR_SYS(err, "cannot open '%s'", path);
    s->block = mem_alloc(BLOCK);
    refill(s);
    skip_mark(s);
    return 0;
}

void csv_scan_close(struct csv_scan *s)
{
    if (s->gz)
        (void)gzclose((gzFile)s->gz);
    mem_free(s->block);
    s->gz = NULL;
    s->block = NULL;
}

static int peek(struct csv_scan *s)
{
    if (s->p == s->end && !s->at_end)
        refill(s);
    return s->p < s->end ? *s->p : END;
}

static int end_field(struct csv_record *r, int quoted)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        if (r->cap > LIMIT_CSV_COLUMNS)
            return ERR_LIMIT;
        size_t *ends = mem_try_realloc(r->ends, cap, sizeof *ends);
        if (!ends)
            return ERR_NOMEM;
        r->ends = ends;
        uint8_t *flags = mem_try_realloc(r->was_quoted, cap, 1);
        if (!flags)
            return ERR_NOMEM;
        r->was_quoted = flags;
        r->cap = cap;
    }
    r->ends[r->n] = r->text.n;
    r->was_quoted[r->n++] = (uint8_t)quoted;
    return 0;
}

/* After the opening quote; leaves p behind the closing one. */
static void quoted_part(struct csv_scan *s)
{
    for (;;) {
        int c = peek(s);
        if (c == END) {
            s->r->defect = "a quote is opened and never closed";
            return;
        }
        s->p++;
        if (c == '\n')
            s->line++;
        if (c == (unsigned char)s->quote) {
            if (peek(s) != (unsigned char)s->quote)
                return;
            s->p++;
        }
        buf_putc(&s->r->text, (char)c);
    }
}

/* Consumes a line end; 0 when there is none here. */
static int line_end(struct csv_scan *s)
{
    int c = peek(s);
    if (c != '\n' && c != '\r')
        return 0;
    s->p++;
    s->line++;
    s->r->newline = c == '\n' ? CSV_NL_LF : CSV_NL_CR;
    if (c == '\r' && peek(s) == '\n') {
        s->p++;
        s->r->newline = CSV_NL_CRLF;
    }
    return 1;
}

/* One field; 1 when another follows, 0 when the record has ended. */
static int one_field(struct csv_scan *s)
{
    struct csv_record *r = s->r;
    int quoted = s->quote && peek(s) == (unsigned char)s->quote;
    if (quoted) {
        s->p++;
        quoted_part(s);
    }
    for (;;) {
        int c = peek(s);
        if (c == (unsigned char)s->delimiter) {
            s->p++;
            int rc = end_field(r, quoted);
            return rc ? rc : 1;
        }
        if (c == END || line_end(s))
            return end_field(r, quoted);
        if (quoted && !r->defect)
            r->defect = "there is text after a closing quote";
        s->p++;
        buf_putc(&r->text, (char)c);
    }
}

int csv_scan_next(struct csv_scan *s)
{
    struct csv_record *r = s->r;
    int more;
    if (peek(s) == END)
        return 0;
    r->n = 0;
    r->defect = NULL;
    r->newline = CSV_NL_NONE;
    r->line = s->line;
    buf_clear(&r->text);
    while ((more = one_field(s)) == 1)
        ;
    if (more < 0)
        return more;
    if (r->text.failed)
        r->defect = "this line is longer than 2 MB; is a closing quote missing?";
    return 1;
}

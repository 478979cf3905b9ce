/* SPDX-License-Identifier: Apache-2.0
 * The dialect from the head of a file, and the exact line of what is wrong with one.
 *
 * Delimiter: of comma, semicolon, tab and bar the one that cuts the first record into two or more
 * fields and most of the following into equally many. Quote: the double quote, but none in tab and
 * bar files where quotes are evidently plain text. Header: the first record, unless a cell of it is
 * a number. */
#include "data/csv_int.h"

#include <stdio.h>
#include <zlib.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/num.h"

static const char candidates[] = { ',', ';', '\t', '|' };

static const char *delimiter_name(char c)
{
    return c == ','    ? "comma"
           : c == ';'  ? "semicolon"
           : c == '\t' ? "tab"
           : c == '|'  ? "bar"
                       : "delimiter";
}

static int read_start(const char *path, char *out, size_t room, size_t *out_n, struct err *err)
{
    gzFile gz = gzopen(path, "rbe");
    if (!gz)
        return ERR_SYS(err, "cannot open '%s'", path);
    size_t n = 0;
    int got;
    while (n < room && (got = gzread(gz, out + n, (unsigned)(room - n))) > 0)
        n += (size_t)got;
    int bad = 0;
    const char *why = gzerror(gz, &bad);
    int rc = bad < 0 ? ERR(err, ERR_CORRUPT, "cannot read '%s': %s", path,
                           bad == Z_ERRNO ? "input/output error" : why)
                     : 0;
    (void)gzclose(gz);
    *out_n = n;
    return rc;
}

int csv_head_read(struct arena *a, const char *path, const char *shown, struct csv_head *out,
                  struct err *err)
{
    char *bytes = arena_try_alloc(a, CSV_HEAD_BYTES, 1);
    size_t n = 0;
    if (!bytes)
        return ERR(err, ERR_NOMEM, "no memory to look at '%s'", shown);
    int rc = read_start(path, bytes, CSV_HEAD_BYTES, &n, err);
    if (rc)
        return rc;
    if (n >= 2 &&
        ((bytes[0] == '\xff' && bytes[1] == '\xfe') || (bytes[0] == '\xfe' && bytes[1] == '\xff')))
        return ERR(err, ERR_INVALID, "'%s' is UTF-16; convert it: iconv -f utf-16 -t utf-8", shown);
    int bom = n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0;
    if (n && memchr(bytes, 0, MIN(n, (size_t)4096)))
        return ERR(err, ERR_INVALID, "'%s' is no text file: it holds zero bytes", shown);
    *out =
        (struct csv_head){ { bytes + (bom ? 3 : 0), n - (bom ? 3 : 0) }, n < CSV_HEAD_BYTES, bom };
    if (out->bytes.n == 0)
        return ERR(err, ERR_INVALID, "'%s' is empty; a CSV file needs a header line and rows",
                   shown);
    return 0;
}

struct guess {
    size_t fields; /* of the first record */
    size_t records;
    size_t equal; /* records with as many fields as the first */
    size_t defects;
    enum csv_newline newline;
};

static int measure(const struct csv_head *head, char delimiter, char quote, struct guess *g)
{
    struct csv_record r;
    struct csv_scan s;
    int rc;
    *g = (struct guess){ 0 };
    csv_record_init(&r);
    csv_scan_memory(&s, head->bytes, delimiter, quote, &r);
    while (g->records < CSV_HEAD_RECORDS && (rc = csv_scan_next(&s)) == 1) {
        if (!head->whole && s.p == s.end && g->records)
            break; /* cut by the end of the head */
        if (r.n == 1 && csv_record_field(&r, 0).n == 0 && !r.was_quoted[0] && g->records)
            continue; /* a blank line */
        if (g->records++ == 0) {
            g->fields = r.n;
            g->newline = r.newline;
        }
        g->equal += r.n == g->fields;
        g->defects += r.defect != NULL;
    }
    csv_record_fini(&r);
    return 0;
}

static double score(const struct guess *g)
{
    return g->fields >= 2 && g->records
               ? (double)(g->equal - MIN(g->equal, g->defects)) / (double)g->records
               : 0;
}

static void choose(const struct csv_head *head, const struct csv_source *source,
                   struct csv_dialect *d, struct guess *best)
{
    size_t n = source->delimiter ? 1 : sizeof candidates;
    *best = (struct guess){ 0 };
    d->delimiter = 0;
    for (size_t i = 0; i < n; i++) {
        char c = source->delimiter ? source->delimiter : candidates[i];
        char quote = source->quote ? source->quote : '"';
        struct guess g, plain;
        IGNORE(measure(head, c, quote, &g));
        if (!source->quote && (c == '\t' || c == '|')) {
            IGNORE(measure(head, c, 0, &plain));
            if (score(&plain) > score(&g)) {
                g = plain;
                quote = 0;
            }
        }
        if (d->delimiter &&
            (score(&g) < score(best) || (score(&g) == score(best) && g.fields <= best->fields)))
            continue;
        *best = g;
        d->delimiter = c;
        d->quote = d->escape = quote;
    }
}

static int is_number(str_t s)
{
    double v;
    return s.n && parse_double(str_trim(s), &v) == 0;
}

static int check_name(const struct csv_record *r, size_t i, const char *shown, char delimiter,
                      struct err *err)
{
    str_t name = csv_record_field(r, i);
    if (str_trim(name).n == 0) {
        if (i + 1 == r->n && r->n > 1)
            return ERR(err, ERR_INVALID,
                       "'%s': the header line ends with a %s, so column %zu has no name; remove it "
                       "or name the column",
                       shown, delimiter_name(delimiter), i + 1);
        return ERR(err, ERR_INVALID, "'%s': column %zu has no name in the header line%s", shown,
                   i + 1, i == 0 ? " (pandas writes such a column unless index=False)" : "");
    }
    if (name.n > CSV_NAME_MAX)
        return ERR(err, ERR_INVALID,
                   "'%s': the name of column %zu has %zu bytes, at most %d are allowed; is the "
                   "header line missing?",
                   shown, i + 1, name.n, CSV_NAME_MAX);
    if (!str_is_utf8(name))
        return ERR(err, ERR_INVALID,
                   "'%s': the name of column %zu is not UTF-8 text; convert the file: iconv -f "
                   "latin1 -t utf-8",
                   shown, i + 1);
    for (size_t k = 0; k < i; k++)
        if (str_eq(csv_record_field(r, k), name))
            return ERR(
                err, ERR_INVALID,
                "'%s': columns %zu and %zu are both named '%.*s'; give one of them another name",
                shown, k + 1, i + 1, STR_ARG(name));
    return 0;
}

static int take_names(struct arena *a, const struct csv_record *r, const char *shown,
                      struct csv_dialect *d, struct err *err)
{
    if (r->n > LIMIT_CSV_COLUMNS)
        return ERR(err, ERR_LIMIT, "'%s' has more than %d columns", shown, LIMIT_CSV_COLUMNS);
    d->columns = ARENA_TRY_ARRAY(a, r->n, struct csv_column);
    d->column_n = r->n;
    if (!d->columns)
        return ERR(err, ERR_NOMEM, "no memory for %zu columns", r->n);
    for (size_t i = 0; i < r->n; i++) {
        str_t name = csv_record_field(r, i);
        int rc = d->header ? check_name(r, i, shown, d->delimiter, err) : 0;
        if (rc)
            return rc;
        d->columns[i].name =
            d->header ? arena_strndup(a, name.p, name.n) : arena_printf(a, "column%zu", i + 1);
        d->columns[i].sql_type = "VARCHAR";
    }
    return 0;
}

static int decide_header(const struct csv_record *r, int wish)
{
    if (wish >= 0)
        return wish;
    for (size_t i = 0; i < r->n; i++)
        if (is_number(csv_record_field(r, i)))
            return 0;
    return 1;
}

int csv_head_dialect(struct arena *a, const struct csv_head *head, const struct csv_source *source,
                     struct csv_dialect *out, struct err *err)
{
    static const char *const newlines[] = { "", "\\n", "\\r\\n", "\\r" };
    struct guess best;
    struct csv_record r;
    struct csv_scan s;
    struct csv_dialect d = { .date_format = "", .time_format = "", .bom = head->bom };
    choose(head, source, &d, &best);
    if (best.fields < 2 && !source->delimiter)
        d.delimiter = ',';
    d.newline = newlines[best.newline];
    csv_record_init(&r);
    csv_scan_memory(&s, head->bytes, d.delimiter, d.quote, &r);
    int rc = csv_scan_next(&s) == 1
                 ? 0
                 : ERR(err, ERR_LIMIT, "'%s': the first line has more than %d fields", source->path,
                       LIMIT_CSV_COLUMNS);
    if (rc == 0 && r.defect)
        rc = ERR(err, ERR_INVALID, "%s:%zu: %s", source->path, r.line, r.defect);
    if (rc == 0 && r.n == 1 && csv_record_field(&r, 0).n == 0)
        rc = ERR(err, ERR_INVALID,
                 "%s:1: the first line is blank; a CSV file starts with its header line",
                 source->path);
    d.header = rc == 0 ? decide_header(&r, source->header) : 0;
    if (rc == 0)
        rc = take_names(a, &r, source->path, &d, err);
    csv_record_fini(&r);
    if (rc == 0)
        *out = d;
    return rc;
}

static const char *newline_name(enum csv_newline n)
{
    return n == CSV_NL_LF ? "LF" : n == CSV_NL_CRLF ? "CRLF" : "CR";
}

static int bad_utf8(const struct csv_record *r)
{
    return !str_is_utf8(buf_view(&r->text));
}

static int explain_record(const struct csv_record *r, const char *shown,
                          const struct csv_dialect *d, size_t first_line, enum csv_newline newline,
                          struct err *err)
{
    if (r->defect)
        return ERR(err, ERR_INVALID, "%s:%zu: %s%s", shown, r->line, r->defect,
                   d->quote ? "; if quotes are plain text in this file, name another `quote` "
                              "character for the source"
                            : "");
    if (bad_utf8(r))
        return ERR(err, ERR_INVALID,
                   "%s:%zu: this line is not UTF-8; convert the file: iconv -f latin1 -t utf-8",
                   shown, r->line);
    if (r->n != d->column_n && !(r->n == 1 && r->text.n == 0))
        return ERR(
            err, ERR_INVALID,
            "%s:%zu: this line has %zu fields, the %s has %zu (fields are separated by a %s)",
            shown, r->line, r->n, d->header ? "header" : "first line", d->column_n,
            delimiter_name(d->delimiter));
    if (r->newline != CSV_NL_NONE && r->newline != newline)
        return ERR(
            err, ERR_INVALID,
            "%s:%zu: this line ends with %s, line %zu with %s; use one kind: sed -i 's/\\r$//' %s",
            shown, r->line, newline_name(r->newline), first_line, newline_name(newline), shown);
    return 0;
}

int csv_explain(const char *path, const char *shown, const struct csv_dialect *d, struct err *err)
{
    struct csv_record r;
    struct csv_scan s;
    enum csv_newline newline = CSV_NL_NONE;
    size_t first_line = 1;
    csv_record_init(&r);
    int more, rc = csv_scan_open(&s, path, d->delimiter, d->quote, &r, err);
    while (rc == 0 && (more = csv_scan_next(&s)) != 0) {
        if (more < 0) {
            rc = ERR(err, ERR_LIMIT, "%s:%zu: this line has more than %d fields", shown, r.line,
                     LIMIT_CSV_COLUMNS);
            break;
        }
        if (newline == CSV_NL_NONE) {
            newline = r.newline;
            first_line = r.line;
        }
        rc = explain_record(&r, shown, d, first_line, newline, err);
    }
    csv_scan_close(&s);
    csv_record_fini(&r);
    return rc;
}

size_t csv_find_value(const char *path, const struct csv_dialect *d, size_t column, str_t value)
{
    struct csv_record r;
    struct csv_scan s;
    size_t line = 0;
    int skip = d->header;
    csv_record_init(&r);
    int rc = csv_scan_open(&s, path, d->delimiter, d->quote, &r, NULL);
    while (rc == 0 && csv_scan_next(&s) == 1) {
        if (!skip && r.n > column && str_eq(csv_record_field(&r, column), value)) {
            line = r.line;
            break;
        }
        skip = 0;
    }
    csv_scan_close(&s);
    csv_record_fini(&r);
    return line;
}

/* SPDX-License-Identifier: Apache-2.0
 * Reading rows; see rows.h. The CSV reader knows quotes, doubled quotes and line breaks in them;
 * numbers are numbers unless the signature says string, an empty cell is null. */
#include "cli/rows.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/num.h"

static int read_stdin(struct cli *c, str_t *out, struct err *err)
{
    struct buf b;
    int rc = 0;
    buf_init(&b, LIMIT_BODY_PREDICT);
    for (;;) {
        char *to = buf_reserve(&b, KIB(64));
        if (!to) {
            rc = ERR(err, ERR_LIMIT, "standard input is larger than %zu bytes", b.max_bytes);
            break;
        }
        ssize_t n = read(STDIN_FILENO, to, KIB(64));
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR) {
            rc = ERR_SYS(err, "cannot read standard input");
            break;
        }
        b.n += n > 0 ? (size_t)n : 0;
    }
    *out = arena_str(&c->arena, buf_view(&b));
    buf_fini(&b);
    return rc;
}

static int looks_like_json(str_t s)
{
    s = str_trim(s);
    return s.n && (s.p[0] == '{' || s.p[0] == '[');
}

static int read_source(struct cli *c, const char *source, str_t *out, struct err *err)
{
    if (strcmp(source, "-") == 0)
        return read_stdin(c, out, err);
    if (looks_like_json(str_of(source))) {
        *out = str_of(source);
        return 0;
    }
    int rc = fs_read(&c->arena, source, LIMIT_BODY_PREDICT, out, err);
    if (rc == ERR_NOT_FOUND)
        return ERR(err, ERR_NOT_FOUND, "'%.200s' is neither JSON nor a file", source);
    return rc;
}

/* ---- CSV ---- */

struct csv {
    struct cli *c;
    str_t text;
    size_t at;
    int line;
};

/* Next cell; *out_last = 1 at the end of a record. 0, or ERR_INVALID. */
static int csv_cell(struct csv *v, str_t *out, int *out_quoted, int *out_last, struct err *err)
{
    struct buf b;
    int rc = 0;
    buf_init(&b, MIB(4));
    *out_quoted = v->at < v->text.n && v->text.p[v->at] == '"';
    size_t open_line = (size_t)v->line;
    if (*out_quoted) {
        for (v->at++;; v->at++) {
            if (v->at >= v->text.n) {
                rc = ERR(err, ERR_INVALID, "CSV line %zu: a quote is not closed", open_line);
                break;
            }
            char ch = v->text.p[v->at];
            if (ch == '"' && !(v->at + 1 < v->text.n && v->text.p[v->at + 1] == '"')) {
                v->at++;
                break;
            }
            v->at += ch == '"';
            v->line += ch == '\n';
            buf_putc(&b, ch);
        }
    }
    while (!rc && v->at < v->text.n && v->text.p[v->at] != ',' && v->text.p[v->at] != '\n')
        buf_putc(&b, v->text.p[v->at++]);
    if (b.n && b.p[b.n - 1] == '\r')
        b.n--;
    *out_last = v->at >= v->text.n || v->text.p[v->at] == '\n';
    v->line += v->at < v->text.n && v->text.p[v->at] == '\n';
    v->at += v->at < v->text.n;
    if (!rc && b.failed)
        rc = ERR(err, ERR_LIMIT, "CSV line %d: a cell is larger than %zu bytes", v->line,
                 b.max_bytes);
    *out = arena_str(&v->c->arena, b.p ? (str_t){ b.p, b.n } : STR(""));
    buf_fini(&b);
    return rc;
}

static int csv_header(struct csv *v, str_t *names, size_t *out_n, struct err *err)
{
    int quoted, last = 0;
    *out_n = 0;
    while (!last) {
        if (*out_n == LIMIT_MODEL_COLUMNS)
            return ERR(err, ERR_LIMIT, "the CSV file has more than %d columns",
                       LIMIT_MODEL_COLUMNS);
        int rc = csv_cell(v, &names[*out_n], &quoted, &last, err);
        if (rc)
            return rc;
        names[*out_n] = str_trim(names[*out_n]);
        (*out_n)++;
    }
    return 0;
}

static int column_is_text(const struct json *signature, str_t name)
{
    const struct json *inputs = json_get(signature, "inputs");
    for (size_t i = 0; inputs && i < inputs->n; i++)
        if (str_is(name, json_get_string(&inputs->items[i], "name", "")))
            return strcmp(json_get_string(&inputs->items[i], "type", ""), "string") == 0;
    return 0;
}

static void put_cell(struct json_out *o, str_t cell, int quoted, int text)
{
    double number;
    if (text && (cell.n || quoted))
        jo_str(o, cell);
    else if (cell.n == 0)
        jo_null(o);
    else if (parse_double(str_trim(cell), &number) == 0)
        jo_double(o, number);
    else if (str_is(cell, "true") || str_is(cell, "false"))
        jo_bool(o, cell.p[0] == 't');
    else
        jo_str(o, cell);
}

static int csv_body(struct cli *c, str_t text, const struct json *signature, struct json_out *o,
                    struct err *err)
{
    struct csv v = { .c = c, .text = text, .line = 1 };
    size_t n;
    str_t *names = ARENA_TRY_ARRAY(&c->arena, LIMIT_MODEL_COLUMNS, str_t);
    if (str_starts(text, "\xef\xbb\xbf"))
        v.at = 3;
    int rc = names ? csv_header(&v, names, &n, err) : ERR(err, ERR_NOMEM, "out of memory");
    while (!rc && v.at < text.n) {
        struct arena_mark mark = arena_snapshot(&c->arena);
        int last = 0, line = v.line;
        size_t k = 0;
        if (text.p[v.at] == '\n' || text.p[v.at] == '\r') { /* blank line */
            v.line += text.p[v.at] == '\n';
            v.at++;
            continue;
        }
        jo_object(o);
        while (!rc && !last) {
            str_t cell;
            int quoted;
            rc = csv_cell(&v, &cell, &quoted, &last, err);
            if (!rc && k == n)
                rc = ERR(err, ERR_INVALID, "CSV line %d has more than the %zu cells of its header",
                         line, n);
            if (rc)
                break;
            jo_key_str(o, names[k]);
            put_cell(o, cell, quoted, column_is_text(signature, names[k]));
            k++;
        }
        if (!rc && k < n)
            rc = ERR(err, ERR_INVALID, "CSV line %d has %zu cells, its header has %zu", line, k, n);
        jo_object_end(o);
        arena_restore(&c->arena, mark);
    }
    return rc;
}

/* ---- JSON ---- */

static int is_whole_body(const struct json *v)
{
    static const char *const keys[] = { "instances", "inputs", "dataframe_split",
                                        "dataframe_records" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_get(v, keys[i]))
            return 1;
    return 0;
}

int rows_body(struct cli *c, const char *source, const struct json *signature, struct buf *out,
              struct err *err)
{
    static const struct json_options options = { .allow_nan = 1 };
    struct json_out o;
    struct json v;
    str_t text;
    int rc = read_source(c, source, &text, err);
    if (rc)
        return rc;
    if (str_trim(text).n == 0)
        return ERR(err, ERR_INVALID, "'%.200s' holds no rows", source);
    if (!str_is_utf8(text))
        return ERR(err, ERR_INVALID, "'%.200s' is not UTF-8 text", source);
    json_out_init(&o, out);
    o.nan_as_string = 0;
    if (looks_like_json(text)) {
        rc = json_parse(&c->arena, text, &options, &v, err);
        if (rc)
            return rc;
        if (v.type == JSON_OBJECT && is_whole_body(&v)) {
            jo_value(&o, &v);
            return 0;
        }
    }
    jo_object(&o);
    jo_key(&o, "instances");
    if (!looks_like_json(text)) {
        jo_array(&o);
        rc = csv_body(c, text, signature, &o, err);
        jo_array_end(&o);
    } else if (v.type == JSON_OBJECT) {
        jo_array(&o);
        jo_value(&o, &v);
        jo_array_end(&o);
    } else {
        jo_value(&o, &v);
    }
    jo_object_end(&o);
    if (!rc && out->failed)
        rc = ERR(err, ERR_LIMIT, "the rows take more than %zu bytes; send them in parts",
                 out->max_bytes);
    return rc;
}

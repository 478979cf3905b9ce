/* SPDX-License-Identifier: Apache-2.0
 * The output formats. Tables fit the terminal (CJK counts two columns) and are whole when piped;
 * csv, tsv and md hold every column; json keys are the API's. */
#include "cli/output.h"

#include "cli/term.h"

enum { COLUMN_MIN = 6 };

/* ---- grids for people ---- */

static int kind_is_number(enum cell_kind k)
{
    return k == CELL_NUMBER || k == CELL_INT || k == CELL_BYTES || k == CELL_DURATION;
}

/* Writes text cut to `room` columns, "…" as the last one when cut; returns the columns taken. */
static size_t put_cut(struct buf *to, const char *text, size_t room)
{
    str_t s = str_of(text);
    size_t width = str_width(s), at = 0, taken = 0;
    if (width <= room) {
        buf_str(to, s);
        return width;
    }
    while (at < s.n) {
        size_t n = 1;
        while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80)
            n++;
        size_t w = str_width((str_t){ s.p + at, n });
        if (taken + w + 1 > room)
            break;
        buf_put(to, s.p + at, n);
        taken += w;
        at += n;
    }
    buf_puts(to, "…");
    return taken + 1;
}

static enum paint state_paint(const char *text)
{
    static const struct {
        const char *word;
        enum paint paint;
    } words[] = {
        { "FINISHED", PAINT_GREEN }, { "ready", PAINT_GREEN },
        { "ok", PAINT_GREEN },       { "success", PAINT_GREEN },
        { "passed", PAINT_GREEN },   { "✓", PAINT_GREEN },
        { "FAILED", PAINT_RED },     { "failed", PAINT_RED },
        { "✗", PAINT_RED },          { "KILLED", PAINT_YELLOW },
        { "!", PAINT_YELLOW },       { "RUNNING", PAINT_CYAN },
        { "loading", PAINT_CYAN },   { "not_served", PAINT_YELLOW },
        { "skipped", PAINT_DIM },    { "drifted", PAINT_RED },
        { "warning", PAINT_YELLOW }, { "insufficient_data", PAINT_DIM },
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, text) == 0)
            return words[i].paint;
    return PAINT_NONE;
}

/* Takes from the widest text column until the row fits. */
static void fit_widths(size_t *width, const struct out_grid *g, size_t room)
{
    for (;;) {
        size_t total = g->indent ? strlen(g->indent) : 0, widest = SIZE_MAX;
        for (size_t j = 0; j < g->columns; j++) {
            total += width[j] + (j ? 2 : 0);
            int cuttable = (!g->kinds || !kind_is_number(g->kinds[j])) && width[j] > COLUMN_MIN;
            if (cuttable && (widest == SIZE_MAX || width[j] > width[widest]))
                widest = j;
        }
        if (total <= room || widest == SIZE_MAX)
            return;
        width[widest] -= MIN(total - room, width[widest] - COLUMN_MIN) > 4 ? 4 : 1;
    }
}

static void put_row(struct cli *c, const struct out_grid *g, const size_t *width, size_t row)
{
    struct buf line;
    buf_init(&line, MIB(1));
    buf_puts(&line, g->indent ? g->indent : "");
    for (size_t j = 0; j < g->columns; j++) {
        const char *text = g->cells[row * g->columns + j];
        enum cell_kind kind = g->kinds ? g->kinds[j] : CELL_TEXT;
        enum paint paint = row == 0             ? PAINT_DIM
                           : kind == CELL_STATE ? state_paint(text)
                                                : PAINT_NONE;
        int last = j + 1 == g->columns;
        size_t pad = width[j] - MIN(width[j], str_width(str_of(text)));
        for (size_t k = 0; kind_is_number(kind) && k < pad; k++)
            buf_putc(&line, ' ');
        buf_puts(&line, paint != PAINT_NONE ? term_on(c, 0, paint) : "");
        size_t taken = put_cut(&line, text, width[j]);
        buf_puts(&line, paint != PAINT_NONE ? term_off(c, 0) : "");
        for (size_t k = taken; !last && !kind_is_number(kind) && k < width[j]; k++)
            buf_putc(&line, ' ');
        if (!last)
            buf_puts(&line, "  ");
    }
    while (line.n && line.p[line.n - 1] == ' ')
        line.p[--line.n] = '\0';
    buf_str(&c->out, buf_view(&line));
    buf_putc(&c->out, '\n');
    buf_fini(&line);
}

void out_grid(struct cli *c, const struct out_grid *g)
{
    size_t *width = ARENA_TRY_ARRAY(&c->arena, g->columns, size_t);
    if (!width)
        return;
    for (size_t i = 0; i < g->rows * g->columns; i++) {
        struct buf safe;
        buf_init(&safe, MIB(1));
        term_safe(&safe, str_of(g->cells[i]));
        g->cells[i] = safe.n ? arena_strndup(&c->arena, safe.p, safe.n) : "";
        buf_fini(&safe);
        if (!g->cells[i])
            return; /* past the arena's cap: reported at the end */
        width[i % g->columns] = MAX(width[i % g->columns], str_width(str_of(g->cells[i])));
    }
    if (c->width && c->format == FORMAT_TABLE)
        fit_widths(width, g, (size_t)c->width);
    for (size_t i = 0; i < g->rows; i++)
        put_row(c, g, width, i);
}

/* ---- formats for files ---- */

static void put_csv(struct buf *to, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_puts(to, text);
        return;
    }
    buf_putc(to, '"');
    for (; *text; text++) {
        if (*text == '"')
            buf_putc(to, '"');
        buf_putc(to, *text);
    }
    buf_putc(to, '"');
}

static void put_escaped(struct buf *to, const char *text, enum cli_format format)
{
    for (; *text; text++) {
        if (format == FORMAT_MD && *text == '|')
            buf_puts(to, "\\|");
        else if (*text == '\t' || *text == '\n' || *text == '\r')
            buf_putc(to, ' ');
        else
            buf_putc(to, *text);
    }
}

static void put_record(struct cli *c, const char *const *cells, size_t n)
{
    struct buf *to = &c->out;
    for (size_t j = 0; j < n; j++) {
        if (c->format == FORMAT_MD)
            buf_puts(to, j ? " | " : "| ");
        else if (j)
            buf_putc(to, c->format == FORMAT_CSV ? ',' : '\t');
        if (c->format == FORMAT_CSV)
            put_csv(to, cells[j]);
        else
            put_escaped(to, cells[j], c->format);
    }
    buf_puts(to, c->format == FORMAT_MD ? " |\n" : "\n");
}

static void put_md_rule(struct cli *c, const struct cli_column *cols, size_t n)
{
    for (size_t j = 0; j < n; j++)
        buf_puts(&c->out, kind_is_number(cols[j].kind) ? "|--:" : "|---");
    buf_puts(&c->out, "|\n");
}

/* ---- json ---- */

static int fields_split(struct cli *c, const char ***out, size_t *out_n)
{
    size_t n = 1, k = 0;
    for (const char *p = c->fields; *p; p++)
        n += *p == ',';
    const char **names = ARENA_TRY_ARRAY(&c->arena, n, const char *);
    if (!names)
        return ERR_NOMEM;
    str_t rest = str_of(c->fields), one;
    while (rest.n) {
        str_t left = rest;
        if (!str_cut(left, ',', &one, &rest)) {
            one = left;
            rest = (str_t){ 0 };
        }
        if (one.n)
            names[k++] = arena_strndup(&c->arena, one.p, one.n);
    }
    *out = names;
    *out_n = k;
    return 0;
}

static int field_unknown(struct cli *c, const struct json *v, const char *name, struct err *err)
{
    struct buf list;
    buf_init(&list, 4096);
    const char *near = NULL;
    if (v->type == JSON_OBJECT) {
        const char **keys = ARENA_TRY_ARRAY(&c->arena, v->n + 1, const char *);
        for (size_t i = 0; keys && i < v->n; i++) {
            keys[i] = arena_strndup(&c->arena, v->members[i].key.p, v->members[i].key.n);
            buf_printf(&list, "%s%s", i ? ", " : "", keys[i] ? keys[i] : "");
        }
        near = keys ? str_nearest(str_of(name), keys, v->n) : NULL;
    }
    cli_hint(c, "fields: %s", list.p ? list.p : "none");
    buf_fini(&list);
    return ERR(err, ERR_INVALID, "no field '%s' in the answer%s%s%s", name,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int put_json_fields(struct cli *c, struct json_out *o, const struct json *v, struct err *err)
{
    const char **names;
    size_t n;
    if (!c->fields) {
        jo_value(o, v);
        return 0;
    }
    if (fields_split(c, &names, &n) != 0)
        return ERR(err, ERR_NOMEM, "out of memory");
    jo_object(o);
    for (size_t i = 0; i < n; i++) {
        const struct json *x = out_path(v, names[i]);
        if (!x)
            return field_unknown(c, v, names[i], err);
        jo_key(o, names[i]);
        jo_value(o, x);
    }
    jo_object_end(o);
    return 0;
}

static int put_json(struct cli *c, const struct json *v, int is_list, struct err *err)
{
    struct json_out o;
    json_out_init(&o, &c->out);
    int rc = 0;
    if (c->format == FORMAT_JSON)
        o.indent = 2;
    if (is_list && c->format == FORMAT_JSON)
        jo_array(&o);
    for (size_t i = 0; i < (is_list ? v->n : 1) && !rc; i++) {
        rc = put_json_fields(c, &o, is_list ? &v->items[i] : v, err);
        if (c->format == FORMAT_JSONL) {
            buf_putc(&c->out, '\n');
            json_out_init(&o, &c->out);
        }
    }
    if (rc) {
        buf_clear(&c->out);
        return rc;
    }
    if (is_list && c->format == FORMAT_JSON)
        jo_array_end(&o);
    if (c->format == FORMAT_JSON)
        buf_putc(&c->out, '\n');
    return 0;
}

static int put_field(struct cli *c, const struct json *v, struct err *err)
{
    const struct json *x = out_path(v, c->field);
    if (!x)
        return field_unknown(c, v, c->field, err);
    if (x->type == JSON_STRING) {
        buf_str(&c->out, x->string);
    } else {
        struct json_out o;
        json_out_init(&o, &c->out);
        jo_value(&o, x);
    }
    buf_putc(&c->out, '\n');
    return 0;
}

/* "model/{name}:{version}" with the values of v. */
static void put_name(struct cli *c, const struct json *v)
{
    const char *p = c->command->ref ? c->command->ref : "{name}";
    while (*p) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (!end) {
            buf_putc(&c->out, *p++);
            continue;
        }
        const char *path = arena_strndup(&c->arena, p + 1, (size_t)(end - p - 1));
        buf_puts(&c->out, out_cell(c, out_path(v, path ? path : ""), CELL_TEXT, 0));
        p = end + 1;
    }
    buf_putc(&c->out, '\n');
}

/* ---- the two entries ---- */

static int list_files(struct cli *c, const struct json *items, const struct cli_column *cols,
                      size_t n)
{
    const char **cells = ARENA_TRY_ARRAY(&c->arena, n + 1, const char *);
    if (!cells)
        return ERR_NOMEM;
    for (size_t j = 0; j < n; j++)
        cells[j] = cols[j].path;
    if (!c->plain)
        put_record(c, cells, n);
    if (c->format == FORMAT_MD)
        put_md_rule(c, cols, n);
    for (size_t i = 0; i < items->n; i++) {
        struct arena_mark mark = arena_snapshot(&c->arena);
        for (size_t j = 0; j < n; j++)
            cells[j] = out_cell(c, out_path(&items->items[i], cols[j].path), cols[j].kind,
                                c->format == FORMAT_MD);
        put_record(c, cells, n);
        arena_restore(&c->arena, mark);
    }
    return 0;
}

static int list_table(struct cli *c, const struct json *items, const struct cli_column *cols,
                      size_t n)
{
    const struct cli_column **shown = ARENA_TRY_ARRAY(&c->arena, n + 1, const struct cli_column *);
    enum cell_kind *kinds = ARENA_TRY_ARRAY(&c->arena, n + 1, enum cell_kind);
    size_t k = 0;
    if (!shown || !kinds)
        return ERR_NOMEM;
    for (size_t j = 0; j < n; j++)
        if (!cols[j].wide || c->format == FORMAT_WIDE) {
            kinds[k] = cols[j].kind;
            shown[k++] = &cols[j];
        }
    const char **cells = ARENA_TRY_ARRAY(&c->arena, (items->n + 1) * k, const char *);
    if (!cells)
        return ERR_NOMEM;
    for (size_t j = 0; j < k; j++)
        cells[j] = shown[j]->title;
    for (size_t i = 0; i < items->n; i++)
        for (size_t j = 0; j < k; j++)
            cells[(i + 1) * k + j] =
                out_cell(c, out_path(&items->items[i], shown[j]->path), shown[j]->kind, 1);
    struct out_grid g = { cells, items->n + 1, k, kinds, NULL };
    out_grid(c, &g);
    return 0;
}

int out_list(struct cli *c, const struct json *items, const struct cli_column *cols, size_t n,
             int more, struct err *err)
{
    if (!cols) {
        cols = c->command->columns;
        n = c->command->column_n;
    }
    int rc = 0;
    if (c->field) {
        for (size_t i = 0; i < items->n && !rc; i++)
            rc = put_field(c, &items->items[i], err);
        return rc;
    }
    switch (c->format) {
    case FORMAT_JSON:
    case FORMAT_JSONL: return put_json(c, items, 1, err);
    case FORMAT_NAME:
        for (size_t i = 0; i < items->n; i++)
            put_name(c, &items->items[i]);
        return 0;
    case FORMAT_TABLE:
    case FORMAT_WIDE: rc = list_table(c, items, cols, n); break;
    default: rc = list_files(c, items, cols, n); break;
    }
    if (rc)
        return ERR(err, ERR_NOMEM, "the list of %zu rows does not fit into memory; use -n",
                   items->n);
    if (more > 0)
        term_note(c, "… %d more, -n 0 for all", more);
    return 0;
}

int out_object(struct cli *c, const struct json *object,
               void (*human)(struct cli *c, const struct json *v), struct err *err)
{
    if (c->field)
        return put_field(c, object, err);
    if (c->format == FORMAT_JSON || c->format == FORMAT_JSONL)
        return put_json(c, object, 0, err);
    if (c->format == FORMAT_NAME) {
        put_name(c, object);
        return 0;
    }
    if ((c->format == FORMAT_TABLE || c->format == FORMAT_WIDE) && human) {
        human(c, object);
        return 0;
    }
    struct json *item = ARENA_NEW(&c->arena, struct json);
    *item = *object;
    struct json list = { .type = JSON_ARRAY, .n = 1, .items = item };
    return out_list(c, &list, NULL, 0, 0, err);
}

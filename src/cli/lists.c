/* SPDX-License-Identifier: Apache-2.0
 * Paging lists and comparison tables. */
#include "cli/lists.h"

#include <unistd.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/term.h"

enum { PAGE = 1000, LIST_MAX = 1000000 };

static int list_limit(struct cli *c, int64_t *out, struct err *err)
{
    int rc = cli_get_int(c, "limit", isatty(STDOUT_FILENO) ? 20 : 0, 0, LIST_MAX, out, err);
    if (!rc && *out == 0)
        *out = LIST_MAX;
    return rc;
}

static const char *page_target(struct cli *c, const char *path, const char *extra, int64_t want,
                               const char *token)
{
    char *t = arena_printf(&c->arena, "%s?limit=%lld", path, (long long)MIN(want, PAGE));
    const char *filter = cli_get(c, "filter"), *order = cli_get(c, "order-by");
    if (extra)
        t = arena_printf(&c->arena, "%s&%s", t, extra);
    if (filter)
        t = arena_printf(&c->arena, "%s&filter=%s", t, client_escape(c, filter));
    if (order)
        t = arena_printf(&c->arena, "%s&order_by=%s", t, client_escape(c, order));
    if (token)
        t = arena_printf(&c->arena, "%s&page_token=%s", t, client_escape(c, token));
    return t;
}

/* Appends the items of one page; the array doubles inside the arena. */
static int gather(struct cli *c, struct json *all, size_t *cap, const struct json *page,
                  struct err *err)
{
    const struct json *items = json_get(page, "items");
    if (!items || items->type != JSON_ARRAY)
        return ERR(err, ERR_INTERNAL, "the answer has no 'items'; is that a Slipway server?");
    if (all->n + items->n > *cap) {
        size_t n = MAX(*cap * 2, all->n + items->n);
        struct json *to = ARENA_TRY_ARRAY(&c->arena, n, struct json);
        if (!to)
            return ERR(err, ERR_LIMIT, "the list does not fit into memory; use -n");
        if (all->n)
            memcpy(to, all->items, all->n * sizeof *to);
        all->items = to;
        *cap = n;
    }
    if (items->n)
        memcpy(all->items + all->n, items->items, items->n * sizeof *items->items);
    all->n += items->n;
    return 0;
}

int list_print(struct cli *c, const char *path, const char *extra, const struct cli_column *columns,
               size_t column_n, struct err *err)
{
    struct json all = { .type = JSON_ARRAY };
    const char *token = NULL;
    int64_t want;
    size_t cap = 0;
    int streams = c->format == FORMAT_JSONL;
    int rc = list_limit(c, &want, err);
    while (!rc) {
        const struct json *page;
        rc = client_get(c, page_target(c, path, extra, want - (int64_t)all.n, token), &page, err);
        if (!rc)
            rc = gather(c, &all, &cap, page, err);
        if (rc)
            break;
        token = json_get_string(page, "next_page_token", NULL);
        if (!token || (int64_t)all.n >= want)
            break;
        if (streams) { /* records leave as they come */
            want -= (int64_t)all.n;
            rc = out_list(c, &all, columns, column_n, 0, err);
            if (!rc)
                rc = term_flush(c, err);
            all.n = 0;
        }
    }
    if (!rc)
        rc = out_list(c, &all, columns, column_n, 0, err);
    if (!rc && token)
        term_note(c, "… more, -n 0 for all");
    if (!rc && all.n == 0 && (c->format == FORMAT_TABLE || c->format == FORMAT_WIDE))
        term_note(c, "nothing here yet%s",
                  cli_get(c, "filter") ? " that this filter holds for"
                                       : "; slipway run makes the first one");
    return rc;
}

/* ---- comparisons ---- */

struct comparison {
    const struct json *columns;
    size_t n;
    struct json rows; /* objects: section, key, one member a column, as out_list takes them */
    struct cli_column *shape;
    size_t differing, equal;
};

static struct json text_json(const char *text)
{
    return (struct json){ .type = JSON_STRING, .string = str_of(text) };
}

static void add_row(struct cli *c, struct comparison *k, const char *section,
                    const struct json *row)
{
    const struct json *values = json_get(row, "values");
    int differs = json_get_bool(row, "differs", 0);
    k->differing += (size_t)(differs != 0);
    k->equal += (size_t)(differs == 0);
    if ((!differs && !cli_count(c, "all")) || !values)
        return;
    struct json_member *m = ARENA_TRY_ARRAY(&c->arena, k->n + 2, struct json_member);
    if (!m)
        return;
    m[0] = (struct json_member){ STR("section"), text_json(section) };
    m[1] = (struct json_member){ STR("key"), text_json(json_get_string(row, "key", "")) };
    for (size_t j = 0; j < k->n; j++) {
        m[j + 2].key = str_of(k->shape[j + 2].path);
        m[j + 2].value = j < values->n ? values->items[j] : (struct json){ 0 };
        if (m[j + 2].value.type == JSON_OBJECT && json_get(&m[j + 2].value, "value"))
            m[j + 2].value = text_json(out_interval(c, &m[j + 2].value));
    }
    k->rows.items[k->rows.n++] = (struct json){ .type = JSON_OBJECT, .n = k->n + 2, .members = m };
}

static int build_rows(struct cli *c, struct comparison *k, const struct json *answer,
                      struct err *err)
{
    const struct json *sections = json_get(answer, "sections");
    size_t total = 0;
    k->columns = json_get(answer, "columns");
    if (!sections || !k->columns)
        return ERR(err, ERR_INTERNAL, "the answer has no 'sections'");
    k->n = k->columns->n;
    for (size_t i = 0; i < sections->n; i++) {
        const struct json *rows = json_get(&sections->items[i], "rows");
        total += rows ? rows->n : 0;
    }
    k->rows = (struct json){ .type = JSON_ARRAY,
                             .items = ARENA_TRY_ARRAY(&c->arena, total + 1, struct json) };
    k->shape = ARENA_TRY_ARRAY(&c->arena, k->n + 2, struct cli_column);
    if (!k->rows.items || !k->shape)
        return ERR(err, ERR_LIMIT, "the comparison does not fit into memory");
    k->shape[0] = (struct cli_column){ "SECTION", "section", CELL_TEXT, 0 };
    k->shape[1] = (struct cli_column){ "KEY", "key", CELL_TEXT, 0 };
    for (size_t j = 0; j < k->n; j++) {
        const char *label = json_get_string(&k->columns->items[j], "label", NULL);
        if (!label)
            label = json_get_string(&k->columns->items[j], "ref", "?");
        k->shape[j + 2] = (struct cli_column){ label, label, CELL_TEXT, 0 };
    }
    for (size_t i = 0; i < sections->n; i++) {
        const struct json *rows = json_get(&sections->items[i], "rows");
        for (size_t r = 0; rows && r < rows->n; r++)
            add_row(c, k, json_get_string(&sections->items[i], "name", ""), &rows->items[r]);
    }
    return 0;
}

int compare_print(struct cli *c, const struct json *answer, struct err *err)
{
    struct comparison k = { 0 };
    int rc = build_rows(c, &k, answer, err);
    if (rc)
        return rc;
    if (c->format == FORMAT_JSON || c->format == FORMAT_JSONL || c->field)
        rc = out_object(c, answer, NULL, err);
    else if (k.rows.n || (c->format != FORMAT_TABLE && c->format != FORMAT_WIDE))
        rc = out_list(c, &k.rows, k.shape, k.n + 2, 0, err);
    if (rc)
        return rc;
    if (!k.differing)
        term_note(c, "no difference");
    else if (k.equal && !cli_count(c, "all"))
        term_note(c, "%zu equal rows hidden, --all shows them", k.equal);
    return k.differing && cli_count(c, "exit-code") ? 10 : 0;
}

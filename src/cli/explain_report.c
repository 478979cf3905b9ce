/* SPDX-License-Identifier: Apache-2.0
 * predict --explain: the answer of :explain as a list, one line a feature. Main thread. */
#include "cli/explain_report.h"

#include <math.h>
#include <stdlib.h>

#include "cli/output.h"

enum { MEMBERS = 4 }; /* row, name, value, contribution */

struct report {
    struct cli *c;
    struct json rows;
    size_t at;
};

static int by_size(const void *x, const void *y)
{
    const struct json *const *a = x, *const *b = y;
    double u = fabs(json_get_number(*a, "contribution", 0));
    double v = fabs(json_get_number(*b, "contribution", 0));
    return (u < v) - (u > v);
}

static void add(struct report *r, size_t row, const char *name, const struct json *value,
                const struct json *contribution)
{
    static const struct json none = { .type = JSON_NULL };
    struct json_member *m = arena_alloc(&r->c->arena, MEMBERS * sizeof *m);
    m[0] = (struct json_member){
        STR("row"),
        { .type = JSON_NUMBER, .is_integer = 1, .integer = (int64_t)row, .number = (double)row }
    };
    m[1] = (struct json_member){ STR("name"), { .type = JSON_STRING, .string = str_of(name) } };
    m[2] = (struct json_member){ STR("value"), value ? *value : none };
    m[3] = (struct json_member){ STR("contribution"), contribution ? *contribution : none };
    r->rows.items[r->at++] = (struct json){ .type = JSON_OBJECT, .n = MEMBERS, .members = m };
}

static int add_one(struct report *r, size_t row, const struct json *e)
{
    const struct json *parts = json_get(e, "contributions");
    size_t n = parts && parts->type == JSON_ARRAY ? parts->n : 0;
    const struct json **order = ARENA_TRY_ARRAY(&r->c->arena, n + 1, const struct json *);
    if (!order)
        return -1;
    for (size_t i = 0; i < n; i++)
        order[i] = &parts->items[i];
    qsort(order, n, sizeof *order, by_size);
    add(r, row, "(base)", NULL, json_get(e, "base"));
    for (size_t i = 0; i < n; i++)
        add(r, row, json_get_string(order[i], "name", ""), json_get(order[i], "value"),
            json_get(order[i], "contribution"));
    add(r, row, "(prediction)", NULL, json_get(e, "prediction"));
    return 0;
}

int explain_print(struct cli *c, const struct json *answer, struct err *err)
{
    static const struct cli_column columns[] = { { "ROW", "row", CELL_INT, 0 },
                                                 { "FEATURE", "name", CELL_TEXT, 0 },
                                                 { "VALUE", "value", CELL_TEXT, 0 },
                                                 { "CONTRIBUTION", "contribution", CELL_NUMBER,
                                                   0 } };
    struct report r = { .c = c, .rows = { .type = JSON_ARRAY } };
    const struct json *list = json_get(answer, "explanations");
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY)
        return ERR(err, ERR_INTERNAL, "the answer has no 'explanations'");
    if (c->format == FORMAT_JSON || c->field)
        return out_object(c, answer, NULL, err);
    for (size_t i = 0; i < list->n; i++) {
        const struct json *parts = json_get(&list->items[i], "contributions");
        n += 2 + (parts ? parts->n : 0);
    }
    r.rows.items = ARENA_TRY_ARRAY(&c->arena, n + 1, struct json);
    if (!r.rows.items)
        return ERR(err, ERR_LIMIT, "the answer does not fit into memory");
    for (size_t i = 0; i < list->n; i++)
        if (add_one(&r, i, &list->items[i]))
            return ERR(err, ERR_LIMIT, "the answer does not fit into memory");
    r.rows.n = r.at;
    size_t skip = list->n == 1 && c->format == FORMAT_TABLE; /* one row needs no number */
    return out_list(c, &r.rows, columns + skip, ARRAY_LEN(columns) - skip, 0, err);
}

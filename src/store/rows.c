/* SPDX-License-Identifier: Apache-2.0
 * See rows.h. */
#include "store/rows.h"

enum { NAMES_MAX = 500 };

int rows_too_many(struct err *err)
{
    return ERR(err, ERR_NOMEM, "the answer is too large; ask for fewer rows");
}

void rows_bind_known(struct stmt *st, int i, int64_t v)
{
    if (v < 0)
        stmt_null(st, i);
    else
        stmt_int(st, i, v);
}

int64_t rows_get_known(const struct stmt *st, int i)
{
    return stmt_is_null(st, i) ? -1 : stmt_get_int(st, i);
}

int rows_text(struct stmt *st, struct arena *a, const char **out, struct err *err)
{
    int rc = stmt_step(st, err);
    *out = rc == 1 ? stmt_get_text(st, 0, a) : NULL;
    return MIN(rc, 0);
}

int rows_int(struct stmt *st, int64_t fallback, int64_t *out, struct err *err)
{
    int rc = stmt_step(st, err);
    *out = rc == 1 ? stmt_get_int(st, 0) : fallback;
    return MIN(rc, 0);
}

int rows_texts(struct stmt *st, struct arena *a, const char ***out, size_t *out_n, struct err *err)
{
    const char **list = NULL;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        list[n++] = stmt_get_text(st, 0, a);
    }
    *out = list;
    *out_n = n;
    return rc;
}

const char *rows_nearest(struct tx *tx, struct arena *a, const struct sql *sql, const char *project,
                         const char *name, int *out_any)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    const char *names[NAMES_MAX];
    size_t n = 0;
    if (stmt_open(tx, sql, &st, NULL) == 0) {
        stmt_text(st, 1, project);
        while (n < NAMES_MAX && stmt_step(st, NULL) == 1)
            names[n++] = stmt_get_text(st, 0, a);
    }
    if (out_any)
        *out_any = n > 0;
    return str_nearest(str_of(name), names, n);
}

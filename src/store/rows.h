/* SPDX-License-Identifier: Apache-2.0
 * What the *_db.c files of the modules above share about rows: growing an arena array while they
 * are read, numbers that may be unknown, the short questions. Inside a transaction. */
#pragma once
#include "store/store.h"

/* The array with room for element n (doubling; the old copy stays in the arena), or NULL past the
 * arena's cap. Use: list = rows_room(a, list, n, &cap, sizeof *list). */
static inline void *rows_room(struct arena *a, void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    size_t more = *cap ? 2 * *cap : 16;
    void *grown = arena_try_alloc(a, more, size);
    if (!grown)
        return NULL;
    if (n)
        memcpy(grown, list, n * size);
    *cap = more;
    return grown;
}

/* ERR_NOMEM in the words for a list that outgrew its arena. */
int rows_too_many(struct err *err);

/* A count, size or time that may be unknown: negative here, NULL in the database. */
void rows_bind_known(struct stmt *st, int i, int64_t v);
int64_t rows_get_known(const struct stmt *st, int i); /* -1 for NULL */

/* Of a statement whose parameters are bound: the first column of the first row, NULL (or fallback)
 * when there is none. */
int rows_text(struct stmt *st, struct arena *a, const char **out, struct err *err) WARN_UNUSED;
int rows_int(struct stmt *st, int64_t fallback, int64_t *out, struct err *err) WARN_UNUSED;
/* The first column of every row; an arena array. */
int rows_texts(struct stmt *st, struct arena *a, const char ***out, size_t *out_n,
               struct err *err) WARN_UNUSED;

/* For "did you mean": the name nearest to `name` of those that sql, whose one parameter is the
 * project, lists; NULL when none is near. *out_any (optional): there were some. */
const char *rows_nearest(struct tx *tx, struct arena *a, const struct sql *sql, const char *project,
                         const char *name, int *out_any);

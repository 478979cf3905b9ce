/* SPDX-License-Identifier: Apache-2.0
 * Patterns over texts by DuckDB's RE2, whose time is linear in the text whatever the pattern. */
#include "data/match.h"

#include "base/limits.h"
#include "base/mem.h"
#include "data/duck_int.h"

enum { BATCH = 1000 };

/* SELECT regexp_full_match(v, 'p') FROM (VALUES (…),(…)) t(v): one row a text, in order. */
static void match_sql(struct buf *b, const char *pattern, const str_t *texts, size_t n)
{
    buf_puts(b, "SELECT regexp_full_match(v, ");
    duck_put_literal(b, str_of(pattern));
    buf_puts(b, ")::INTEGER::DOUBLE FROM (VALUES ");
    for (size_t i = 0; i < n; i++) {
        int nul =
            memchr(texts[i].p, 0, texts[i].n) != NULL; /* SQL text ends there: never a match */
        buf_printf(b, "%s(%zu,", i ? "," : "", i);
        duck_put_literal(b, nul ? STR("") : texts[i]);
        buf_putc(b, ')');
    }
    buf_puts(b, ") t(k, v) ORDER BY k");
}

static int match_batch(struct duck *d, const char *pattern, const str_t *texts, size_t n,
                       uint8_t *out, struct err *err)
{
    struct buf sql;
    duck_result result;
    duck_chunk chunk;
    struct err engine = ERR_INIT;
    buf_init(&sql, MIB(256));
    match_sql(&sql, pattern, texts, n);
    int rc = sql.failed ? ERR(err, ERR_LIMIT, "the texts are too long for a pattern")
                        : duck_query(d, buf_view(&sql).p, &result, &engine);
    buf_fini(&sql);
    if (rc) {
        str_t first = str_of(engine.msg), rest;
        IGNORE(str_cut(first, '\n', &first, &rest));
        return engine.msg[0] ? ERR(err, ERR_INVALID, "the pattern /%s/ is not usable: %.*s",
                                   pattern, STR_ARG(first))
                             : rc;
    }
    size_t at = 0;
    while ((chunk = d->api.fetch_chunk(result)) != NULL) {
        const double *v = d->api.vector_get_data(d->api.data_chunk_get_vector(chunk, 0));
        for (size_t i = 0; i < d->api.data_chunk_get_size(chunk) && at < n; i++) {
            int nul = memchr(texts[at].p, 0, texts[at].n) != NULL;
            out[at++] = v[i] != 0 && !nul;
        }
        d->api.destroy_data_chunk(&chunk);
    }
    d->api.destroy_result(&result);
    return at == n ? 0 : ERR(err, ERR_INTERNAL, "the engine answered %zu of %zu texts", at, n);
}

int match_texts(void *arg, const char *pattern, const str_t *texts, size_t n, uint8_t *out,
                struct err *err)
{
    struct arena a;
    struct duck d;
    struct duck_options o = { .threads = 1 };
    (void)arg;
    arena_init(&a, MIB(16));
    int rc = duck_open(&a, &o, &d, err);
    for (size_t at = 0; rc == 0 && at < n; at += BATCH)
        rc = match_batch(&d, pattern, texts + at, MIN(n - at, (size_t)BATCH), out + at, err);
    duck_close(&d);
    arena_fini(&a);
    return rc;
}

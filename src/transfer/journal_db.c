/* SPDX-License-Identifier: Apache-2.0
 * The import journal and counts over what it names. */
#include <inttypes.h>
#include <stdio.h>

#include "transfer/journal.h"

MIGRATION(160, "transfer",
          "CREATE TABLE import_journal ("
          " source TEXT NOT NULL,"
          " kind TEXT NOT NULL,"
          " foreign_id TEXT NOT NULL,"
          " our_id TEXT NOT NULL,"
          " digest TEXT NOT NULL,"
          " time_ms BIGINT NOT NULL,"
          " PRIMARY KEY (source, kind, foreign_id))");

SQL(journal_all, "SELECT kind, foreign_id, our_id, digest FROM import_journal WHERE source = $1");
SQL(journal_insert, "INSERT INTO import_journal (source, kind, foreign_id, our_id, digest, time_ms)"
                    " VALUES ($1, $2, $3, $4, $5, $6)");

#define OURS(kind) "(SELECT our_id FROM import_journal WHERE source = $1 AND kind = '" kind "')"
#define OURS_INT(kind)                                                                             \
    "(SELECT CAST(our_id AS BIGINT) FROM import_journal WHERE source = $1 AND kind = '" kind "')"

SQL(count_experiments,
    "SELECT COUNT(*) FROM import_journal WHERE source = $1 AND kind = 'experiment'");
SQL(count_experiment_tags,
    "SELECT COUNT(*) FROM experiment_tags WHERE experiment_id IN " OURS_INT("experiment"));
SQL(count_runs, "SELECT COUNT(*) FROM runs WHERE run_id IN " OURS("run"));
SQL(count_params, "SELECT COUNT(*) FROM params WHERE run_id IN " OURS("run"));
SQL(count_tags, "SELECT COUNT(*) FROM run_tags WHERE run_id IN " OURS("run"));
SQL(count_metrics, "SELECT COUNT(*) FROM metrics WHERE run_id IN " OURS("run"));
SQL(count_points, "SELECT COALESCE(SUM(point_count), 0) FROM metrics WHERE run_id IN " OURS("run"));
SQL(count_inputs, "SELECT COUNT(*) FROM run_inputs WHERE run_id IN " OURS("run"));
SQL(count_logged, "SELECT COUNT(*) FROM logged_models WHERE model_id IN " OURS("logged"));
SQL(count_models, "SELECT COUNT(*) FROM models WHERE model_id IN " OURS("model"));
SQL(count_versions, "SELECT COUNT(*) FROM versions WHERE model_id IN " OURS("model"));
SQL(count_aliases, "SELECT COUNT(*) FROM model_aliases WHERE model_id IN " OURS("model"));

static uint64_t from_hex(const char *z)
{
    uint64_t v = 0;
    for (; *z; z++)
        v = v << 4 | (uint64_t)(*z <= '9' ? *z - '0' : *z - 'a' + 10);
    return v;
}

int journal_load(struct tx *tx, struct arena *a, const char *source, struct map *out,
                 struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &journal_all, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, source);
    while ((rc = stmt_step(st, err)) == 1) {
        const char *kind = stmt_get_text(st, 0, a), *id = stmt_get_text(st, 1, a);
        const char *digest = stmt_get_text(st, 3, a);
        struct journal_entry *e = ARENA_NEW(a, struct journal_entry);
        e->our_id = stmt_get_text(st, 2, a);
        char *key = kind && id ? arena_printf(a, "%s %s", kind, id) : NULL;
        if (!e->our_id || !digest || !key || a->failed)
            return ERR(err, ERR_NOMEM, "the journal of this import is too large");
        e->digest = from_hex(digest);
        (void)map_put(out, str_of(key), e);
    }
    return rc;
}

const struct journal_entry *journal_find(const struct map *m, const char *kind,
                                         const char *foreign_id)
{
    char key[400];
    int n = snprintf(key, sizeof key, "%s %s", kind, foreign_id);
    if (n < 0 || (size_t)n >= sizeof key)
        return NULL;
    return map_get(m, (str_t){ key, (size_t)n });
}

int journal_add(struct tx *tx, const char *source, const char *kind, const char *foreign_id,
                const struct journal_entry *e, struct err *err)
{
    char digest[20];
    (void)snprintf(digest, sizeof digest, "%016" PRIx64, e->digest);
    return tx_exec(tx, &journal_insert, NULL, err,
                   "tttt"
                   "ti",
                   source, kind, foreign_id, e->our_id, digest, tx_now_ms(tx));
}

int journal_count(struct tx *tx, const char *source, const char *what, int64_t *out,
                  struct err *err)
{
    static const struct {
        const char *what;
        const struct sql *sql;
    } counts[] = {
        { "experiments", &count_experiments },
        { "experiment tags", &count_experiment_tags },
        { "runs", &count_runs },
        { "params", &count_params },
        { "tags", &count_tags },
        { "metrics", &count_metrics },
        { "points", &count_points },
        { "inputs", &count_inputs },
        { "logged models", &count_logged },
        { "models", &count_models },
        { "versions", &count_versions },
        { "aliases", &count_aliases },
    };
    AUTO(stmt_auto) struct stmt *st = NULL;
    *out = -1;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        if (strcmp(counts[i].what, what) != 0)
            continue;
        int rc = stmt_open(tx, counts[i].sql, &st, err);
        if (rc)
            return rc;
        stmt_text(st, 1, source);
        rc = stmt_step(st, err);
        if (rc == 1)
            *out = stmt_get_int(st, 0);
        return MIN(rc, 0);
    }
    return 0;
}

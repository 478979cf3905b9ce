/* SPDX-License-Identifier: Apache-2.0
 * Rows of judged windows. What a matrix needs of one window stands in its row (states, levels and
 * scores of the features in one blob), so that a year of hours is one scan; the counts, ten times
 * as large, stand in a table of their own. */
#include <math.h>

#include "monitor/window.h"
#include "store/rows.h"

MIGRATION(
    262, "monitor",
    "CREATE TABLE monitor_window (endpoint TEXT NOT NULL, start_ms BIGINT NOT NULL,"
    " model TEXT NOT NULL, version TEXT NOT NULL, end_ms BIGINT NOT NULL,"
    " judged_ms BIGINT NOT NULL, requests BIGINT NOT NULL, errors BIGINT NOT NULL,"
    " row_count BIGINT NOT NULL, gap_ms BIGINT NOT NULL, has_reference BIGINT NOT NULL,"
    " state BIGINT NOT NULL, insufficient BIGINT NOT NULL, ok BIGINT NOT NULL,"
    " warnings BIGINT NOT NULL, drifted BIGINT NOT NULL, outputs_drifted BIGINT NOT NULL,"
    " findings BIGINT NOT NULL, severe BIGINT NOT NULL, worst_psi DOUBLE PRECISION,"
    " output_psi DOUBLE PRECISION, prediction_mean DOUBLE PRECISION, logged BIGINT NOT NULL,"
    " labelled BIGINT NOT NULL, rmse DOUBLE PRECISION, mae DOUBLE PRECISION,"
    " bias DOUBLE PRECISION, low DOUBLE PRECISION, high DOUBLE PRECISION, marks BYTEA NOT NULL,"
    " PRIMARY KEY (endpoint, start_ms, model, version));"
    "CREATE TABLE monitor_window_counts (endpoint TEXT NOT NULL, start_ms BIGINT NOT NULL,"
    " model TEXT NOT NULL, version TEXT NOT NULL, counts BYTEA NOT NULL,"
    " PRIMARY KEY (endpoint, start_ms, model, version))");

#define COLUMNS                                                                                    \
    "endpoint, start_ms, model, version, end_ms, judged_ms, requests, errors, row_count, gap_ms,"  \
    " has_reference, state, insufficient, ok, warnings, drifted, outputs_drifted, findings,"       \
    " severe, worst_psi, output_psi, prediction_mean, logged, labelled, rmse, mae, bias, low,"     \
    " high"

SQL(monitor_sql_put,
    "INSERT INTO monitor_window (" COLUMNS ", marks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
    " $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27,"
    " $28, $29, $30) ON CONFLICT (endpoint, start_ms, model, version) DO UPDATE SET"
    " end_ms = excluded.end_ms, judged_ms = excluded.judged_ms, requests = excluded.requests,"
    " errors = excluded.errors, row_count = excluded.row_count, gap_ms = excluded.gap_ms,"
    " has_reference = excluded.has_reference, state = excluded.state,"
    " insufficient = excluded.insufficient, ok = excluded.ok, warnings = excluded.warnings,"
    " drifted = excluded.drifted, outputs_drifted = excluded.outputs_drifted,"
    " findings = excluded.findings, severe = excluded.severe, worst_psi = excluded.worst_psi,"
    " output_psi = excluded.output_psi, prediction_mean = excluded.prediction_mean,"
    " logged = excluded.logged, labelled = excluded.labelled, rmse = excluded.rmse,"
    " mae = excluded.mae, bias = excluded.bias, low = excluded.low, high = excluded.high,"
    " marks = excluded.marks");
SQL(monitor_sql_put_counts,
    "INSERT INTO monitor_window_counts (endpoint, start_ms, model, version, counts)"
    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (endpoint, start_ms, model, version)"
    " DO UPDATE SET counts = excluded.counts");
SQL(monitor_sql_realised,
    "UPDATE monitor_window SET judged_ms = $1, logged = $2, labelled = $3, rmse = $4, mae = $5,"
    " bias = $6, low = $7, high = $8 WHERE endpoint = $9 AND start_ms = $10 AND model = $11"
    " AND version = $12");
SQL(monitor_sql_list,
    "SELECT " COLUMNS " FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 ORDER BY start_ms, model, version LIMIT $4");
SQL(monitor_sql_list_newest,
    "SELECT " COLUMNS " FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 ORDER BY start_ms DESC, model DESC, version DESC LIMIT $4");
SQL(monitor_sql_list_marks,
    "SELECT " COLUMNS ", marks FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 ORDER BY start_ms, model, version LIMIT $4");
SQL(monitor_sql_list_marks_newest,
    "SELECT " COLUMNS ", marks FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 ORDER BY start_ms DESC, model DESC, version DESC LIMIT $4");
#define STATES "substr(marks, 1, length(marks) / 9)" /* MARK_BYTES */
SQL(monitor_sql_list_states,
    "SELECT " COLUMNS ", " STATES " FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 ORDER BY start_ms, model, version LIMIT $4");
SQL(monitor_sql_list_states_newest,
    "SELECT " COLUMNS ", " STATES " FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 ORDER BY start_ms DESC, model DESC, version DESC LIMIT $4");
SQL(monitor_sql_version,
    "SELECT " COLUMNS ", marks FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 AND model = $4 AND version = $5 ORDER BY start_ms LIMIT $6");
SQL(monitor_sql_version_newest,
    "SELECT " COLUMNS ", marks FROM monitor_window WHERE endpoint = $1 AND start_ms >= $2"
    " AND start_ms < $3 AND model = $4 AND version = $5 ORDER BY start_ms DESC LIMIT $6");
SQL(monitor_sql_counts, "SELECT counts FROM monitor_window_counts WHERE endpoint = $1 AND"
                        " start_ms = $2 AND model = $3 AND version = $4");
SQL(monitor_sql_trim, "DELETE FROM monitor_window WHERE endpoint = $1 AND start_ms < $2");
SQL(monitor_sql_trim_counts,
    "DELETE FROM monitor_window_counts WHERE endpoint = $1 AND start_ms < $2");

enum { MARKS = 29, LIST_MAX = 20000, MARK_BYTES = 1 + 2 * sizeof(float) };

static int put_counts(struct tx *tx, const struct monitor_window *w, str_t counts, struct err *err)
{
    return tx_exec(tx, &monitor_sql_put_counts, NULL, err, "tittb", w->endpoint, w->start_ms,
                   w->model, w->version, counts);
}

static void bind_row(struct stmt *st, const struct monitor_window *w)
{
    const int64_t whole[] = { w->end_ms,
                              w->judged_ms,
                              (int64_t)w->requests,
                              (int64_t)w->errors,
                              (int64_t)w->rows,
                              (int64_t)w->gap_ms,
                              w->has_reference,
                              w->state,
                              w->insufficient,
                              w->ok,
                              w->warnings,
                              w->drifted,
                              w->outputs_drifted,
                              w->findings,
                              w->severe };
    const struct monitor_realised *r = &w->realised;
    stmt_text(st, 1, w->endpoint);
    stmt_int(st, 2, w->start_ms);
    stmt_text(st, 3, w->model);
    stmt_text(st, 4, w->version);
    for (int i = 0; i < (int)ARRAY_LEN(whole); i++)
        stmt_int(st, 5 + i, whole[i]);
    stmt_double(st, 20, w->worst_psi);
    stmt_double(st, 21, w->output_psi);
    stmt_double(st, 22, w->prediction_mean);
    stmt_int(st, 23, (int64_t)r->n);
    stmt_int(st, 24, (int64_t)r->labelled);
    stmt_double(st, 25, r->rmse);
    stmt_double(st, 26, r->mae);
    stmt_double(st, 27, r->bias);
    stmt_double(st, 28, r->low);
    stmt_double(st, 29, r->high);
}

int monitor_window_put(struct tx *tx, const struct monitor_window *w, str_t counts, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct buf marks;
    int rc = stmt_open(tx, &monitor_sql_put, &st, err);
    if (rc)
        return rc;
    bind_row(st, w);
    buf_init(&marks, MARK_BYTES * MONITOR_FEATURES_MAX + 1);
    buf_put(&marks, w->states, w->features_n);
    buf_put(&marks, w->levels, w->features_n * sizeof(float));
    buf_put(&marks, w->scores, w->features_n * sizeof(float));
    stmt_blob(st, 30, buf_view(&marks));
    rc = stmt_step(st, err);
    buf_fini(&marks);
    return rc < 0 ? rc : put_counts(tx, w, counts, err);
}

int monitor_window_realised(struct tx *tx, const struct monitor_window *w, struct err *err)
{
    const struct monitor_realised *r = &w->realised;
    int64_t changes = 0;
    int rc = tx_exec(tx, &monitor_sql_realised, &changes, err, "iiidddddtitt", w->judged_ms,
                     (int64_t)r->n, (int64_t)r->labelled, r->rmse, r->mae, r->bias, r->low, r->high,
                     w->endpoint, w->start_ms, w->model, w->version);
    return rc || changes ? rc
                         : ERR(err, ERR_NOT_FOUND, "endpoint '%s' has no such window", w->endpoint);
}

static int read_marks(const struct stmt *st, struct arena *a, int with_levels,
                      struct monitor_window *w, struct err *err)
{
    str_t marks = stmt_get_blob(st, MARKS, a);
    size_t n = with_levels ? marks.n / MARK_BYTES : marks.n;
    w->features_n = n;
    w->states = (const unsigned char *)marks.p;
    if (!with_levels)
        return 0;
    float *floats = ARENA_TRY_ARRAY(a, 2 * n + 1, float);
    if (!floats || marks.n % MARK_BYTES)
        return ERR(err, floats ? ERR_CORRUPT : ERR_NOMEM, "the marks of a window are damaged");
    if (n)
        memcpy(floats, marks.p + n, 2 * n * sizeof *floats); /* the blob is not aligned */
    w->levels = floats;
    w->scores = floats + n;
    return 0;
}

/* Most rows name the same model and version as the one before. */
static const char *read_text(const struct stmt *st, int i, struct arena *a, const char *before)
{
    struct arena_mark mark = arena_snapshot(a);
    const char *text = stmt_get_text(st, i, a);
    if (!before || !text || strcmp(before, text) != 0)
        return text;
    arena_restore(a, mark);
    return before;
}

static void read_row(const struct stmt *st, struct arena *a, const struct monitor_window *before,
                     struct monitor_window *w)
{
    *w = (struct monitor_window){
        .start_ms = stmt_get_int(st, 1),
        .model = read_text(st, 2, a, before ? before->model : NULL),
        .version = read_text(st, 3, a, before ? before->version : NULL),
        .end_ms = stmt_get_int(st, 4),
        .judged_ms = stmt_get_int(st, 5),
        .requests = (uint64_t)stmt_get_int(st, 6),
        .errors = (uint64_t)stmt_get_int(st, 7),
        .rows = (uint64_t)stmt_get_int(st, 8),
        .gap_ms = (uint64_t)stmt_get_int(st, 9),
        .has_reference = (int)stmt_get_int(st, 10),
        .state = (enum monitor_state)stmt_get_int(st, 11),
        .insufficient = (uint32_t)stmt_get_int(st, 12),
        .ok = (uint32_t)stmt_get_int(st, 13),
        .warnings = (uint32_t)stmt_get_int(st, 14),
        .drifted = (uint32_t)stmt_get_int(st, 15),
        .outputs_drifted = (uint32_t)stmt_get_int(st, 16),
        .findings = (uint32_t)stmt_get_int(st, 17),
        .severe = (uint32_t)stmt_get_int(st, 18),
        .worst_psi = stmt_get_double(st, 19),
        .output_psi = stmt_get_double(st, 20),
        .prediction_mean = stmt_get_double(st, 21),
        .realised = { .n = (uint64_t)stmt_get_int(st, 22),
                      .labelled = (uint64_t)stmt_get_int(st, 23),
                      .rmse = stmt_get_double(st, 24),
                      .mae = stmt_get_double(st, 25),
                      .bias = stmt_get_double(st, 26),
                      .low = stmt_get_double(st, 27),
                      .high = stmt_get_double(st, 28) },
    };
}

static int open_list(struct tx *tx, const struct monitor_window_query *q, struct stmt **out,
                     struct err *err)
{
    int one = q->model && q->version, k = 4;
    const struct sql *sql =
        one ? (q->newest_first ? &monitor_sql_version_newest : &monitor_sql_version)
        : q->with_levels
            ? (q->newest_first ? &monitor_sql_list_marks_newest : &monitor_sql_list_marks)
        : q->with_states
            ? (q->newest_first ? &monitor_sql_list_states_newest : &monitor_sql_list_states)
            : (q->newest_first ? &monitor_sql_list_newest : &monitor_sql_list);
    int rc = stmt_open(tx, sql, out, err);
    if (rc)
        return rc;
    stmt_text(*out, 1, q->endpoint);
    stmt_int(*out, 2, q->from_ms);
    stmt_int(*out, 3, q->to_ms ? q->to_ms : INT64_MAX);
    if (one) {
        stmt_text(*out, 4, q->model);
        stmt_text(*out, 5, q->version);
        k = 6;
    }
    stmt_int(*out, k, q->limit ? q->limit : LIST_MAX);
    return 0;
}

int monitor_window_list(struct tx *tx, struct arena *a, const struct monitor_window_query *q,
                        struct monitor_window **out, size_t *out_n, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    struct monitor_window *list = NULL;
    const char *endpoint = arena_strdup(a, q->endpoint);
    size_t n = 0, cap = 0;
    int rc = open_list(tx, q, &st, err);
    while (!rc && (rc = stmt_step(st, err)) == 1) {
        list = rows_room(a, list, n, &cap, sizeof *list);
        if (!list)
            return rows_too_many(err);
        read_row(st, a, n ? &list[n - 1] : NULL, &list[n]);
        list[n].endpoint = endpoint;
        rc = q->with_levels || q->with_states
                 ? read_marks(st, a, q->with_levels || (q->model && q->version), &list[n], err)
                 : 0;
        n++;
    }
    if (rc < 0)
        return rc;
    *out = list;
    *out_n = n;
    return 0;
}

int monitor_window_counts(struct tx *tx, struct arena *a, const struct monitor_window *key,
                          str_t *out, struct err *err)
{
    AUTO(stmt_auto) struct stmt *st = NULL;
    int rc = stmt_open(tx, &monitor_sql_counts, &st, err);
    if (rc)
        return rc;
    stmt_text(st, 1, key->endpoint);
    stmt_int(st, 2, key->start_ms);
    stmt_text(st, 3, key->model);
    stmt_text(st, 4, key->version);
    rc = stmt_step(st, err);
    if (rc == 1)
        *out = stmt_get_blob(st, 0, a);
    return rc == 1 ? 0
           : rc    ? rc
                   : ERR(err, ERR_NOT_FOUND, "endpoint '%s' has no such window", key->endpoint);
}

int monitor_window_trim(struct tx *tx, const char *endpoint, int64_t before_ms, struct err *err)
{
    int rc = tx_exec(tx, &monitor_sql_trim, NULL, err, "ti", endpoint, before_ms);
    return rc ? rc : tx_exec(tx, &monitor_sql_trim_counts, NULL, err, "ti", endpoint, before_ms);
}

/* SPDX-License-Identifier: Apache-2.0
 * A retraining is an ordinary run of the project in a folder of its own below the data folder: the
 * project file as it stands, and in place of its data file the newest rows that were predicted and
 * whose true values are known. Challenger and champion are judged on the test part of these rows.
 */
#include "api/native/retrain.h"

#include <math.h>
#include <unistd.h>

#include "api/app.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/limits.h"
#include "flow/code.h"
#include "monitor/monitor.h"
#include "project/project.h"
#include "registry/version.h"
#include "rollout/endpoint.h"

enum { FOLDERS_KEPT = 20, CSV_FLUSH = 1 << 16 };

/* ---- counting ---- */

static int count_row(void *arg, const struct monitor_row *row)
{
    *(int64_t *)arg += row->columns > 0 && isfinite(row->label);
    return 0;
}

int retrain_labelled(void *arg, const char *served, int64_t from_ms, int64_t to_ms, int64_t *out,
                     struct err *err)
{
    struct app *app = arg;
    struct monitor_rows_query q = {
        .from_ms = from_ms, .to_ms = to_ms, .labelled = 1, .fn = count_row, .arg = out
    };
    *out = 0;
    return app->monitor ? monitor_rows(app->monitor, served, &q, err) : 0;
}

/* ---- the data file ---- */

/* Rows on their way into a CSV file. */
struct csv {
    const struct csv_source *source;
    int fd;
    struct buf line;
    char delimiter;
    int64_t skip, written;
    int header_done;
    struct err *err;
};

static void put_text(struct csv *c, str_t s)
{
    int quote = s.n == 0 ? 0
                         : memchr(s.p, c->delimiter, s.n) || memchr(s.p, '"', s.n) ||
                               memchr(s.p, '\n', s.n) || memchr(s.p, '\r', s.n) || s.p[0] == ' ' ||
                               s.p[s.n - 1] == ' ';
    if (!quote) {
        buf_str(&c->line, s);
        return;
    }
    buf_putc(&c->line, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_putc(&c->line, '"');
        buf_putc(&c->line, s.p[i]);
    }
    buf_putc(&c->line, '"');
}

/* Shortest form; whole numbers without a point, as people write them. */
static void put_number(struct csv *c, double v)
{
    char text[FMT_DOUBLE_MAX];
    if (!isfinite(v))
        return;
    size_t n = fmt_double(v, text);
    if (n > 2 && memcmp(text + n - 2, ".0", 2) == 0)
        n -= 2;
    buf_put(&c->line, text, n);
}

static int has_column(const struct monitor_row *row, const char *name)
{
    for (size_t i = 0; i < row->columns; i++)
        if (str_is(row->names[i], name))
            return 1;
    return 0;
}

static void put_header(struct csv *c, const struct monitor_row *row)
{
    const struct csv_source *s = c->source;
    for (size_t i = 0; i < row->columns; i++) {
        put_text(c, row->names[i]);
        buf_putc(&c->line, c->delimiter);
    }
    const char *extra[] = { s->key, s->time };
    for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
        if (extra[i] && !has_column(row, extra[i])) {
            put_text(c, str_of(extra[i]));
            buf_putc(&c->line, c->delimiter);
        }
    }
    for (size_t i = 0; i < s->ignore_n; i++) {
        if (!has_column(row, s->ignore[i])) {
            put_text(c, str_of(s->ignore[i]));
            buf_putc(&c->line, c->delimiter);
        }
    }
    put_text(c, str_of(s->target));
    buf_putc(&c->line, '\n');
    c->header_done = 1;
}

static void put_id(struct csv *c, const struct monitor_row *row)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof row->id; i++) {
        buf_putc(&c->line, digits[row->id[i] >> 4]);
        buf_putc(&c->line, digits[row->id[i] & 15]);
    }
    buf_printf(&c->line, "-%u", row->row);
}

static void put_row(struct csv *c, const struct monitor_row *row)
{
    const struct csv_source *s = c->source;
    for (size_t i = 0; i < row->columns; i++) {
        if (row->values[i].is_text)
            put_text(c, row->values[i].text);
        else
            put_number(c, row->values[i].number);
        buf_putc(&c->line, c->delimiter);
    }
    if (s->key && !has_column(row, s->key)) {
        put_id(c, row);
        buf_putc(&c->line, c->delimiter);
    }
    if (s->time && !has_column(row, s->time)) {
        char text[CLOCK_TEXT_MAX];
        buf_put(&c->line, text, clock_format(row->time_ms, text));
        buf_putc(&c->line, c->delimiter);
    }
    for (size_t i = 0; i < s->ignore_n; i++)
        if (!has_column(row, s->ignore[i]))
            buf_putc(&c->line, c->delimiter);
    put_number(c, row->label);
    buf_putc(&c->line, '\n');
}

static int take_row(void *arg, const struct monitor_row *row)
{
    struct csv *c = arg;
    int rc = 0;
    if (row->columns == 0 || !isfinite(row->label) || c->skip-- > 0)
        return 0;
    if (!c->header_done)
        put_header(c, row);
    put_row(c, row);
    c->written++;
    if (c->line.n >= CSV_FLUSH) {
        rc = fs_write_all(c->fd, buf_view(&c->line), "the rows to train on", c->err);
        buf_clear(&c->line);
    }
    return rc;
}

static int write_rows(struct app *app, const struct loop_request *rq,
                      const struct csv_source *source, const char *path, int64_t *out_rows,
                      struct err *err)
{
    struct csv c = { .source = source,
                     .delimiter = source->delimiter ? source->delimiter : ',',
                     .fd = -1,
                     .err = err };
    int64_t all = 0;
    int rc = retrain_labelled(app, rq->served, rq->from_ms, rq->to_ms, &all, err);
    if (!rc)
        rc = fs_open_append(path, &c.fd, err);
    if (rc)
        return rc;
    c.skip = all > rq->rows ? all - rq->rows : 0; /* the newest ones */
    buf_init(&c.line, MIB(64));
    struct monitor_rows_query q = {
        .from_ms = rq->from_ms, .to_ms = rq->to_ms, .labelled = 1, .fn = take_row, .arg = &c
    };
    rc = monitor_rows(app->monitor, rq->served, &q, err);
    if (!rc && c.line.failed)
        rc = ERR(err, ERR_LIMIT, "a row is larger than 64 MiB");
    if (!rc && c.line.n)
        rc = fs_write_all(c.fd, buf_view(&c.line), "the rows to train on", err);
    if (!rc)
        rc = fs_sync_data(c.fd, "the rows to train on", err);
    (void)close(c.fd);
    buf_fini(&c.line);
    *out_rows = c.written;
    if (!rc && c.written < rq->min_rows)
        rc = ERR(err, ERR_CONFLICT, "only %lld labelled rows with their inputs are kept",
                 (long long)c.written);
    return rc;
}

/* ---- the run ---- */

struct retraining {
    struct app *app;
    const struct loop_request *rq;
    struct arena *a;
    struct project *project;
    char *folder;
    struct flow_run_request flow;
    struct version champion;
};

static int read_champion(struct tx *tx, void *arg, struct err *err)
{
    struct retraining *t = arg;
    struct endpoint_row row;
    int rc = endpoint_get(tx, t->a, t->rq->project, t->rq->endpoint, &row, err);
    return rc ? rc : version_get(tx, t->a, row.project, row.model, row.version, &t->champion, err);
}

static int read_project(struct retraining *t, struct err *err)
{
    struct diags diags;
    struct project_options o = { .path = fs_join(t->a, t->rq->project_dir, "slipway.yaml") };
    str_t config;
    const char *dir = t->rq->project_dir, *slash = strrchr(dir, '/');
    int rc = fs_read(t->a, o.path, LIMIT_YAML_BYTES, &config, err);
    if (rc)
        return err_prefix(err, rc, "the project to retrain");
    o.default_name = slash && slash[1] ? slash + 1 : NULL;
    rc = project_load(t->a, config, &o, &t->project, &diags, err);
    if (rc)
        return rc;
    if (!t->project->model || strcmp(t->project->name, t->rq->model) != 0)
        return ERR(err, ERR_CONFLICT,
                   "the project in %s makes model '%s', the endpoint serves '%s'", dir,
                   t->project->name, t->rq->model);
    if (!t->project->source->target || t->project->source->header == 0 ||
        !fs_is_safe_relative(str_of(t->project->source->path)))
        return ERR(err, ERR_CONFLICT,
                   "the data source of the project in %s must name a target, have a header and lie "
                   "inside the project's folder",
                   dir);
    t->flow.config = config.p;
    return 0;
}

/* The folder of the attempt; the oldest beyond FOLDERS_KEPT go. */
static int make_folder(struct retraining *t, char **out_csv, struct err *err)
{
    const char **names = NULL;
    size_t n = 0;
    char *all = arena_printf(t->a, "%s/retrain", t->app->options.data_dir);
    int rc = fs_mkdirs(all, err);
    if (!rc)
        rc = fs_list(t->a, all, &names, &n, err);
    for (size_t i = 0; !rc && i + FOLDERS_KEPT <= n; i++)
        IGNORE(fs_remove_tree(fs_join(t->a, all, names[i]), NULL));
    t->folder = fs_join(t->a, all, t->rq->attempt_id);
    *out_csv = fs_join(t->a, t->folder, t->project->source->path);
    char *parent = arena_strdup(t->a, *out_csv), *slash = strrchr(parent, '/');
    *slash = '\0';
    if (!rc)
        rc = fs_mkdirs(parent, err);
    return rc ? rc
              : fs_write_atomic(fs_join(t->a, t->folder, "slipway.yaml"), str_of(t->flow.config),
                                err);
}

static int start(struct retraining *t, struct err *err)
{
    char run_id[HEX32_TEXT];
    struct code_state code;
    char *onnx = NULL;
    int rc = store_read(t->app->store, read_champion, t, err);
    if (!rc && t->champion.digest)
        rc = blobs_path(t->app->blobs, t->a, t->champion.digest, &onnx, err);
    if (rc)
        return err_prefix(err, rc, "the champion");
    code_state_read(t->a, t->rq->project_dir, &code);
    t->flow.run_id = t->rq->run_id;
    t->flow.project = t->rq->project;
    t->flow.experiment = t->project->name;
    t->flow.model_name = t->project->name;
    t->flow.project_dir = t->folder;
    t->flow.config_path = "slipway.yaml";
    t->flow.champion_onnx = onnx;
    t->flow.champion_version = arena_printf(t->a, "%lld", (long long)t->champion.number);
    t->flow.code_commit = code.commit;
    t->flow.code_dirty = code.dirty;
    t->flow.command = arena_printf(t->a, "retraining for %s", t->rq->reason);
    t->flow.actor = "system";
    t->flow.seed = t->project->seed;
    return flow_run_start(t->app->flow, &t->flow, run_id, err);
}

int retrain_stop(void *arg, const char *run_id, const char *reason, struct err *err)
{
    struct app *app = arg;
    return flow_run_cancel(app->flow, run_id, "system", reason, err);
}

int retrain_start(void *arg, const struct loop_request *rq, int64_t *out_rows, struct err *err)
{
    struct arena a;
    struct retraining t = { .app = arg, .rq = rq, .a = &a };
    char *csv = NULL;
    if (!t.app->monitor)
        return ERR(err, ERR_CONFLICT, "this process keeps no predictions to train on");
    arena_init(&a, MIB(64));
    int rc = read_project(&t, err);
    if (!rc)
        rc = make_folder(&t, &csv, err);
    if (!rc)
        rc = write_rows(t.app, rq, t.project->source, csv, out_rows, err);
    if (!rc)
        rc = start(&t, err);
    if (rc && t.folder)
        IGNORE(fs_remove_tree(t.folder, NULL));
    arena_fini(&a);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 * The parent's side of an import: starts the child, collects its frames into runs and models, has
 * them written in batches, and compares the counts at the end. */
#include "transfer/import.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/proc.h"
#include "store/rows.h"
#include "transfer/import_int.h"
#include "transfer/pg_url.h"

enum { BATCH_RUNS = 64, BATCH_POINTS = 50000, CHILD_END_MS = 10000 };

void import_differs(struct import *im, const char *fmt, ...)
{
    char text[1000];
    va_list ap;
    struct import_report *r = im->r;
    if (r->differences_all++ >= IMPORT_DIFFERENCES_MAX)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->differences = rows_room(im->a, r->differences, r->difference_n, &im->differences_cap,
                               sizeof *r->differences);
    if (r->differences)
        r->differences[r->difference_n++] = arena_strdup(im->a, text);
}

/* ---- collecting ---- */

static const char *text_of(struct import *im, const struct wire_field *f, const char *fallback)
{
    if (f->type != 't')
        return fallback;
    char *copy = arena_strndup(&im->batch, f->t.p, f->t.n);
    return copy ? copy : fallback; /* the arena's failure is seen at the next frame */
}

static int64_t int_of(const struct wire_field *f, int64_t fallback)
{
    return f->type == 'i' ? f->i : fallback;
}

static int no_memory(struct import *im)
{
    return ERR(im->err, ERR_NOMEM, "a single run of the source does not fit into memory");
}

#define ROOM(im, list, n, cap)                                                                     \
    (((list) = rows_room(&(im)->batch, (list), (n), &(cap), sizeof *(list))) == NULL)

static int take_pair(struct import *im, struct pair_list *to, const struct wire_field *f)
{
    if (ROOM(im, to->items, to->n, to->cap))
        return no_memory(im);
    to->items[to->n++] = (struct track_pair){ text_of(im, &f[0], ""), text_of(im, &f[1], "") };
    return 0;
}

static int take_experiment(struct import *im, const struct wire_field *f)
{
    if (ROOM(im, im->exps, im->exps_n, im->exps_cap))
        return no_memory(im);
    int64_t created = int_of(&f[4], 0);
    im->exps[im->exps_n++] = (struct foreign_experiment){
        .row = { .id = f[0].i,
                 .name = text_of(im, &f[1], ""),
                 .artifact_location = text_of(im, &f[2], ""),
                 .lifecycle_stage = text_of(im, &f[3], "active"),
                 .creation_time_ms = created,
                 .last_update_time_ms = int_of(&f[5], created) },
    };
    return 0;
}

static int take_experiment_tag(struct import *im, const struct wire_field *f)
{
    for (size_t i = im->exps_n; i-- > 0;)
        if (im->exps[i].row.id == f[0].i)
            return take_pair(im, &im->exps[i].tags, f + 1);
    return 0;
}

static struct foreign_run *run_of(struct import *im)
{
    return im->runs_n ? &im->runs[im->runs_n - 1] : NULL;
}

static int take_run(struct import *im, const struct wire_field *f)
{
    int deleted = str_is(f[7].t, "deleted");
    int rc = import_write_experiments(im);
    if (rc)
        return rc;
    if (ROOM(im, im->runs, im->runs_n, im->runs_cap))
        return no_memory(im);
    struct foreign_run *r = &im->runs[im->runs_n++];
    *r = (struct foreign_run){
        .row = { .id = text_of(im, &f[0], ""),
                 .name = text_of(im, &f[2], ""),
                 .status = text_of(im, &f[3], ""),
                 .user = text_of(im, &f[4], ""),
                 .start_time_ms = int_of(&f[5], 0),
                 .end_time_ms = int_of(&f[6], -1),
                 .lifecycle_stage = deleted ? "deleted" : "active",
                 .artifact_uri = text_of(im, &f[9], "") },
        .foreign_experiment = f[1].i,
        .deleted_ms = deleted ? int_of(&f[8], int_of(&f[6], 0)) : -1,
    };
    return 0;
}

static int take_points(struct import *im, const struct wire_field *f)
{
    struct foreign_run *r = run_of(im);
    size_t n = f[1].t.n / sizeof(struct metric_point);
    if (!r || f[1].t.n % sizeof(struct metric_point) || !n)
        return ERR(im->err, ERR_CORRUPT, "points without a run");
    if (ROOM(im, r->points, r->points_n, r->points_cap))
        return no_memory(im);
    struct metric_point *copy = ARENA_TRY_ARRAY(&im->batch, n, struct metric_point);
    if (!copy)
        return no_memory(im);
    memcpy(copy, f[1].t.p, n * sizeof *copy);
    r->points[r->points_n++] = (struct points){ text_of(im, &f[0], ""), copy, n };
    im->batch_points += n;
    im->points_read += (int64_t)n;
    return 0;
}

static int take_input(struct import *im, const struct wire_field *f)
{
    struct foreign_run *r = run_of(im);
    if (!r)
        return ERR(im->err, ERR_CORRUPT, "an input without a run");
    if (ROOM(im, r->inputs, r->inputs_n, r->inputs_cap))
        return no_memory(im);
    r->inputs[r->inputs_n++] = (struct foreign_input){
        .dataset = { .name = text_of(im, &f[0], ""),
                     .digest = text_of(im, &f[1], ""),
                     .source_type = text_of(im, &f[2], "local"),
                     .source = text_of(im, &f[3], ""),
                     .schema = text_of(im, &f[4], NULL),
                     .profile = text_of(im, &f[5], NULL),
                     .rows = -1,
                     .columns_n = -1,
                     .files_n = -1,
                     .bytes = -1 },
    };
    return 0;
}

static int take_input_tag(struct import *im, const struct wire_field *f)
{
    struct foreign_run *r = run_of(im);
    if (!r || !r->inputs_n)
        return ERR(im->err, ERR_CORRUPT, "a tag without an input");
    struct foreign_input *in = &r->inputs[r->inputs_n - 1];
    if (str_is(f[0].t, "mlflow.data.context")) {
        in->context = text_of(im, &f[1], NULL);
        return 0;
    }
    return take_pair(im, &in->tags, f);
}

/* The name of a run of MLflow 1 stands in its tag only. */
static void name_by_tag(struct foreign_run *r)
{
    for (size_t i = 0; i < r->tags.n && !r->row.name[0]; i++)
        if (strcmp(r->tags.items[i].key, "mlflow.runName") == 0)
            r->row.name = r->tags.items[i].value;
}

/* A whole run is there: forgotten when it is known, else kept for the batch. */
static int end_run(struct import *im)
{
    struct foreign_run *r = run_of(im);
    if (!r)
        return ERR(im->err, ERR_CORRUPT, "the end of a run without a run");
    name_by_tag(r);
    r->digest = digest_run(r);
    const struct journal_entry *known = journal_find(&im->journal, "run", r->row.id);
    char experiment[24];
    (void)snprintf(experiment, sizeof experiment, "%lld", (long long)r->foreign_experiment);
    const int64_t *id = map_get(&im->experiments, str_of(experiment));
    im->runs_read++;
    if (known && known->digest == r->digest) {
        im->r->runs_unchanged++;
        im->r->runs_verified++;
    } else if (known)
        import_differs(im, "run '%s' was changed there since it was imported; it stays as it was",
                       r->row.id);
    else if (!id)
        import_differs(im, "run '%s' is left out: its experiment %s is not there", r->row.id,
                       experiment);
    if (known || !id) {
        im->runs_n--;
        if (im->runs_n == 0) {
            im->runs = NULL;
            im->runs_cap = im->batch_points = 0;
            arena_reset(&im->batch);
        }
    } else {
        r->row.experiment_id = *id;
        int rc = import_copy_artifacts(
            im, arena_printf(&im->batch, "run '%s'", r->row.id),
            arena_printf(&im->batch, "%lld/%s/artifacts", (long long)*id, r->row.id),
            &r->row.artifact_uri);
        if (rc)
            return rc;
    }
    if (im->runs_n >= BATCH_RUNS || im->batch_points >= BATCH_POINTS ||
        im->batch.used_bytes > MIB(64))
        return import_write_runs(im);
    return 0;
}

/* ---- logged models ---- */

static int take_run_model(struct import *im, struct foreign_run *r, const struct wire_field *f)
{
    if (ROOM(im, r->models, r->models_n, r->models_cap))
        return no_memory(im);
    r->models[r->models_n++] =
        (struct foreign_link){ { text_of(im, &f[1], ""), f[2].i }, f[0].i != 0 };
    return 0;
}

static int take_logged(struct import *im, const struct wire_field *f)
{
    int rc = import_write_experiments(im);
    if (!rc)
        rc = import_write_runs(im);
    if (rc)
        return rc;
    if (ROOM(im, im->logged, im->logged_n, im->logged_cap))
        return no_memory(im);
    int64_t status = f[4].i, created = int_of(&f[8], 0);
    im->logged[im->logged_n++] = (struct foreign_logged){
        .row = { .id = text_of(im, &f[0], ""),
                 .name = text_of(im, &f[2], ""),
                 .artifact_location = text_of(im, &f[3], ""),
                 .status = (enum logged_model_status)(status >= 0 && status <= 3 ? status : 0),
                 .model_type = text_of(im, &f[5], ""),
                 .source_run_id = text_of(im, &f[6], ""),
                 .lifecycle_stage = text_of(im, &f[7], "active"),
                 .creation_time_ms = created,
                 .last_update_time_ms = int_of(&f[9], created) },
        .foreign_experiment = f[1].i,
    };
    return 0;
}

static int take_logged_metric(struct import *im, struct foreign_logged *l,
                              const struct wire_field *f)
{
    if (ROOM(im, l->metrics, l->metrics_n, l->metrics_cap))
        return no_memory(im);
    l->metrics[l->metrics_n++] =
        (struct logged_metric){ .key = text_of(im, &f[0], ""),
                                .point = { f[1].d, f[2].i, f[3].i },
                                .run_id = text_of(im, &f[4], ""),
                                .dataset_name = text_of(im, &f[5], NULL),
                                .dataset_digest = text_of(im, &f[6], NULL) };
    return 0;
}

static int end_logged(struct import *im, struct foreign_logged *l)
{
    const int64_t *id =
        map_get(&im->experiments,
                str_of(arena_printf(&im->batch, "%lld", (long long)l->foreign_experiment)));
    int rc = 0;
    if (journal_find(&im->journal, "logged", l->row.id)) {
        im->logged_n--;
    } else if (!id) {
        import_differs(im, "logged model '%s' is left out: its experiment is not there", l->row.id);
        im->logged_n--;
    } else {
        l->row.experiment_id = *id;
        rc = import_copy_artifacts(
            im, arena_printf(&im->batch, "logged model '%s'", l->row.id),
            arena_printf(&im->batch, "%lld/models/%s/artifacts", (long long)*id, l->row.id),
            &l->row.artifact_location);
    }
    return !rc && im->logged_n >= BATCH_RUNS ? import_write_logged(im) : rc;
}

static int of_logged(struct import *im, const struct wire_frame *fr)
{
    if (!im->logged_n)
        return ERR(im->err, ERR_CORRUPT, "a part of a logged model without one");
    struct foreign_logged *l = &im->logged[im->logged_n - 1];
    switch (fr->kind) {
    case WIRE_LOGGED_PARAM: return take_pair(im, &l->params, fr->field);
    case WIRE_LOGGED_TAG: return take_pair(im, &l->tags, fr->field);
    case WIRE_LOGGED_METRIC: return take_logged_metric(im, l, fr->field);
    default: return end_logged(im, l);
    }
}

/* ---- the registry ---- */

static int take_model(struct import *im, const struct wire_field *f)
{
    int rc = import_write_experiments(im);
    if (!rc)
        rc = import_write_runs(im);
    if (!rc)
        rc = import_write_logged(im);
    if (rc)
        return rc;
    im->model = ARENA_NEW(&im->batch, struct foreign_model);
    im->model->row = (struct model){ .name = text_of(im, &f[0], ""),
                                     .description = text_of(im, &f[1], ""),
                                     .creation_time_ms = int_of(&f[2], 0),
                                     .last_update_time_ms = int_of(&f[3], 0) };
    return 0;
}

static int take_alias(struct import *im, const struct wire_field *f)
{
    struct foreign_model *m = im->model;
    if (ROOM(im, m->aliases, m->aliases_n, m->aliases_cap))
        return no_memory(im);
    m->aliases[m->aliases_n++] = (struct model_alias){ text_of(im, &f[0], ""), f[1].i };
    return 0;
}

static int take_version(struct import *im, const struct wire_field *f)
{
    struct foreign_model *m = im->model;
    if (ROOM(im, m->versions, m->versions_n, m->versions_cap))
        return no_memory(im);
    const char *stage = text_of(im, &f[2], "None"), *storage = text_of(im, &f[10], NULL);
    m->versions[m->versions_n++] = (struct foreign_version){
        .row = { .number = f[0].i,
                 .status = text_of(im, &f[1], "READY"),
                 .stage = stage,
                 .description = text_of(im, &f[3], ""),
                 .source = text_of(im, &f[4], ""),
                 .run_id = text_of(im, &f[5], NULL),
                 .run_link = text_of(im, &f[6], NULL),
                 .user = text_of(im, &f[7], ""),
                 .creation_time_ms = int_of(&f[8], 0),
                 .last_update_time_ms = int_of(&f[9], 0),
                 .deleted = strcmp(stage, "Deleted_Internal") == 0 },
        .storage = storage && !str_is(f[4].t, storage) ? storage : NULL,
    };
    return 0;
}

static int of_model(struct import *im, const struct wire_frame *fr)
{
    struct foreign_model *m = im->model;
    if (!m)
        return ERR(im->err, ERR_CORRUPT, "a part of a model without a model");
    switch (fr->kind) {
    case WIRE_MODEL_TAG: return take_pair(im, &m->tags, fr->field);
    case WIRE_ALIAS: return take_alias(im, fr->field);
    case WIRE_VERSION: return take_version(im, fr->field);
    case WIRE_VERSION_TAG:
        return m->versions_n ? take_pair(im, &m->versions[m->versions_n - 1].tags, fr->field)
                             : ERR(im->err, ERR_CORRUPT, "a tag without a version");
    default: break;
    }
    int rc = import_write_model(im, m);
    im->models_read++;
    im->model = NULL;
    arena_reset(&im->batch);
    return rc;
}

/* ---- frames ---- */

static int take_count(struct import *im, const struct wire_field *f)
{
    struct import_report *r = im->r;
    if (str_is(f[0].t, "problems")) {
        r->differences_all += MAX(0, f[1].i - IMPORT_DIFFERENCES_MAX);
        return 0;
    }
    r->counts = rows_room(im->a, r->counts, r->count_n, &im->counts_cap, sizeof *r->counts);
    if (!r->counts)
        return no_memory(im);
    r->counts[r->count_n++] =
        (struct import_count){ arena_strndup(im->a, f[0].t.p, f[0].t.n), f[1].i, -1, -1 };
    return 0;
}

static int of_run(struct import *im, const struct wire_frame *fr)
{
    struct foreign_run *r = run_of(im);
    if (!r)
        return ERR(im->err, ERR_CORRUPT, "a part of a run without a run");
    switch (fr->kind) {
    case WIRE_PARAM: return take_pair(im, &r->params, fr->field);
    case WIRE_TAG: return take_pair(im, &r->tags, fr->field);
    case WIRE_POINTS: return take_points(im, fr->field);
    case WIRE_INPUT: return take_input(im, fr->field);
    case WIRE_INPUT_TAG: return take_input_tag(im, fr->field);
    case WIRE_RUN_MODEL: return take_run_model(im, r, fr->field);
    default: return end_run(im);
    }
}

static int take_frame(struct import *im, const struct wire_frame *fr)
{
    const struct wire_field *f = fr->field;
    if (im->batch.failed || im->a->failed)
        return no_memory(im);
    if (fr->kind >= WIRE_PARAM && fr->kind <= WIRE_RUN_END)
        return of_run(im, fr);
    if (fr->kind >= WIRE_LOGGED_PARAM && fr->kind <= WIRE_LOGGED_END)
        return of_logged(im, fr);
    if (fr->kind >= WIRE_MODEL_TAG && fr->kind <= WIRE_MODEL_END)
        return of_model(im, fr);
    switch (fr->kind) {
    case WIRE_HELLO: im->r->kind = arena_strndup(im->a, f[0].t.p, f[0].t.n); return 0;
    case WIRE_EXPERIMENT: return take_experiment(im, f);
    case WIRE_EXPERIMENT_TAG: return take_experiment_tag(im, f);
    case WIRE_RUN: return take_run(im, f);
    case WIRE_MODEL: return take_model(im, f);
    case WIRE_LOGGED: return take_logged(im, f);
    case WIRE_COUNT: return take_count(im, f);
    case WIRE_PROBLEM: import_differs(im, "%s", f[0].t.p); return 0;
    case WIRE_FAIL: return ERR(im->err, (int)MAX(MIN(f[0].i, -1), ERR_READ_ONLY), "%s", f[1].t.p);
    case WIRE_DONE: im->done = 1; return 0;
    default: return 0;
    }
}

void import_show(struct import *im)
{
    struct import_watch *w = im->o->watch;
    if (!w)
        return;
    gauge_set(&w->runs, im->runs_read);
    gauge_set(&w->points, im->points_read);
    gauge_set(&w->models, im->models_read);
    gauge_set(&w->runs_added, im->r->runs_added);
    gauge_set(&w->runs_unchanged, im->r->runs_unchanged);
    gauge_set(&w->files, im->r->files);
}

int import_stopped(struct import *im)
{
    struct import_watch *w = im->o->watch;
    if (!w)
        return 0;
    import_show(im);
    if (w->tick && w->tick(w->arg))
        gauge_set(&w->stop, 1);
    return gauge_get(&w->stop) != 0;
}

static int is_stopped(void *arg)
{
    return import_stopped(arg);
}

static int read_frames(struct import *im, int fd)
{
    struct wire_in in;
    struct wire_frame fr;
    int rc;
    wire_in_init(&in, fd);
    in.waiting = is_stopped;
    in.arg = im;
    while ((rc = wire_next(&in, &fr, im->err)) == 1) {
        rc = take_frame(im, &fr);
        if (rc)
            break;
    }
    wire_in_fini(&in);
    if (!rc && im->done)
        rc = import_write_experiments(im);
    if (!rc && im->done)
        rc = import_write_runs(im);
    if (!rc && im->done)
        rc = import_write_logged(im);
    return rc;
}

/* ---- the child ---- */

static int end_of_child(struct import *im, struct proc *p, int rc)
{
    struct proc_end end = { 0 };
    if (rc)
        proc_kill(p, SIGKILL);
    if (!proc_wait(p, CHILD_END_MS, &end)) {
        proc_kill(p, SIGKILL);
        (void)proc_wait(p, -1, &end);
    }
    proc_fini(p);
    if (rc || im->done)
        return rc;
    if (end.exited)
        return ERR(im->err, ERR_FAILED,
                   "reading the source ended early (exit status %d); what was read until then is "
                   "kept, the next import goes on",
                   end.code);
    return ERR(im->err, ERR_FAILED,
               "reading the source ended by signal %d; what was read until then is kept, the next "
               "import goes on",
               end.signal);
}

static int run_child(struct import *im, const char *kind, const char *path)
{
    int remote = strcmp(kind, "server") == 0 || strcmp(kind, "postgresql") == 0;
    const char *argv[] = { proc_self(), "_import", kind, remote ? "-" : path, NULL };
    const char *url = remote ? arena_printf(im->a, "SLIPWAY_IMPORT_URL=%s", path) : NULL;
    const char *env[] = { "LC_ALL=C", "ASAN_OPTIONS=detect_leaks=0", url, NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct proc p;
    int fds[2];
    int rc = proc_pipe(fds, im->err);
    if (rc)
        return rc;
    spec.argv = argv;
    spec.env = env;
    spec.stdout_fd = fds[1];
    rc = proc_spawn(&p, &spec, im->err);
    (void)close(fds[1]);
    if (!rc)
        rc = end_of_child(im, &p, read_frames(im, fds[0]));
    (void)close(fds[0]);
    return rc;
}

/* ---- what the source is ---- */

static int is_folder(const char *path)
{
    struct fs_info info;
    return fs_stat(path, &info, NULL) == 0 && info.is_dir;
}

/* http://user:password@host/x/ → server:http://host/x */
static int find_server(struct import *im, char **out_path)
{
    char *url = arena_strdup(im->a, im->o->place), *at;
    for (size_t n = strlen(url); n > 8 && url[n - 1] == '/'; n--)
        url[n - 1] = '\0';
    *out_path = url;
    const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, "/?#");
    at = memchr(host, '@', (size_t)(end - host));
    im->source = arena_printf(im->a, "server:%.*s%s", (int)(host - url), url, at ? at + 1 : host);
    return 0;
}

/* The URL is not repeated: a password may stand in it. */
static int refuse_source(struct import *im, const char *place)
{
    int n = (int)MIN(strcspn(place, ":"), (size_t)40);
    if (str_starts(str_of(place), "mysql") || str_starts(str_of(place), "mariadb") ||
        str_starts(str_of(place), "mssql"))
        return ERR(im->err, ERR_INVALID,
                   "a store in %.*s is not read directly: start 'mlflow server "
                   "--backend-store-uri %.*s://…' on it and import from that server's http:// URL",
                   n, place, n, place);
    return ERR(im->err, ERR_INVALID,
               "cannot import from a '%.*s://' URL; name an mlruns folder or "
               "sqlite:///path/mlflow.db, postgresql://user@host/name, or the http:// or https:// "
               "URL of a server",
               n, place);
}

static int find_source(struct import *im, const char **out_kind, char **out_path)
{
    const char *place = im->o->place;
    str_t p = str_of(place);
    int sqlite = str_starts(p, "sqlite:///");
    if (str_starts(p, "http://") || str_starts(p, "https://")) {
        *out_kind = "server";
        return find_server(im, out_path);
    }
    if (pg_url_is(place)) {
        struct pg_url url;
        *out_kind = "postgresql";
        *out_path = arena_strdup(im->a, place);
        int bad = pg_url_parse(im->a, place, &url, im->err);
        im->source = url.shown;
        return bad;
    }
    if (!sqlite && strstr(place, "://") && !str_starts(p, "file://"))
        return refuse_source(im, place);
    const char *path = sqlite                     ? place + strlen("sqlite:///")
                       : str_starts(p, "file://") ? place + strlen("file://")
                                                  : place;
    int rc = fs_real(im->a, path, out_path, im->err);
    if (rc)
        return rc;
    *out_kind = is_folder(*out_path) ? "files" : "sqlite";
    im->source = arena_printf(im->a, "%s:%s", *out_kind, *out_path);
    return 0;
}

/* ---- all of it ---- */

static int load_journal(struct tx *tx, void *arg, struct err *err)
{
    struct import *im = arg;
    int rc = journal_load(tx, im->a, im->source, &im->journal, err);
    for (size_t i = 0; i < im->journal.n && !rc; i++) {
        const struct journal_entry *e = im->journal.entries[i].value;
        str_t key = im->journal.entries[i].key, kind, foreign;
        int64_t id;
        if (!str_cut(key, ' ', &kind, &foreign) || !str_is(kind, "experiment") ||
            parse_i64(str_of(e->our_id), &id) != 0)
            continue;
        int64_t *kept = ARENA_NEW(im->a, int64_t);
        *kept = id;
        (void)map_put(&im->experiments, foreign, kept);
    }
    return rc;
}

static int count_here(struct tx *tx, void *arg, struct err *err)
{
    struct import *im = arg;
    int rc = 0;
    for (size_t i = 0; i < im->r->count_n && !rc; i++)
        rc = journal_count(tx, im->source, im->r->counts[i].kind, &im->r->counts[i].here, err);
    return rc;
}

static int compare_counts(struct import *im)
{
    int rc = store_read(im->o->store, count_here, im, im->err);
    for (size_t i = 0; i < im->r->count_n && !rc; i++) {
        const struct import_count *c = &im->r->counts[i];
        if (c->here >= 0 && c->here < c->source)
            import_differs(im, "%s: %lld there, %lld here", c->kind, (long long)c->source,
                           (long long)c->here);
        else if (c->here < 0 && c->source > 0)
            import_differs(im, "%s: %lld there are not imported yet", c->kind,
                           (long long)c->source);
    }
    return rc;
}

static int import_all(const struct import_options *o, struct arena *a, struct import_report *out,
                      struct err *err)
{
    struct err local = ERR_INIT;
    struct import im = { .o = o, .a = a, .r = out, .err = err ? err : &local };
    const char *kind = NULL;
    char *path = NULL;
    int64_t started = clock_mono_ns();
    *out = (struct import_report){ .kind = "" };
    arena_init(&im.batch, GIB(1));
    map_init(&im.journal);
    map_init(&im.experiments);
    int rc = find_source(&im, &kind, &path);
    out->source = im.source;
    if (!rc)
        rc = store_read(o->store, load_journal, &im, im.err);
    if (!rc)
        rc = run_child(&im, kind, path);
    if (!rc)
        rc = compare_counts(&im);
    map_fini(&im.experiments);
    map_fini(&im.journal);
    arena_fini(&im.batch);
    out->duration_ms = (clock_mono_ns() - started) / 1000000;
    return rc;
}

int import_mlflow(const struct import_options *o, struct arena *a, struct import_report *out,
                  struct err *err)
{
    struct import_watch *w = o->watch;
    if (!w)
        return import_all(o, a, out, err);
    if (!claim_try(&w->busy))
        return ERR(err, ERR_CONFLICT, "another import is going on; GET /api/v1/import shows it");
    gauge_t *const zero[] = { &w->runs,  &w->runs_added, &w->runs_unchanged, &w->points, &w->models,
                              &w->files, &w->stop };
    for (size_t i = 0; i < ARRAY_LEN(zero); i++)
        gauge_set(zero[i], 0);
    gauge_set(&w->started_ms, clock_now_ms());
    gauge_set(&w->is_running, 1);
    int rc = import_all(o, a, out, err);
    gauge_set(&w->is_running, 0);
    claim_drop(&w->busy);
    return rc != ERR_CANCELLED
               ? rc
               : ERR(err, ERR_CANCELLED,
                     "stopped; %lld runs are here already, and the same import goes on from there",
                     (long long)(out->runs_added + out->runs_unchanged));
}

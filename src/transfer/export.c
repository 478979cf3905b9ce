/* SPDX-License-Identifier: Apache-2.0
 * Export: experiments, runs with history, data sets and the registry as MLflow's file store keeps
 * them: meta.yaml and one file a parameter, tag and metric; what is deleted lies in .trash or says
 * so. Written under a temporary name, renamed when whole. */
#include "transfer/export.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "codec/hash.h"
#include "codec/yaml.h"
#include "registry/version.h"
#include "store/rows.h"
#include "track/dataset.h"
#include "track/logged_model.h"
#include "track/search.h"
#include "transfer/export_files.h"

enum { PAGE = 64 }; /* runs of one snapshot: a snapshot has a time limit */

struct out_dir {
    const struct export_options *o;
    struct export_report *r;
    struct err *err;
    struct tx *tx;
    struct arena a; /* of one experiment or model */
    const char *part;
    struct export_files files;
    struct buf b; /* the file being written */
};

typedef int (*step_fn)(struct out_dir *x, void *arg);

struct step {
    struct out_dir *x;
    step_fn fn;
    void *arg;
};

static int run_step(struct tx *tx, void *arg, struct err *err)
{
    struct step *s = arg;
    (void)err;
    s->x->tx = tx;
    return s->fn(s->x, s->arg);
}

/* fn may use x->tx; never nested. */
static int in_snapshot(struct out_dir *x, step_fn fn, void *arg)
{
    struct step s = { x, fn, arg };
    return store_read(x->o->store, run_step, &s, x->err);
}

/* ---- files ---- */

static void put_text(struct out_dir *x, const char *key, const char *value)
{
    buf_printf(&x->b, "%s: ", key);
    if (value)
        yaml_put_string(&x->b, str_of(value));
    else
        buf_puts(&x->b, "null");
    buf_putc(&x->b, '\n');
}

static void put_int(struct out_dir *x, const char *key, int64_t v)
{
    buf_printf(&x->b, "%s: %lld\n", key, (long long)v);
}

static int save(struct out_dir *x, const char *path)
{
    int rc = x->b.failed ? ERR(x->err, ERR_LIMIT, "'%s' is too large", path)
                         : fs_write_cache(path, buf_view(&x->b), x->err);
    buf_clear(&x->b);
    return rc;
}

static int save_in(struct out_dir *x, const char *dir, const char *name)
{
    int rc = fs_mkdirs(dir, x->err);
    return rc ? rc : save(x, fs_join(&x->a, dir, name));
}

/* One file for a key; a '/' in it makes folders. */
static int save_key(struct out_dir *x, const char *dir, const char *folder, const char *key)
{
    char *path = fs_join(&x->a, fs_join(&x->a, dir, folder), key), *slash = strrchr(path, '/');
    *slash = '\0';
    int rc = fs_mkdirs(path, x->err);
    *slash = '/';
    return rc ? rc : save(x, path);
}

static int save_pairs(struct out_dir *x, const char *dir, const char *folder,
                      const struct track_pair *p, size_t n)
{
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        buf_puts(&x->b, p[i].value);
        rc = save_key(x, dir, folder, p[i].key);
    }
    return rc;
}

/* The path in the tree of artifacts, or NULL when the URI means another place. */
static const char *tree_path(const char *uri)
{
    static const char prefix[] = "mlflow-artifacts:/";
    if (!str_starts(str_of(uri), prefix))
        return NULL;
    const char *rest = uri + sizeof prefix - 1;
    return rest + strspn(rest, "/");
}

/* A URI that MLflow's file store can follow without our server: the tree has its layout. */
static const char *plain_uri(struct out_dir *x, const char *uri)
{
    const char *path = tree_path(uri);
    return path ? arena_printf(&x->a, "file://%s/%s", x->o->dir, path) : uri;
}

/* The same for a root whose files go into <dir>/artifacts of the export. */
static const char *root_uri(struct out_dir *x, const char *uri, const char *dir)
{
    const char *inside = dir + strlen(x->part);
    return tree_path(uri) ? arena_printf(&x->a, "file://%s%s/artifacts", x->o->dir, inside) : uri;
}

static int note_files(struct out_dir *x, const char *uri, const char *dir)
{
    const char *path = tree_path(uri), *to = fs_join(&x->a, dir, "artifacts");
    return path && x->o->blobs ? export_files_note(&x->files, x->tx, path, to, x->err) : 0;
}

/* ---- runs ---- */

static int64_t status_number(const char *status)
{
    static const char *const names[] = { "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(status, names[i]) == 0)
            return (int64_t)i + 1;
    return 1;
}

/* As Python's float() reads it. */
static void put_number(struct buf *b, double v)
{
    char text[FMT_DOUBLE_MAX];
    (void)fmt_double(v, text);
    buf_puts(b, strcmp(text, "NaN") == 0         ? "nan"
                : strcmp(text, "Infinity") == 0  ? "inf"
                : strcmp(text, "-Infinity") == 0 ? "-inf"
                                                 : text);
}

static int export_metrics(struct out_dir *x, const char *id, const char *dir)
{
    struct metric *list;
    size_t n;
    int rc = metric_list(x->tx, &x->a, id, &list, &n, x->err);
    for (size_t i = 0; i < n && !rc; i++) {
        struct metric_point *p;
        size_t points;
        struct arena_mark mark = arena_snapshot(&x->a);
        rc = metric_history(x->tx, &x->a, id, list[i].key, &p, &points, x->err);
        for (size_t k = 0; k < points && !rc; k++) {
            buf_printf(&x->b, "%lld ", (long long)p[k].time_ms);
            put_number(&x->b, p[k].value);
            buf_printf(&x->b, " %lld\n", (long long)p[k].step);
        }
        if (!rc)
            rc = save_key(x, dir, "metrics", list[i].key);
        x->r->points += rc ? 0 : (int64_t)points;
        arena_restore(&x->a, mark);
    }
    return rc;
}

static int export_inputs(struct out_dir *x, const char *id, const char *experiment_dir,
                         const char *dir)
{
    struct run_input *list;
    size_t n;
    int rc = run_inputs(x->tx, &x->a, id, &list, &n, x->err);
    for (size_t i = 0; i < n && !rc; i++) {
        const struct dataset *d = &list[i].dataset;
        char digest[SHA256_HEX];
        sha256_of(str_of(arena_printf(&x->a, "%s %s", d->name, d->digest)), digest);
        digest[32] = '\0';
        put_text(x, "name", d->name);
        put_text(x, "digest", d->digest);
        put_text(x, "source_type", d->source_type);
        put_text(x, "source", d->source);
        put_text(x, "schema", d->schema);
        put_text(x, "profile", d->profile);
        rc = save_in(x, arena_printf(&x->a, "%s/datasets/%s", experiment_dir, digest), "meta.yaml");
        put_text(x, "source_type", "DATASET");
        put_text(x, "source_id", digest);
        put_text(x, "destination_type", "RUN");
        put_text(x, "destination_id", digest);
        buf_puts(&x->b, list[i].context ? "tags:\n" : "tags: {}\n");
        if (list[i].context)
            put_text(x, "  mlflow.data.context", list[i].context);
        if (!rc)
            rc = save_in(x, arena_printf(&x->a, "%s/inputs/%s", dir, digest), "meta.yaml");
    }
    return rc;
}

/* Logged models that the run read or made. */
static int export_links(struct out_dir *x, const char *id, int output, const char *dir)
{
    struct run_model *list;
    size_t n;
    int rc = run_models(x->tx, &x->a, id, output, &list, &n, x->err);
    for (size_t i = 0; i < n && !rc; i++) {
        put_text(x, "source_type", output ? "RUN_OUTPUT" : "RUN_INPUT");
        put_text(x, "source_id", output ? list[i].model_id : id);
        put_text(x, "destination_type", output ? "MODEL_OUTPUT" : "MODEL_INPUT");
        put_text(x, "destination_id", list[i].model_id);
        put_int(x, "step", list[i].step);
        buf_puts(&x->b, "tags: {}\n");
        rc = save_in(
            x,
            arena_printf(&x->a, "%s/%s/%s", dir, output ? "outputs" : "inputs", list[i].model_id),
            "meta.yaml");
    }
    return rc;
}

static int export_run(struct out_dir *x, const struct run *r, const char *experiment_dir)
{
    const char *dir = fs_join(&x->a, experiment_dir, r->id);
    struct track_pair *params, *tags;
    size_t params_n, tags_n;
    put_text(x, "artifact_uri", root_uri(x, r->artifact_uri, dir));
    if (r->end_time_ms >= 0)
        put_int(x, "end_time", r->end_time_ms);
    else
        put_text(x, "end_time", NULL);
    put_text(x, "entry_point_name", "");
    buf_printf(&x->b, "experiment_id: '%lld'\n", (long long)r->experiment_id);
    put_text(x, "lifecycle_stage", r->lifecycle_stage);
    put_text(x, "run_id", r->id);
    put_text(x, "run_uuid", r->id);
    put_text(x, "run_name", r->name);
    put_text(x, "source_name", "");
    put_int(x, "source_type", 4);
    put_text(x, "source_version", "");
    put_int(x, "start_time", r->start_time_ms);
    put_int(x, "status", status_number(r->status));
    buf_puts(&x->b, "tags: []\n");
    put_text(x, "user_id", r->user);
    int rc = save_in(x, dir, "meta.yaml");
    for (size_t i = 0; i < 4 && !rc; i++) {
        static const char *const folders[] = { "params", "metrics", "tags", "artifacts" };
        rc = fs_mkdirs(fs_join(&x->a, dir, folders[i]), x->err);
    }
    if (!rc)
        rc = run_params(x->tx, &x->a, r->id, &params, &params_n, x->err);
    if (!rc)
        rc = save_pairs(x, dir, "params", params, params_n);
    if (!rc)
        rc = run_tags(x->tx, &x->a, r->id, &tags, &tags_n, x->err);
    if (!rc)
        rc = save_pairs(x, dir, "tags", tags, tags_n);
    if (!rc)
        rc = export_metrics(x, r->id, dir);
    if (!rc)
        rc = export_inputs(x, r->id, experiment_dir, dir);
    for (int output = 0; output < 2 && !rc; output++)
        rc = export_links(x, r->id, output, dir);
    if (!rc)
        rc = note_files(x, r->artifact_uri, dir);
    x->r->runs += !rc;
    return rc;
}

/* The runs of one experiment: listed in one snapshot, written in several. */
struct run_list {
    int64_t experiment_id;
    const char *dir;
    struct run *runs;
    size_t n, at; /* at: the next one to write */
};

static int list_runs(struct out_dir *x, void *arg)
{
    struct run_list *l = arg;
    int more = 0;
    struct run_query q = { .project = x->o->project,
                           .experiment_ids = &l->experiment_id,
                           .experiment_n = 1,
                           .view = TRACK_ALL,
                           .limit = RUN_SEARCH_LIMIT };
    int rc = run_search(x->tx, &x->a, &q, &l->runs, &l->n, &more, x->err);
    if (!rc && more)
        rc = ERR(x->err, ERR_LIMIT, "experiment %lld has more than %d runs",
                 (long long)l->experiment_id, RUN_SEARCH_LIMIT);
    return rc;
}

static int export_some_runs(struct out_dir *x, void *arg)
{
    struct run_list *l = arg;
    int rc = 0;
    for (size_t end = MIN(l->at + PAGE, l->n); l->at < end && !rc; l->at++) {
        struct arena_mark mark = arena_snapshot(&x->a);
        rc = export_run(x, &l->runs[l->at], l->dir);
        arena_restore(&x->a, mark);
    }
    return rc;
}

static int export_runs(struct out_dir *x, int64_t experiment_id, const char *dir)
{
    struct run_list l = { .experiment_id = experiment_id, .dir = dir };
    int rc = in_snapshot(x, list_runs, &l);
    while (!rc && l.at < l.n)
        rc = in_snapshot(x, export_some_runs, &l);
    return rc;
}

/* ---- logged models ---- */

/* One file a key; points of one key come one after another. */
static int export_logged_metrics(struct out_dir *x, const char *id, const char *dir)
{
    struct logged_metric *list;
    size_t n;
    int rc = logged_model_metrics(x->tx, &x->a, id, &list, &n, x->err);
    for (size_t i = 0; i < n && !rc; i++) {
        int first = 1;
        for (size_t k = 0; k < i && first; k++)
            first = strcmp(list[k].key, list[i].key) != 0;
        for (size_t k = i; first && k < n; k++) {
            const struct logged_metric *m = &list[k];
            if (strcmp(m->key, list[i].key) != 0)
                continue;
            buf_printf(&x->b, "%lld ", (long long)m->point.time_ms);
            put_number(&x->b, m->point.value);
            buf_printf(&x->b, " %lld %s", (long long)m->point.step, m->run_id);
            if (m->dataset_name && m->dataset_digest)
                buf_printf(&x->b, " %s %s", m->dataset_name, m->dataset_digest);
            buf_putc(&x->b, '\n');
        }
        if (first)
            rc = save_key(x, dir, "metrics", list[i].key);
    }
    return rc;
}

static int export_logged_model(struct out_dir *x, const struct logged_model *m,
                               const char *experiment_dir)
{
    const char *dir = arena_printf(&x->a, "%s/models/%s", experiment_dir, m->id);
    struct track_pair *params, *tags;
    size_t params_n, tags_n;
    put_text(x, "artifact_location", root_uri(x, m->artifact_location, dir));
    put_int(x, "creation_timestamp", m->creation_time_ms);
    buf_printf(&x->b, "experiment_id: '%lld'\n", (long long)m->experiment_id);
    put_int(x, "last_updated_timestamp", m->last_update_time_ms);
    put_text(x, "model_id", m->id);
    put_text(x, "model_type", m->model_type[0] ? m->model_type : NULL);
    put_text(x, "name", m->name);
    put_text(x, "source_run_id", m->source_run_id[0] ? m->source_run_id : NULL);
    put_int(x, "status", m->status);
    put_text(x, "status_message", NULL);
    int rc = save_in(x, dir, "meta.yaml");
    for (size_t i = 0; i < 3 && !rc; i++) {
        static const char *const folders[] = { "params", "metrics", "tags" };
        rc = fs_mkdirs(fs_join(&x->a, dir, folders[i]), x->err);
    }
    if (!rc)
        rc = logged_model_params(x->tx, &x->a, m->id, &params, &params_n, x->err);
    if (!rc)
        rc = save_pairs(x, dir, "params", params, params_n);
    if (!rc)
        rc = logged_model_tags(x->tx, &x->a, m->id, &tags, &tags_n, x->err);
    if (!rc)
        rc = save_pairs(x, dir, "tags", tags, tags_n);
    if (!rc)
        rc = note_files(x, m->artifact_location, dir);
    return rc ? rc : export_logged_metrics(x, m->id, dir);
}

static int export_logged_models(struct out_dir *x, void *arg)
{
    const struct run_list *of = arg;
    struct logged_model *list;
    size_t n;
    int rc = logged_model_list(x->tx, &x->a, of->experiment_id, &list, &n, x->err);
    for (size_t i = 0; i < n && !rc; i++) {
        struct arena_mark mark = arena_snapshot(&x->a);
        rc = export_logged_model(x, &list[i], of->dir);
        arena_restore(&x->a, mark);
    }
    return rc;
}

/* ---- experiments ---- */

static const char *experiment_dir(struct out_dir *x, const struct experiment *e)
{
    int deleted = strcmp(e->lifecycle_stage, "deleted") == 0;
    return arena_printf(&x->a, "%s%s/%lld", x->part, deleted ? "/.trash" : "", (long long)e->id);
}

static int export_head(struct out_dir *x, void *arg)
{
    const struct experiment *e = arg;
    const char *dir = experiment_dir(x, e);
    struct track_pair *tags;
    size_t tag_n;
    put_text(x, "artifact_location", plain_uri(x, e->artifact_location));
    put_int(x, "creation_time", e->creation_time_ms);
    buf_printf(&x->b, "experiment_id: '%lld'\n", (long long)e->id);
    put_int(x, "last_update_time", e->last_update_time_ms);
    put_text(x, "lifecycle_stage", e->lifecycle_stage);
    put_text(x, "name", e->name);
    int rc = save_in(x, dir, "meta.yaml");
    if (!rc)
        rc = experiment_tags(x->tx, &x->a, e->id, &tags, &tag_n, x->err);
    if (!rc)
        rc = save_pairs(x, dir, "tags", tags, tag_n);
    return rc;
}

static int export_experiment(struct out_dir *x, struct experiment *e)
{
    struct run_list of = { .experiment_id = e->id, .dir = experiment_dir(x, e) };
    int rc = in_snapshot(x, export_head, e);
    if (!rc)
        rc = export_runs(x, e->id, of.dir);
    if (!rc)
        rc = in_snapshot(x, export_logged_models, &of);
    x->r->experiments += !rc;
    return rc;
}

struct experiment_rows {
    struct experiment *list;
    size_t n;
};

static int list_experiments(struct out_dir *x, void *arg)
{
    struct experiment_rows *l = arg;
    return experiment_list(x->tx, &x->a, x->o->project, TRACK_ALL, &l->list, &l->n, x->err);
}

static int export_experiments(struct out_dir *x)
{
    struct experiment_rows l = { 0 };
    int rc = in_snapshot(x, list_experiments, &l);
    for (size_t i = 0; i < l.n && !rc; i++) {
        struct arena_mark mark = arena_snapshot(&x->a);
        rc = export_experiment(x, &l.list[i]);
        arena_restore(&x->a, mark);
    }
    return rc;
}

/* ---- the registry ---- */

static int export_version(struct out_dir *x, const struct version *v, const char *model_dir)
{
    const char *dir = arena_printf(&x->a, "%s/version-%lld", model_dir, (long long)v->number);
    struct track_pair *tags;
    size_t tag_n;
    put_int(x, "creation_timestamp", v->creation_time_ms);
    put_text(x, "current_stage", v->stage);
    put_text(x, "description", v->description[0] ? v->description : NULL);
    put_int(x, "last_updated_timestamp", v->last_update_time_ms);
    put_text(x, "name", v->model);
    put_text(x, "run_id", v->run_id);
    put_text(x, "run_link", v->run_link);
    put_text(x, "source", plain_uri(x, v->source));
    put_text(x, "status", v->status);
    put_text(x, "status_message", NULL);
    put_text(x, "storage_location", plain_uri(x, v->source));
    put_text(x, "user_id", v->user);
    put_int(x, "version", v->number);
    int rc = save_in(x, dir, "meta.yaml");
    if (!rc)
        rc = version_tags(x->tx, &x->a, v, &tags, &tag_n, x->err);
    if (!rc)
        rc = save_pairs(x, dir, "tags", tags, tag_n);
    x->r->versions += !rc;
    return rc;
}

static int export_model(struct out_dir *x, const struct model *m)
{
    const char *dir = arena_printf(&x->a, "%s/models/%s", x->part, m->name);
    struct track_pair *tags;
    struct model_alias *aliases;
    struct version *versions;
    size_t tag_n, alias_n, version_n;
    int rc = model_aliases(x->tx, &x->a, m->id, &aliases, &alias_n, x->err);
    if (rc)
        return rc;
    buf_puts(&x->b, alias_n ? "aliases:\n" : "aliases: {}\n");
    for (size_t i = 0; i < alias_n; i++)
        buf_printf(&x->b, "  '%s': '%lld'\n", aliases[i].alias, (long long)aliases[i].version);
    put_int(x, "creation_timestamp", m->creation_time_ms);
    put_text(x, "description", m->description[0] ? m->description : NULL);
    put_int(x, "last_updated_timestamp", m->last_update_time_ms);
    put_text(x, "name", m->name);
    rc = save_in(x, dir, "meta.yaml");
    for (size_t i = 0; i < alias_n && !rc; i++) {
        buf_printf(&x->b, "%lld", (long long)aliases[i].version);
        rc = save_key(x, dir, "aliases", aliases[i].alias);
    }
    if (!rc)
        rc = model_tags(x->tx, &x->a, m->id, &tags, &tag_n, x->err);
    if (!rc)
        rc = save_pairs(x, dir, "tags", tags, tag_n);
    if (!rc)
        rc = version_list(x->tx, &x->a, x->o->project, m->name, &versions, &version_n, x->err);
    for (size_t i = 0; !rc && i < version_n; i++)
        rc = export_version(x, &versions[i], dir);
    x->r->models += !rc;
    return rc;
}

static int export_models(struct out_dir *x, void *arg)
{
    (void)arg;
    struct model *list;
    size_t n;
    int rc = fs_mkdirs(arena_printf(&x->a, "%s/models", x->part), x->err);
    if (!rc)
        rc = model_list(x->tx, &x->a, x->o->project, &list, &n, x->err);
    for (size_t i = 0; !rc && i < n; i++) {
        struct arena_mark mark = arena_snapshot(&x->a);
        rc = export_model(x, &list[i]);
        arena_restore(&x->a, mark);
    }
    return rc;
}

/* ---- all of it ---- */

int export_mlflow(const struct export_options *o, struct export_report *out, struct err *err)
{
    struct err local = ERR_INIT;
    struct out_dir x = { .o = o, .r = out, .err = err ? err : &local };
    *out = (struct export_report){ 0 };
    if (fs_exists(o->dir))
        return ERR(err, ERR_EXISTS, "'%s' exists; name a folder that does not", o->dir);
    arena_init(&x.a, GIB(1));
    arena_init(&x.files.a, GIB(1));
    x.files.blobs = o->blobs;
    x.files.destination = o->artifacts_destination;
    buf_init(&x.b, GIB(1));
    x.part = arena_printf(&x.a, "%s.part", o->dir);
    int rc = fs_remove_tree(x.part, x.err);
    if (!rc)
        rc = fs_mkdirs(x.part, x.err);
    if (!rc)
        rc = export_experiments(&x);
    if (!rc)
        rc = in_snapshot(&x, export_models, NULL);
    if (!rc)
        rc = export_files_copy(&x.files, &out->files, x.err);
    if (!rc)
        rc = fs_rename(x.part, o->dir, x.err);
    if (rc)
        IGNORE(fs_remove_tree(x.part, NULL));
    buf_fini(&x.b);
    arena_fini(&x.files.a);
    arena_fini(&x.a);
    return rc;
}

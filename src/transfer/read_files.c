/* SPDX-License-Identifier: Apache-2.0
 * Reads MLflow's file store, a folder mlruns: meta.yaml of experiments, runs, data sets, models;
 * one file a parameter, tag and metric. The folder is hostile: links are not followed, files have a
 * limit, what is malformed is told with its path and left out. Runs in the child process. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "codec/yaml.h"
#include "track/metric.h"
#include "transfer/reader.h"

enum { METRIC_FILE_MAX = 256 << 20, KEY_DEPTH_MAX = 20, KEY_MAX = 1000 };

enum counted {
    N_EXPERIMENTS,
    N_EXPERIMENT_TAGS,
    N_RUNS,
    N_PARAMS,
    N_TAGS,
    N_METRICS,
    N_POINTS,
    N_INPUTS,
    N_LOGGED,
    N_MODELS,
    N_VERSIONS,
    N_ALIASES,
    N_KINDS
};

struct store_dir {
    struct reader *r;
    const char *root;
    struct arena a; /* of one run, experiment or model */
    int64_t n[N_KINDS];
    int64_t experiment; /* being read */
    const char *experiment_dir;
};

/* ---- files ---- */

/* A folder or file that is no link; 0 when it is not there. */
static int is_dir(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int is_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Names in a folder; none when it is not there. */
static size_t names_of(struct store_dir *s, const char *dir, const char ***out)
{
    size_t n = 0;
    struct err err = ERR_INIT;
    *out = NULL;
    if (!is_dir(dir))
        return 0;
    if (fs_list(&s->a, dir, out, &n, &err) != 0) {
        reader_problem(s->r, "%s", err.msg);
        return 0;
    }
    return n;
}

static int read_file(struct store_dir *s, const char *path, size_t max, str_t *out)
{
    struct err err = ERR_INIT;
    if (!is_file(path)) {
        reader_problem(s->r, "'%s' is no file; it is left out", path);
        return -1;
    }
    if (fs_read(&s->a, path, max, out, &err) != 0) {
        reader_problem(s->r, "%s; it is left out", err.msg);
        return -1;
    }
    return 0;
}

/* The map in <dir>/meta.yaml; NULL when there is none, which is told when it must be there. */
static const struct yaml_node *read_meta(struct store_dir *s, const char *dir, int must)
{
    const char *path = fs_join(&s->a, dir, "meta.yaml");
    struct yaml_document *doc = ARENA_NEW(&s->a, struct yaml_document);
    struct err err = ERR_INIT;
    str_t text;
    if (!must && !is_file(path))
        return NULL;
    if (read_file(s, path, LIMIT_YAML_BYTES, &text) != 0)
        return NULL;
    if (yaml_parse(&s->a, text, doc, &err) != 0 || !doc->root || doc->root->kind != YAML_IS_MAP) {
        reader_problem(s->r, "'%s' is left out: %s", path, err.code ? err.msg : "it is no map");
        return NULL;
    }
    return doc->root;
}

/* Text of a scalar, p NULL when absent or null. */
static str_t text_at(const struct yaml_node *m, const char *key)
{
    const struct yaml_node *n = yaml_get(m, key);
    if (!n || n->kind == YAML_IS_NULL || !yaml_is_scalar(n) || memchr(n->text.p, 0, n->text.n))
        return (str_t){ NULL, 0 };
    return n->text;
}

static int int_at(const struct yaml_node *m, const char *key, int64_t *out)
{
    str_t t = text_at(m, key);
    return t.p && parse_i64(t, out) == 0;
}

static void send_int_at(struct store_dir *s, const struct yaml_node *m, const char *key)
{
    int64_t v;
    if (int_at(m, key, &v))
        wire_int(&s->r->out, v);
    else
        wire_none(&s->r->out);
}

/* A text that must be there; the empty one when it is not. */
static void send_text_at(struct store_dir *s, const struct yaml_node *m, const char *key)
{
    str_t t = text_at(m, key);
    wire_text(&s->r->out, t.p ? t : STR(""));
}

static void send_maybe_at(struct store_dir *s, const struct yaml_node *m, const char *key)
{
    wire_text(&s->r->out, text_at(m, key));
}

/* ---- keys in files: a '/' in a key is a folder ---- */

typedef void (*key_fn)(struct store_dir *s, const char *path, str_t key, void *arg);

static void each_key(struct store_dir *s, const char *dir, const char *prefix, int depth, key_fn fn,
                     void *arg)
{
    const char **names;
    size_t n = names_of(s, dir, &names);
    for (size_t i = 0; i < n; i++) {
        const char *path = fs_join(&s->a, dir, names[i]);
        const char *key = *prefix ? fs_join(&s->a, prefix, names[i]) : names[i];
        if (is_dir(path) && depth < KEY_DEPTH_MAX) {
            each_key(s, path, key, depth + 1, fn, arg);
        } else if (strlen(key) > KEY_MAX || !str_is_utf8(str_of(key))) {
            reader_problem(s->r, "'%s' is left out: its name cannot be a key", path);
        } else {
            struct arena_mark mark = arena_snapshot(&s->a);
            fn(s, path, str_of(key), arg);
            arena_restore(&s->a, mark);
        }
    }
}

struct pair_job {
    enum wire_kind kind;
    int64_t *count;
    int with_experiment;
};

static void send_pair(struct store_dir *s, const char *path, str_t key, void *arg)
{
    const struct pair_job *job = arg;
    str_t value;
    if (read_file(s, path, READER_TEXT_MAX, &value) != 0)
        return;
    if (!str_is_utf8(value) || memchr(value.p, 0, value.n)) {
        reader_problem(s->r, "'%s' is left out: it is not UTF-8", path);
        return;
    }
    wire_begin(&s->r->out, job->kind);
    if (job->with_experiment)
        wire_int(&s->r->out, s->experiment);
    wire_text(&s->r->out, key);
    wire_text(&s->r->out, value);
    wire_end(&s->r->out);
    if (job->count)
        ++*job->count;
}

static void send_pairs(struct store_dir *s, const char *dir, const char *folder,
                       enum wire_kind kind, int64_t *count)
{
    struct pair_job job = { kind, count, kind == WIRE_EXPERIMENT_TAG };
    each_key(s, fs_join(&s->a, dir, folder), "", 0, send_pair, &job);
}

/* ---- metrics ---- */

struct line {
    struct metric_point p;
    str_t extra[3]; /* model metrics: run, data set, its digest */
    int extra_n;
};

static str_t word(str_t *s)
{
    str_t w, rest = { NULL, 0 };
    if (!str_cut(*s, ' ', &w, &rest))
        w = *s;
    *s = rest;
    return w;
}

static int read_line(str_t text, struct line *out)
{
    str_t s = str_trim(text), time = word(&s), value = word(&s), step = word(&s);
    *out = (struct line){ 0 };
    if (parse_i64(time, &out->p.time_ms) != 0 || parse_double(value, &out->p.value) != 0)
        return -1;
    if (step.n && parse_i64(step, &out->p.step) != 0)
        return -1;
    while (s.n && out->extra_n < 3)
        out->extra[out->extra_n++] = word(&s);
    return 0;
}

static int by_content(const void *x, const void *y)
{
    const struct metric_point *a = *(const struct metric_point *const *)x,
                              *b = *(const struct metric_point *const *)y;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    int rc = memcmp(&a->value, &b->value, sizeof a->value);
    return rc ? rc : a < b ? -1 : a > b;
}

/* Leaves of equal points the first; the order stays. Returns how many are left. */
static size_t without_repeats(struct store_dir *s, struct metric_point *p, size_t n)
{
    const struct metric_point **sorted = ARENA_TRY_ARRAY(&s->a, n, const struct metric_point *);
    unsigned char *twice = arena_try_alloc(&s->a, n, 1);
    size_t kept = 0;
    if (!sorted || !twice || !n)
        return n;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &p[i];
    qsort(sorted, n, sizeof *sorted, by_content);
    for (size_t i = 1; i < n; i++)
        if (sorted[i]->step == sorted[i - 1]->step &&
            sorted[i]->time_ms == sorted[i - 1]->time_ms &&
            memcmp(&sorted[i]->value, &sorted[i - 1]->value, sizeof(double)) == 0)
            twice[sorted[i] - p] = 1;
    for (size_t i = 0; i < n; i++)
        if (!twice[i])
            p[kept++] = p[i];
    return kept;
}

static size_t lines_of(str_t text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static void send_metric(struct store_dir *s, const char *path, str_t key, void *arg)
{
    str_t text, line;
    size_t n = 0, number = 0;
    (void)arg;
    if (read_file(s, path, METRIC_FILE_MAX, &text) != 0)
        return;
    struct metric_point *p = ARENA_TRY_ARRAY(&s->a, lines_of(text), struct metric_point);
    if (!p) {
        reader_problem(s->r, "'%s' is left out: it is too large", path);
        return;
    }
    while (text.n) {
        struct line l;
        str_t rest = { NULL, 0 };
        if (!str_cut(text, '\n', &line, &rest))
            line = text;
        text = rest;
        number++;
        if (!str_trim(line).n)
            continue;
        if (read_line(line, &l) != 0)
            reader_problem(s->r, "'%s' line %zu is left out: '%.*s' is no point of a metric", path,
                           number, (int)MIN(line.n, 60), line.p);
        else
            p[n++] = l.p;
    }
    n = without_repeats(s, p, n);
    for (size_t at = 0; at < n; at += READER_POINTS_MAX) {
        size_t piece = MIN(n - at, (size_t)READER_POINTS_MAX);
        wire_begin(&s->r->out, WIRE_POINTS);
        wire_text(&s->r->out, key);
        wire_bytes(&s->r->out, (str_t){ (const char *)(p + at), piece * sizeof *p });
        wire_end(&s->r->out);
    }
    s->n[N_POINTS] += (int64_t)n;
    s->n[N_METRICS] += n > 0;
}

/* ---- runs ---- */

static const char *status_name(int64_t v)
{
    static const char *const names[] = { "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED" };
    return v >= 1 && v <= 5 ? names[v - 1] : "RUNNING";
}

static void send_dataset(struct store_dir *s, const char *input_dir, const struct yaml_node *m)
{
    str_t id = text_at(m, "source_id");
    const struct yaml_node *tags = yaml_get(m, "tags"), *d = NULL;
    if (id.p && fs_is_safe_relative(id)) {
        const char *dir = fs_join(&s->a, fs_join(&s->a, s->experiment_dir, "datasets"), id.p);
        d = read_meta(s, dir, 1);
    }
    if (!d || !text_at(d, "name").p || !text_at(d, "digest").p) {
        reader_problem(s->r, "'%s': its data set cannot be read", input_dir);
        return;
    }
    static const char *const keys[] = { "name",   "digest", "source_type",
                                        "source", "schema", "profile" };
    wire_begin(&s->r->out, WIRE_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        send_maybe_at(s, d, keys[i]);
    wire_end(&s->r->out);
    s->n[N_INPUTS]++;
    for (size_t i = 0; tags && tags->kind == YAML_IS_MAP && i < tags->n; i++) {
        if (!yaml_is_scalar(tags->pairs[i].value))
            continue;
        wire_begin(&s->r->out, WIRE_INPUT_TAG);
        wire_text(&s->r->out, tags->pairs[i].key->text);
        wire_text(&s->r->out, tags->pairs[i].value->text);
        wire_end(&s->r->out);
    }
}

static void send_inputs(struct store_dir *s, const char *run_dir, const char *folder, int output)
{
    const char **names, *dir = fs_join(&s->a, run_dir, folder);
    size_t n = names_of(s, dir, &names);
    for (size_t i = 0; i < n; i++) {
        const char *input = fs_join(&s->a, dir, names[i]);
        const struct yaml_node *m = read_meta(s, input, 1);
        int64_t step = 0;
        if (!m)
            continue;
        if (!output && str_is(text_at(m, "source_type"), "DATASET")) {
            send_dataset(s, input, m);
            continue;
        }
        str_t id = text_at(m, "destination_id");
        (void)int_at(m, "step", &step);
        wire_begin(&s->r->out, WIRE_RUN_MODEL);
        wire_int(&s->r->out, output);
        wire_text(&s->r->out, id.p ? id : STR(""));
        wire_int(&s->r->out, step);
        wire_end(&s->r->out);
    }
}

static int send_run_row(struct store_dir *s, const char *dir)
{
    const struct yaml_node *m = read_meta(s, dir, 0);
    int64_t status = 1;
    if (!m)
        return 0;
    str_t id = text_at(m, "run_id"), stage = text_at(m, "lifecycle_stage");
    if (!id.p)
        id = text_at(m, "run_uuid");
    if (!id.p) {
        reader_problem(s->r, "'%s/meta.yaml' is left out: it has no run_id", dir);
        return 0;
    }
    (void)int_at(m, "status", &status);
    wire_begin(&s->r->out, WIRE_RUN);
    wire_text(&s->r->out, id);
    wire_int(&s->r->out, s->experiment);
    send_maybe_at(s, m, "run_name");
    wire_text(&s->r->out, str_of(status_name(status)));
    send_maybe_at(s, m, "user_id");
    send_int_at(s, m, "start_time");
    send_int_at(s, m, "end_time");
    wire_text(&s->r->out, stage.p ? stage : STR("active"));
    send_int_at(s, m, "deleted_time");
    send_maybe_at(s, m, "artifact_uri");
    wire_end(&s->r->out);
    return 1;
}

static void send_run(struct store_dir *s, const char *dir)
{
    struct arena_mark mark = arena_snapshot(&s->a);
    if (send_run_row(s, dir)) {
        s->n[N_RUNS]++;
        send_pairs(s, dir, "params", WIRE_PARAM, &s->n[N_PARAMS]);
        send_pairs(s, dir, "tags", WIRE_TAG, &s->n[N_TAGS]);
        each_key(s, fs_join(&s->a, dir, "metrics"), "", 0, send_metric, NULL);
        send_inputs(s, dir, "inputs", 0);
        send_inputs(s, dir, "outputs", 1);
        wire_begin(&s->r->out, WIRE_RUN_END);
        wire_end(&s->r->out);
    }
    arena_restore(&s->a, mark);
}

static void send_runs(struct store_dir *s, const char *dir)
{
    const char **names;
    size_t n = names_of(s, dir, &names);
    for (size_t i = 0; i < n; i++) {
        static const char *const others[] = { "tags", "datasets", "traces", "models" };
        const char *path = fs_join(&s->a, dir, names[i]);
        int other = names[i][0] == '.' || !is_dir(path);
        for (size_t k = 0; k < ARRAY_LEN(others); k++)
            other |= strcmp(names[i], others[k]) == 0;
        if (!other)
            send_run(s, path);
    }
}

/* ---- logged models ---- */

static void send_logged_metric(struct store_dir *s, const char *path, str_t key, void *arg)
{
    str_t text, line;
    (void)arg;
    if (read_file(s, path, READER_TEXT_MAX, &text) != 0)
        return;
    while (text.n) {
        struct line l;
        str_t rest = { NULL, 0 };
        if (!str_cut(text, '\n', &line, &rest))
            line = text;
        text = rest;
        if (read_line(line, &l) != 0 || l.extra_n < 1 || !str_is_utf8(line))
            continue;
        wire_begin(&s->r->out, WIRE_LOGGED_METRIC);
        wire_text(&s->r->out, key);
        wire_double(&s->r->out, l.p.value);
        wire_int(&s->r->out, l.p.time_ms);
        wire_int(&s->r->out, l.p.step);
        for (int i = 0; i < 3; i++)
            wire_text(&s->r->out, l.extra[i]);
        wire_end(&s->r->out);
    }
}

static void send_logged(struct store_dir *s, const char *dir)
{
    const struct yaml_node *m = read_meta(s, dir, 0);
    int64_t status = 0;
    if (!m || !text_at(m, "model_id").p)
        return;
    str_t stage = text_at(m, "lifecycle_stage");
    (void)int_at(m, "status", &status);
    wire_begin(&s->r->out, WIRE_LOGGED);
    send_text_at(s, m, "model_id");
    wire_int(&s->r->out, s->experiment);
    send_text_at(s, m, "name");
    send_maybe_at(s, m, "artifact_location");
    wire_int(&s->r->out, status);
    send_maybe_at(s, m, "model_type");
    send_maybe_at(s, m, "source_run_id");
    wire_text(&s->r->out, stage.p ? stage : STR("active"));
    send_int_at(s, m, "creation_timestamp");
    send_int_at(s, m, "last_updated_timestamp");
    wire_end(&s->r->out);
    s->n[N_LOGGED]++;
    send_pairs(s, dir, "params", WIRE_LOGGED_PARAM, NULL);
    send_pairs(s, dir, "tags", WIRE_LOGGED_TAG, NULL);
    each_key(s, fs_join(&s->a, dir, "metrics"), "", 0, send_logged_metric, NULL);
    wire_begin(&s->r->out, WIRE_LOGGED_END);
    wire_end(&s->r->out);
}

static void send_logged_all(struct store_dir *s, const char *experiment_dir)
{
    const char **names, *dir = fs_join(&s->a, experiment_dir, "models");
    size_t n = names_of(s, dir, &names);
    for (size_t i = 0; i < n; i++) {
        struct arena_mark mark = arena_snapshot(&s->a);
        send_logged(s, fs_join(&s->a, dir, names[i]));
        arena_restore(&s->a, mark);
    }
}

/* ---- experiments ---- */

static int send_experiment(struct store_dir *s, const char *dir)
{
    const struct yaml_node *m = read_meta(s, dir, 0);
    int64_t id;
    if (!m)
        return 0;
    str_t name = text_at(m, "name"), stage = text_at(m, "lifecycle_stage");
    if (!int_at(m, "experiment_id", &id) || !name.p) {
        reader_problem(s->r, "'%s/meta.yaml' is left out: experiment_id or name is missing", dir);
        return 0;
    }
    s->experiment = id;
    s->n[N_EXPERIMENTS]++;
    wire_begin(&s->r->out, WIRE_EXPERIMENT);
    wire_int(&s->r->out, id);
    wire_text(&s->r->out, name);
    send_maybe_at(s, m, "artifact_location");
    wire_text(&s->r->out, stage.p ? stage : STR("active"));
    send_int_at(s, m, "creation_time");
    send_int_at(s, m, "last_update_time");
    wire_end(&s->r->out);
    send_pairs(s, dir, "tags", WIRE_EXPERIMENT_TAG, &s->n[N_EXPERIMENT_TAGS]);
    return 1;
}

/* Of each experiment: pass 0 itself, 1 its runs, 2 its logged models. */
static void each_experiment(struct store_dir *s, const char *dir, int pass)
{
    const char **names;
    size_t n = names_of(s, dir, &names);
    for (size_t i = 0; i < n; i++) {
        const char *path = fs_join(&s->a, dir, names[i]);
        struct arena_mark mark = arena_snapshot(&s->a);
        int is_registry = strcmp(names[i], "models") == 0 && strcmp(dir, s->root) == 0;
        s->experiment_dir = path;
        if (names[i][0] != '.' && is_dir(path) && !is_registry) {
            const struct yaml_node *m = pass ? read_meta(s, path, 0) : NULL;
            if (pass == 0)
                (void)send_experiment(s, path);
            else if (m && int_at(m, "experiment_id", &s->experiment) && pass == 1)
                send_runs(s, path);
            else if (m && pass == 2 && int_at(m, "experiment_id", &s->experiment))
                send_logged_all(s, path);
        }
        arena_restore(&s->a, mark);
    }
}

/* ---- the registry ---- */

static void send_version(struct store_dir *s, const char *dir)
{
    const struct yaml_node *m = read_meta(s, dir, 1);
    static const char *const keys[] = { "status", "current_stage", "description", "source",
                                        "run_id", "run_link",      "user_id" };
    int64_t number;
    if (!m)
        return;
    if (!int_at(m, "version", &number)) {
        reader_problem(s->r, "'%s/meta.yaml' is left out: it has no version", dir);
        return;
    }
    wire_begin(&s->r->out, WIRE_VERSION);
    wire_int(&s->r->out, number);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        send_maybe_at(s, m, keys[i]);
    send_int_at(s, m, "creation_timestamp");
    send_int_at(s, m, "last_updated_timestamp");
    send_maybe_at(s, m, "storage_location");
    wire_end(&s->r->out);
    s->n[N_VERSIONS]++;
    send_pairs(s, dir, "tags", WIRE_VERSION_TAG, NULL);
}

static void send_alias(struct store_dir *s, const char *path, str_t key, void *arg)
{
    str_t text;
    int64_t version;
    (void)arg;
    if (read_file(s, path, KIB(1), &text) != 0)
        return;
    if (parse_i64(str_trim(text), &version) != 0) {
        reader_problem(s->r, "'%s' is left out: it is no version", path);
        return;
    }
    wire_begin(&s->r->out, WIRE_ALIAS);
    wire_text(&s->r->out, key);
    wire_int(&s->r->out, version);
    wire_end(&s->r->out);
    s->n[N_ALIASES]++;
}

static void send_model(struct store_dir *s, const char *dir)
{
    const struct yaml_node *m = read_meta(s, dir, 0);
    const char **names;
    if (!m || !text_at(m, "name").p)
        return;
    wire_begin(&s->r->out, WIRE_MODEL);
    send_text_at(s, m, "name");
    send_maybe_at(s, m, "description");
    send_int_at(s, m, "creation_timestamp");
    send_int_at(s, m, "last_updated_timestamp");
    wire_end(&s->r->out);
    s->n[N_MODELS]++;
    send_pairs(s, dir, "tags", WIRE_MODEL_TAG, NULL);
    size_t n = names_of(s, dir, &names);
    for (size_t i = 0; i < n; i++)
        if (str_starts(str_of(names[i]), "version-"))
            send_version(s, fs_join(&s->a, dir, names[i]));
    each_key(s, fs_join(&s->a, dir, "aliases"), "", 0, send_alias, NULL);
    wire_begin(&s->r->out, WIRE_MODEL_END);
    wire_end(&s->r->out);
}

static void send_registry(struct store_dir *s)
{
    const char **names, *dir = fs_join(&s->a, s->root, "models");
    size_t n = names_of(s, dir, &names);
    for (size_t i = 0; i < n; i++) {
        struct arena_mark mark = arena_snapshot(&s->a);
        send_model(s, fs_join(&s->a, dir, names[i]));
        arena_restore(&s->a, mark);
    }
}

static void send_counts(struct store_dir *s)
{
    static const char *const kinds[N_KINDS] = {
        [N_EXPERIMENTS] = "experiments",
        [N_EXPERIMENT_TAGS] = "experiment tags",
        [N_RUNS] = "runs",
        [N_PARAMS] = "params",
        [N_TAGS] = "tags",
        [N_METRICS] = "metrics",
        [N_POINTS] = "points",
        [N_INPUTS] = "inputs",
        [N_LOGGED] = "logged models",
        [N_MODELS] = "models",
        [N_VERSIONS] = "versions",
        [N_ALIASES] = "aliases",
    };
    for (int i = 0; i < N_KINDS; i++)
        reader_count(s->r, kinds[i], s->n[i]);
}

int reader_files(struct reader *r, const char *dir, struct err *err)
{
    struct store_dir s = { .r = r, .root = dir };
    arena_init(&s.a, GIB(1));
    const char *trash = fs_join(&s.a, dir, ".trash");
    wire_begin(&r->out, WIRE_HELLO);
    wire_text(&r->out, STR("files"));
    wire_text(&r->out, str_is_utf8(str_of(dir)) ? str_of(dir) : STR("?"));
    wire_end(&r->out);
    for (int pass = 0; pass < 3; pass++) {
        each_experiment(&s, dir, pass);
        each_experiment(&s, trash, pass);
    }
    send_registry(&s);
    int rc = s.a.failed      ? ERR(err, ERR_NOMEM, "'%s' does not fit into memory", dir)
             : r->out.failed ? ERR(err, ERR_CANCELLED, "nobody reads what is sent")
             : !s.n[N_EXPERIMENTS]
                 ? ERR(err, ERR_INVALID,
                       "'%.200s' is no mlruns folder: no folder in it has a meta.yaml of an "
                       "experiment",
                       dir)
                 : 0;
    if (!rc)
        send_counts(&s);
    arena_fini(&s.a);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 * Rows: read or taken from the cache, profiled, reduced by row operations, split. Everything but
 * the data stage itself is done when somebody needs it, so a run that changes nothing reads
 * nothing. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/thread.h"
#include "project/work_int.h"

enum { SMALL_TEST = 30 };

/* ---- the cached frame, written beside the work ---- */

struct frame_writing {
    struct frame f;
    char *dir, *path;
    int threads;
};

static void *write_frame(void *arg)
{
    struct frame_writing *x = arg;
    if (fs_mkdirs(x->dir, NULL) == 0)
        IGNORE(cache_write_frame(x->path, &x->f, 1, NULL));
    return NULL;
}

static void start_frame_writing(struct work *w)
{
    struct frame_writing *x = ARENA_NEW(w->a, struct frame_writing);
    *x = (struct frame_writing){ .f = w->f,
                                 .dir = arena_printf(w->a, "%s/%s", w->cache_dir, w->data_key),
                                 .path = work_cache(w, w->data_key, "frame") };
    w->cache_running = thread_start(&w->cache_thread, "cache", write_frame, x, NULL) == 0;
}

void work_frame_settle(struct work *w)
{
    if (w->cache_running)
        thread_join(w->cache_thread);
    w->cache_running = 0;
}

/* ---- reading ---- */

static const struct csv_dialect *frozen_dialect(struct work *w)
{
    const struct lock_data *d =
        w->has_old && !w->force ? lockfile_data(&w->old, w->project->source->name) : NULL;
    struct csv_dialect *frozen = ARENA_NEW(w->a, struct csv_dialect);
    if (!d || !d->dialect || strcmp(d->path, w->project->source->path) != 0)
        return NULL;
    return csv_dialect_read(w->a, d->dialect, frozen, NULL) == 0 ? frozen : NULL;
}

static int read_file(struct work *w, struct csv_result *r, struct err *err)
{
    char *temp = arena_printf(w->a, "%s/duckdb-%s", w->cache_dir, w->run_id);
    struct csv_options o = { .project_dir = w->project_dir,
                             .temp_dir = temp,
                             .frozen = frozen_dialect(w),
                             .frozen_from = "slipway.lock",
                             .threads = w->threads,
                             .memory_limit_bytes = w->memory_limit_bytes };
    int rc = csv_read(w->a, w->project->source, &o, r, err);
    if (fs_exists(temp))
        IGNORE(fs_remove_tree(temp, NULL));
    return rc;
}

static struct place file_place(const struct work *w)
{
    const struct csv_source *s = w->project->source;
    return s->path_at.line ? s->path_at : s->at;
}

/* Why a column is of another type than the project takes it for, when single values are to blame.
 */
static const char *blamed_values(struct work *w, const char *message)
{
    struct profile p;
    if (profile_make(w->a, &w->f, w->project->source, w->threads, &p, NULL) != 0)
        return NULL;
    for (size_t i = 0; i < p.warning_n; i++) {
        str_t before, name, rest;
        if (!strstr(p.warnings[i], "is text only because") ||
            !str_cut(str_of(p.warnings[i]), '\'', &before, &rest) ||
            !str_cut(rest, '\'', &name, &rest))
            continue;
        if (strstr(message, arena_printf(w->a, "`%.*s`", STR_ARG(name))))
            return p.warnings[i];
    }
    return NULL;
}

/* Columns that the project names and the file does not have: the project file's mistake. */
static int check_columns(struct work *w)
{
    struct err err = ERR_INIT;
    int rc = project_columns_check(w->project, &w->f, w->data.file.sha256, &w->diags, &err);
    if (rc == 0)
        return 0;
    struct buf b;
    buf_init(&b, MIB(1));
    diags_write(&w->diags, DIAG_TEXT, 0, &b);
    (void)fprintf(stderr, "%s\n", b.n ? b.p : err.msg);
    buf_fini(&b);
    const char *blamed = blamed_values(w, err.msg);
    if (blamed)
        IGNORE(ERR(&err, err.code, "%s; %s", arena_strdup(w->a, err.msg), blamed));
    struct place at = { 0 };
    for (size_t i = 0; i < w->diags.n; i++)
        if (w->diags.items[i].level == DIAG_ERROR && !at.line)
            at = (struct place){ (uint32_t)w->diags.items[i].place.line,
                                 (uint32_t)w->diags.items[i].place.column };
    return work_fail(w, &err, w->project->source->name, at, 1);
}

static int read_and_profile(struct work *w)
{
    struct csv_result r;
    struct err err = ERR_INIT;
    const struct csv_source *s = w->project->source;
    int rc = read_file(w, &r, &err);
    if (rc == 0) {
        w->f = r.frame;
        w->have_frame = 1;
        w->rows_read = r.frame.n;
        w->data = (struct dataset){ .name = s->name,
                                    .file = r.file,
                                    .dialect = r.dialect,
                                    .target = s->target,
                                    .key = s->key,
                                    .time = s->time };
        w->data_key = lock_key(w->a, work_data_entry(w, r.file.sha256));
        rc = check_columns(w);
        if (rc)
            return rc;
        if (!fs_exists(work_cache(w, w->data_key, "frame")))
            start_frame_writing(w);
        rc = profile_make(w->a, &w->f, s, w->threads, &w->data.profile, &err);
    }
    if (rc == 0)
        rc = dataset_seal(&w->data, &err);
    return rc ? work_fail(w, &err, s->name, file_place(w), 0) : 0;
}

static void keep_dataset(struct work *w)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, MIB(64));
    json_out_init(&o, &b);
    dataset_write(&o, &w->data);
    if (!b.failed)
        work_cache_put(w, w->data_key, "dataset", buf_view(&b));
    buf_fini(&b);
}

/* The digest of the file when it may be one that we know, else "". */
static int known_digest(struct work *w, char hex[SHA256_HEX], struct err *err)
{
    const struct lock_data *d =
        w->has_old ? lockfile_data(&w->old, w->project->source->name) : NULL;
    struct fs_info info;
    char *path;
    hex[0] = '\0';
    int rc = csv_path(w->a, w->project->source, w->project_dir, &path, err);
    if (rc || !d || w->force || strcmp(d->path, w->project->source->path) != 0)
        return rc;
    rc = fs_stat(path, &info, err);
    if (rc || info.size != d->bytes ||
        !fs_exists(work_cache(w, lock_key(w->a, work_data_entry(w, d->sha256)), "dataset")))
        return rc;
    return sha256_file(path, hex, NULL, err);
}

static int take_dataset(struct work *w)
{
    str_t text;
    struct json v;
    if (work_cache_get(w, w->data_key, "dataset", MIB(256), &text) != 0 ||
        json_parse(w->a, text, NULL, &v, NULL) != 0 || dataset_read(w->a, &v, &w->data, NULL) != 0)
        return -1;
    const struct csv_source *s = w->project->source;
    w->data.name = s->name;
    w->rows_read = w->data.profile.rows;
    return fs_exists(work_cache(w, w->data_key, "frame")) ? 0 : -1;
}

int work_data(struct work *w)
{
    const struct csv_source *s = w->project->source;
    char hex[SHA256_HEX];
    struct err err = ERR_INIT;
    struct decision d = { 1, NULL };
    double started = (double)clock_mono_ns() / 1e6;
    int rc = known_digest(w, hex, &err);
    if (rc == 0 && hex[0]) {
        struct lock_stage *e = work_data_entry(w, hex);
        w->data_key = lock_key(w->a, e);
        d = work_decide(w, e, "dataset");
        if (!d.run && take_dataset(w) != 0)
            d = (struct decision){ 1, "its cached result is gone" };
    }
    const struct lock_stage *old = w->has_old ? lockfile_stage(&w->old, s->name) : NULL;
    if (d.run && !d.why) /* the exact reason needs the digest; say what is known now */
        d.why = w->force ? "forced" : old ? arena_printf(w->a, "%s changed", s->path) : "first run";
    struct work_record *r = work_begin(w, s->name, "data", &d, w->data_key);
    r->ms = -started; /* the digest is part of the stage */
    if (rc)
        rc = work_fail(w, &err, s->name, file_place(w), 0);
    else if (d.run)
        rc = read_and_profile(w);
    if (rc == 0 && d.run) {
        keep_dataset(w);
        struct decision exact = work_decide(w, work_entry(w, s->name), NULL);
        if (strcmp(exact.why, "checked on every run") != 0)
            r->why = exact.why;
        r->key = w->data_key;
    }
    r->rows_out = rc ? -1 : (int64_t)w->rows_read;
    work_end(w, r, rc);
    return rc;
}

/* ---- when rows are needed ---- */

int work_need_frame(struct work *w)
{
    struct csv_result r;
    struct err err = ERR_INIT;
    if (w->have_frame)
        return 0;
    w->have_frame = 1;
    if (cache_read_frame(w->a, work_cache(w, w->data_key, "frame"), w->threads, &w->f, NULL) == 0 &&
        w->f.n == w->rows_read)
        return check_columns(w); /* the project file may name others than when it was read */
    int rc = read_file(w, &r, &err);
    if (rc == 0 && strcmp(r.file.sha256, w->data.file.sha256) != 0)
        rc = ERR(&err, ERR_CONFLICT,
                 "'%s' changed while the run went on; run again when nobody writes to it",
                 w->project->source->path);
    if (rc)
        return work_fail(w, &err, w->project->source->name, file_place(w), 0);
    w->f = r.frame;
    start_frame_writing(w);
    return 0;
}

static int drop_rows(struct work *w, const struct project_stage *s, int64_t *out_dropped)
{
    struct err err = ERR_INIT;
    for (size_t i = 0; i < s->step_n; i++) {
        size_t dropped = 0;
        if (!prep_step_is_row_operation(&s->steps[i]))
            continue;
        work_frame_settle(w);
        int rc = prep_rows(&w->f, &s->steps[i], &dropped, &err);
        if (rc)
            return work_fail(w, &err, s->name, s->steps[i].at, 0);
        *out_dropped += (int64_t)dropped;
    }
    return 0;
}

static int need_number_target(struct work *w, const struct column *target)
{
    const struct csv_source *s = w->project->source;
    if (target->numbers)
        return 0;
    return work_failf(w, ERR_INVALID, s->name, s->target_at.line ? s->target_at : s->at,
                      "the target '%s' is text (row %zu: '%.*s'); a regression needs numbers",
                      s->target, frame_row_number(&w->f, 0),
                      (int)MIN(target->levels ? target->levels[0].n : 0, (size_t)40),
                      target->levels ? target->levels[0].p : "");
}

/* Rows without a target can neither train nor test. */
static int drop_without_target(struct work *w)
{
    const struct column *t = frame_column(&w->f, str_of(w->project->source->target));
    struct err err = ERR_INIT;
    size_t n = 0;
    int rc = t ? need_number_target(w, t) : 0;
    if (rc || !t)
        return rc;
    for (size_t i = 0; i < w->f.n; i++)
        n += column_is_missing(t, i) == 0;
    w->rows_without_target = w->f.n - n;
    if (n == w->f.n)
        return 0;
    uint32_t *rows = ARENA_TRY_ARRAY(w->a, n, uint32_t);
    if (!rows)
        return work_failf(w, ERR_NOMEM, NULL, (struct place){ 0 }, "no memory for %zu rows", n);
    for (size_t i = 0, k = 0; i < w->f.n; i++)
        if (!column_is_missing(t, i))
            rows[k++] = (uint32_t)i;
    work_frame_settle(w);
    rc = n ? frame_keep(&w->f, rows, n, &err)
           : ERR(&err, ERR_INVALID, "the target '%s' has no values", w->project->source->target);
    return rc ? work_fail(w, &err, w->project->source->name, w->project->source->target_at, 0) : 0;
}

int work_need_rows(struct work *w)
{
    int rc = work_need_frame(w);
    if (rc || w->have_rows)
        return rc;
    w->have_rows = 1;
    for (size_t i = 0; rc == 0 && i < w->project->stage_n; i++)
        if (w->project->stages[i].kind == STAGE_DO)
            rc = drop_rows(w, &w->project->stages[i], &w->stage_dropped[i]);
    return rc ? rc : drop_without_target(w);
}

int work_need_split(struct work *w)
{
    struct err err = ERR_INIT;
    const struct project_stage *s = w->project->split;
    int rc = work_need_rows(w);
    if (rc || w->have_split)
        return rc;
    rc = split_make(&w->f, w->project->source, &s->split, w->threads, &w->split, &err);
    if (rc)
        return work_fail(w, &err, s->name, s->split.column_at.line ? s->split.column_at : s->at, 0);
    w->have_split = 1;
    return 0;
}

/* ---- the split stage ---- */

static void warn_about_parts(struct work *w)
{
    const struct split *s = &w->split;
    const struct csv_source *source = w->project->source;
    if (!s->rows[PART_TEST])
        work_warn(w, "no rows are kept to test on: only the training part has metrics");
    else if (s->rows[PART_TEST] < SMALL_TEST)
        work_warn(w, "the test part has only %zu rows: its metrics say little", s->rows[PART_TEST]);
    if (s->rows_shared)
        work_warn(w,
                  "%zu rows of valid and test also stand in train: drop_duplicates, or split by a "
                  "key that they share",
                  s->rows_shared);
    if (s->keys_torn)
        work_warn(w,
                  "%zu keys ('%s') have rows in more than one part: the test measures memory of "
                  "them too; split by hash of the key when the model must answer for new ones",
                  s->keys_torn, source->key);
    if (source->time && w->project->split->split.by != SPLIT_TIME)
        work_warn(w,
                  "there is a time column ('%s') and the split is not by time: the test part is no "
                  "picture of the future",
                  source->time);
}

/* What the split made, without the parts themselves: they are made again when somebody needs them.
 */
static void keep_split(struct work *w, const char *key)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, KIB(16));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_int(&o, "shared", (int64_t)w->split.rows_shared);
    jo_kv_int(&o, "keys_torn", (int64_t)w->split.keys_torn);
    for (int p = 0; p < 3; p++) {
        jo_key(&o, split_part_name((enum split_part)p));
        jo_object(&o);
        jo_kv_int(&o, "rows", (int64_t)w->split.rows[p]);
        jo_kv_cstr(&o, "digest", w->split.digest[p]);
        jo_object_end(&o);
    }
    jo_object_end(&o);
    work_cache_put(w, key, "split", buf_view(&b));
    buf_fini(&b);
}

static int take_split(struct work *w, const char *key)
{
    str_t text;
    struct json v;
    if (work_cache_get(w, key, "split", KIB(16), &text) != 0 ||
        json_parse(w->a, text, NULL, &v, NULL) != 0)
        return -1;
    w->split.rows_shared = (size_t)json_get_int(&v, "shared", 0);
    w->split.keys_torn = (size_t)json_get_int(&v, "keys_torn", 0);
    for (int p = 0; p < 3; p++) {
        const struct json *part = json_get(&v, split_part_name((enum split_part)p));
        const char *digest = part ? json_get_string(part, "digest", "") : "";
        if (strlen(digest) != SHA256_HEX - 1)
            return -1;
        w->split.rows[p] = (size_t)json_get_int(part, "rows", 0);
        memcpy(w->split.digest[p], digest, SHA256_HEX);
    }
    return 0;
}

static int run_split(struct work *w, const struct project_stage *s, const char *key)
{
    struct err err = ERR_INIT;
    struct place at = s->at;
    int rc = work_need_split(w);
    if (rc == 0 && s->rule_n && work_expect(w, s, &err, &at) != 0)
        rc = work_fail(w, &err, s->name, at, 0);
    if (rc == 0)
        keep_split(w, key);
    return rc;
}

int work_split_stage(struct work *w, const struct project_stage *s)
{
    const struct lock_stage *e = work_entry(w, s->name);
    const char *key = lock_key(w->a, e);
    struct decision d = work_decide(w, e, "split");
    if (!d.run && take_split(w, key) != 0)
        d = (struct decision){ 1, "its cached result is gone" };
    struct work_record *r = work_begin(w, s->name, "split", &d, key);
    int rc = d.run ? run_split(w, s, key) : 0;
    if (rc == 0) {
        r->rows_in = r->rows_out =
            (int64_t)(w->split.rows[0] + w->split.rows[1] + w->split.rows[2]);
        warn_about_parts(w);
    }
    work_end(w, r, rc);
    return rc;
}

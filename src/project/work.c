/* SPDX-License-Identifier: Apache-2.0
 * The worker's way through a run. */
#include "project/work.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "project/work_int.h"

enum { EXIT_FINISHED = 0, EXIT_FAILED = 1, EXIT_CONFIG = 2 };

/* ---- spec.json ---- */

static const char *need_text(const struct json *v, const char *key, struct err *err)
{
    const char *s = json_get_string(v, key, NULL);
    if (!s)
        IGNORE(ERR(err, ERR_INVALID, "spec.json has no '%s'", key));
    return s;
}

static int take_champion(struct work *w, const struct json *v, struct err *err)
{
    const struct json *c = json_get(v, "champion");
    if (!c || c->type != JSON_OBJECT)
        return 0;
    w->champion_version = json_get_string(c, "version", "?");
    w->champion_onnx = need_text(c, "onnx", err);
    return w->champion_onnx ? sha256_file(w->champion_onnx, w->champion_sha256, NULL, err)
                            : ERR_INVALID;
}

static int take_spec(struct work *w, const struct json *v, struct err *err)
{
    w->run_id = need_text(v, "run_id", err);
    w->project_dir = need_text(v, "project_dir", err);
    w->dir = need_text(v, "dir", err);
    w->cache_dir = need_text(v, "cache_dir", err);
    const struct json *config = json_get(v, "config");
    if (!w->run_id || !w->project_dir || !w->dir || !w->cache_dir || !config ||
        config->type != JSON_STRING)
        return ERR(err, ERR_INVALID, "%s", err->msg[0] ? err->msg : "spec.json has no 'config'");
    w->config = config->string;
    w->config_path = json_get_string(v, "config_path", "slipway.yaml");
    w->params = json_get(v, "params");
    w->force = json_get_bool(v, "force", 0);
    w->seed = (uint64_t)json_get_int(v, "seed", 0);
    w->threads = (int)MIN(MAX(json_get_int(v, "threads", 1), 1), 256);
    w->memory_limit_bytes = (uint64_t)MAX(json_get_int(v, "memory_limit_bytes", 0), 0);
    return take_champion(w, v, err);
}

static int read_spec(struct work *w, const char *path, struct err *err)
{
    str_t text;
    struct json v;
    int rc = fs_read(w->a, path, MIB(8), &text, err);
    if (rc == 0)
        rc = json_parse(w->a, text, NULL, &v, err);
    return rc ? rc : take_spec(w, &v, err);
}

static int open_progress(struct work *w, struct err *err)
{
    char *path = fs_join(w->a, w->dir, "progress.jsonl");
    w->progress_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return w->progress_fd < 0 ? ERR_SYS(err, "cannot create '%s'", path) : 0;
}

/* ---- the plan ---- */

static int load_project(struct work *w, struct err *err)
{
    size_t n = w->params && w->params->type == JSON_OBJECT ? w->params->n : 0;
    struct project_override *overrides = ARENA_TRY_ARRAY(w->a, n, struct project_override);
    if (!overrides)
        return ERR(err, ERR_NOMEM, "no memory for %zu parameters", n);
    for (size_t i = 0; i < n; i++)
        overrides[i] = (struct project_override){ w->params->members[i].key.p,
                                                  w->params->members[i].value.string.p };
    const char *slash = strrchr(w->project_dir, '/');
    struct project_options o = { .path = w->config_path,
                                 .default_name = slash && slash[1] ? slash + 1 : NULL,
                                 .overrides = overrides,
                                 .override_n = n,
                                 .seed = w->seed };
    return project_load(w->a, w->config, &o, &w->project, &w->diags, err);
}

/* A lock that cannot be read is as good as none: everything runs. */
static void load_lock(struct work *w)
{
    str_t text;
    struct err err = ERR_INIT;
    char *path = fs_join(w->a, w->project_dir, "slipway.lock");
    if (!fs_exists(path))
        return;
    int rc = fs_read(w->a, path, MIB(4), &text, &err);
    if (rc == 0)
        rc = lockfile_parse(w->a, text, &w->old, &err);
    if (rc)
        (void)fprintf(stderr, "warning: slipway.lock is not readable and counts as absent: %s\n",
                      err.msg);
    w->has_old = rc == 0;
}

static int make_room(struct work *w, struct err *err)
{
    w->entries = ARENA_TRY_ARRAY(w->a, WORK_STAGES_MAX, struct lock_stage);
    w->records = ARENA_TRY_ARRAY(w->a, WORK_STAGES_MAX, struct work_record);
    w->stage_dropped = ARENA_TRY_ARRAY(w->a, w->project->stage_n, int64_t);
    if (!w->entries || !w->records || !w->stage_dropped)
        return ERR(err, ERR_NOMEM, "no memory for the plan");
    if (w->project->stage_n + 4 > WORK_STAGES_MAX)
        return ERR(err, ERR_LIMIT, "the project has %zu stages, at most %d are run",
                   w->project->stage_n, WORK_STAGES_MAX - 4);
    w->target_low = -INFINITY;
    w->target_high = INFINITY;
    return 0;
}

static int split_is_implied(const struct work *w)
{
    for (size_t i = 0; i < w->project->stage_n; i++)
        if (&w->project->stages[i] == w->project->split)
            return 0;
    return 1;
}

static int run_stage(struct work *w, const struct project_stage *s)
{
    switch (s->kind) {
    case STAGE_DO: return work_do_stage(w, s);
    case STAGE_SPLIT: return work_split_stage(w, s);
    case STAGE_MODEL: return work_model_stage(w, s);
    default: return work_gates(w, s);
    }
}

static int run_stages(struct work *w)
{
    int rc = work_data(w);
    if (rc == 0)
        rc = work_stage_entries(w);
    if (rc == 0)
        rc = work_features_init(w);
    if (rc == 0 && split_is_implied(w))
        rc = work_split_stage(w, w->project->split);
    for (size_t i = 0; rc == 0 && i < w->project->stage_n; i++)
        rc = run_stage(w, &w->project->stages[i]);
    return rc;
}

static void keep_model(struct work *w)
{
    struct err err = ERR_INIT;
    if (w->onnx.n && (w->failure.code == 0 || w->refused) && work_write_model(w, &err) != 0) {
        w->refused = 0;
        w->failure =
            (struct work_failure){ .code = err.code, .message = arena_strdup(w->a, err.msg) };
    }
}

static void show_problems(struct work *w)
{
    struct buf b;
    buf_init(&b, MIB(1));
    diags_write(&w->diags, DIAG_TEXT, 0, &b);
    if (b.n && w->diags.n)
        (void)fprintf(stderr, "%s\n", b.p);
    buf_fini(&b);
}

static struct place first_problem(const struct work *w)
{
    for (size_t i = 0; i < w->diags.n; i++)
        if (w->diags.items[i].level == DIAG_ERROR)
            return (struct place){ (uint32_t)w->diags.items[i].place.line,
                                   (uint32_t)w->diags.items[i].place.column };
    return (struct place){ 0 };
}

static int run(struct work *w, struct err *err)
{
    int rc = load_project(w, err);
    show_problems(w);
    if (rc) {
        work_fail(w, err, NULL, first_problem(w), 1);
        return EXIT_CONFIG;
    }
    load_lock(w);
    rc = make_room(w, err);
    if (rc == 0)
        rc = fs_mkdirs(w->cache_dir, err);
    if (rc)
        work_fail(w, err, NULL, (struct place){ 0 }, 0);
    else
        rc = run_stages(w);
    if (rc && w->failure.code == 0) /* nobody said why: memory for the small things is out */
        IGNORE(work_failf(w, ERR_LIMIT, NULL, (struct place){ 0 },
                          "the run does not fit in its memory limit"));
    keep_model(w);
    work_frame_settle(w);
    work_cache_trim(w, WORK_CACHE_BYTES, WORK_CACHE_ENTRIES);
    return w->failure.code == 0 ? EXIT_FINISHED : w->failure.is_config ? EXIT_CONFIG : EXIT_FAILED;
}

int work_main(int argc, char **argv)
{
    struct arena a;
    struct work *w = mem_alloc(sizeof *w);
    struct err err = ERR_INIT;
    arena_init(&a, GIB(64));
    w->a = &a;
    w->progress_fd = -1;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: slipway _work SPEC\n");
        return EXIT_CONFIG;
    }
    int rc = read_spec(w, argv[1], &err);
    if (rc == 0)
        rc = open_progress(w, &err);
    if (rc) {
        (void)fprintf(stderr, "slipway _work: %s\n", err.msg);
        return EXIT_FAILED;
    }
    if (w->memory_limit_bytes)
        a.max_bytes = MAX((size_t)w->memory_limit_bytes, MIB(256));
    int status = run(w, &err);
    if (w->failure.code)
        (void)fprintf(stderr, "%s%s%s\n", w->failure.stage ? w->failure.stage : "",
                      w->failure.stage ? ": " : "", w->failure.message);
    err = (struct err)ERR_INIT;
    if (work_write_result(w, &err) != 0) {
        (void)fprintf(stderr, "slipway _work: %s\n", err.msg);
        status = EXIT_FAILED;
    }
    (void)close(w->progress_fd);
#ifdef SLIPWAY_SANITIZED /* otherwise memory goes with the process, which is faster */
    arena_fini(&a);
    mem_free(w);
#endif
    return status;
}

/* ---- the plan without the run ---- */

static void plan_stage(struct work *w, struct json_out *o, const char *name, const char *kind,
                       const char *file)
{
    struct decision d = work_decide(w, work_entry(w, name), file);
    jo_object(o);
    jo_kv_cstr(o, "name", name);
    jo_kv_cstr(o, "kind", kind);
    jo_kv_cstr(o, "will", d.run ? "run" : "skip");
    jo_kv_cstr(o, "why", d.why);
    jo_object_end(o);
}

static const char *kept_file(enum stage_kind k)
{
    return k == STAGE_DO      ? "learned"
           : k == STAGE_SPLIT ? "split"
           : k == STAGE_MODEL ? "onnx"
                              : NULL;
}

static int plan(struct work *w, struct json_out *o, struct err *err)
{
    char hex[SHA256_HEX];
    char *path;
    int rc = load_project(w, err);
    if (rc == 0)
        rc = make_room(w, err);
    if (rc == 0)
        rc = csv_path(w->a, w->project->source, w->project_dir, &path, err);
    if (rc == 0)
        rc = sha256_file(path, hex, NULL, err);
    if (rc)
        return rc;
    load_lock(w);
    w->data_key = lock_key(w->a, work_data_entry(w, hex));
    rc = work_stage_entries(w);
    if (rc)
        return ERR(err, rc, "no memory for the plan");
    jo_array(o);
    plan_stage(w, o, w->project->source->name, "data", "dataset");
    if (split_is_implied(w))
        plan_stage(w, o, w->project->split->name, "split", "split");
    for (size_t i = 0; i < w->project->stage_n; i++) {
        const struct project_stage *s = &w->project->stages[i];
        plan_stage(w, o, s->name, stage_kind_name(s->kind), kept_file(s->kind));
    }
    jo_array_end(o);
    return 0;
}

int work_plan(const struct work_plan_request *rq, struct json_out *o, struct err *err)
{
    struct arena a;
    struct work *w = mem_alloc(sizeof *w);
    arena_init(&a, MIB(512));
    *w = (struct work){ .a = &a,
                        .run_id = "plan",
                        .project_dir = rq->project_dir,
                        .dir = rq->project_dir,
                        .cache_dir = rq->cache_dir,
                        .config = rq->config,
                        .config_path = rq->config_path,
                        .params = rq->params,
                        .seed = rq->seed,
                        .force = rq->force,
                        .progress_fd = -1,
                        .threads = 1 };
    if (rq->champion_sha256 && strlen(rq->champion_sha256) == SHA256_HEX - 1)
        memcpy(w->champion_sha256, rq->champion_sha256, SHA256_HEX);
    int rc = plan(w, o, err);
    arena_fini(&a);
    mem_free(w);
    return rc;
}

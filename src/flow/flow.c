/* SPDX-License-Identifier: Apache-2.0
 * Starts, follows, cancels and adopts attempts. State is in the database and in the attempts'
 * folders; memory holds only the children to reap, so any process can take over. */
#include "flow/flow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "codec/json.h"
#include "event/event.h"
#include "flow/flow_int.h"
#include "track/step.h"

/* A queued attempt without a shim is given this long to get one before it counts as lost. */
enum { START_GRACE_MS = 10000, TICK_MS = 500 };

int flow_open(struct flow **out, const struct flow_options *options, struct err *err)
{
    char path[PATH_MAX];
    static const char *const folders[] = { "runs", "cache" };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", options->data_dir, folders[i]);
        int rc = fs_exists(path) ? 0 : fs_mkdirs(path, err);
        if (rc)
            return rc;
    }
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return ERR_SYS(err, "cannot create an eventfd");
    struct flow *f = mem_alloc(sizeof *f);
    f->magic = FLOW_MAGIC;
    f->store = options->store;
    f->blobs = options->blobs;
    f->data_dir = mem_strdup(options->data_dir);
    f->threads = options->threads;
    f->memory_limit_bytes = options->memory_limit_bytes;
    f->timeout_s = options->timeout_s;
    f->wake_fd = wake_fd;
    lock_init(&f->lock, "flow", FLOW_RANK);
    *out = f;
    return 0;
}

static void wake(struct flow *f)
{
    uint64_t one = 1;
    ssize_t ignored = write(f->wake_fd, &one, sizeof one);
    (void)ignored;
}

void flow_close(struct flow *f)
{
    if (!f)
        return;
    if (f->has_thread) {
        lock_take(&f->lock);
        f->stopping = 1;
        lock_drop(&f->lock);
        wake(f);
        thread_join(f->thread);
    }
    for (size_t i = 0; i < f->child_n; i++)
        proc_fini(&f->children[i]);
    lock_fini(&f->lock);
    (void)close(f->wake_fd);
    mem_free(f->data_dir);
    f->magic = 0;
    mem_free(f);
}

char *flow__path(const struct flow *f, struct arena *a, const struct attempt *at, const char *name)
{
    return arena_printf(a, "%s/runs/%s/%lld/%s", f->data_dir, at->run_id, (long long)at->number,
                        name);
}

/* ---- starting ---- */

struct start {
    const struct flow_run_request *rq;
    struct cause by;
    char *code_json;
    char run_id[HEX32_TEXT];
    char dir[64]; /* relative to the data folder */
};

static int create_rows(struct tx *tx, void *arg, struct err *err)
{
    struct start *s = arg;
    const struct flow_run_request *rq = s->rq;
    int64_t experiment;
    int rc = experiment_ensure(tx, &s->by, &(struct experiment_new){ .name = rq->experiment },
                               &experiment, err);
    struct run_new run = {
        .experiment_id = experiment,
        .id = s->run_id,
        .user = rq->actor,
        .start_time_ms = -1,
        .model_name = rq->model_name,
        .code_json = s->code_json,
        .seed = (int64_t)(rq->seed & INT64_MAX),
        .has_seed = 1,
    };
    char id[HEX32_TEXT];
    if (!rc)
        rc = run_create(tx, &s->by, &run, id, err);
    return rc ? rc : attempt_create(tx, &s->by, s->run_id, 1, err);
}

static int spawn_shim(struct flow *f, const char *abs_dir, struct proc *out, struct err *err)
{
    char timeout[32], spec_path[PATH_MAX + sizeof ATTEMPT_SPEC + 1];
    (void)snprintf(timeout, sizeof timeout, "%lld", (long long)f->timeout_s);
    (void)snprintf(spec_path, sizeof spec_path, "%s/" ATTEMPT_SPEC, abs_dir);
    const char *argv[] = { proc_self(), "_step",     "--dir", abs_dir,   "--timeout-s", timeout,
                           "--",        proc_self(), "_work", spec_path, NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    spec.argv = argv;
    spec.new_session = 1;
    /* Its own: who waits for the end of our output must not wait for the run's end. */
    spec.stdout_fd = spec.stderr_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (spec.stdout_fd < 0)
        return ERR_SYS(err, "cannot open /dev/null");
    int rc = proc_spawn(out, &spec, err);
    (void)close(spec.stdout_fd);
    return rc;
}

/* Keeps a child to be reaped; when the table is full it is reaped by whoever waits next. */
static void keep_child(struct flow *f, struct proc *p)
{
    lock_take(&f->lock);
    if (f->child_n < FLOW_CHILDREN_MAX)
        f->children[f->child_n++] = *p;
    else
        proc_fini(p);
    lock_drop(&f->lock);
    wake(f);
}

static int mark_running(struct tx *tx, void *arg, struct err *err)
{
    struct start *s = arg;
    struct attempt_change c = ATTEMPT_CHANGE_INIT;
    c.from = STEP_QUEUED;
    c.to = STEP_RUNNING;
    return attempt_move(tx, &s->by, s->run_id, 1, &c, err);
}

static int launch(struct flow *f, struct start *s, struct err *err)
{
    char abs_dir[PATH_MAX];
    struct proc child;
    (void)snprintf(abs_dir, sizeof abs_dir, "%s/%s", f->data_dir, s->dir);
    int rc = fs_mkdirs(abs_dir, err);
    if (!rc)
        rc = flow__write_spec(f, s->rq, s->run_id, abs_dir, err);
    if (!rc)
        rc = spawn_shim(f, abs_dir, &child, err);
    if (rc)
        return rc;
    keep_child(f, &child);
    /* The worker runs, whatever becomes of this note: one that was quicker has been applied by the
     * flow thread, and what could not be written now is made good when the attempt ends. */
    IGNORE(store_write(f->store, mark_running, s, NULL));
    return 0;
}

/* {"commit":…,"dirty":…,"command":…} */
static char *code_json(struct arena *a, const struct flow_run_request *rq)
{
    struct buf b;
    struct json_out o;
    buf_init(&b, KIB(16));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_cstr(&o, "commit", rq->code_commit);
    jo_kv_cstr(&o, "dirty", rq->code_dirty);
    jo_kv_cstr(&o, "command", rq->command);
    jo_object_end(&o);
    char *text = arena_strndup(a, b.p, b.n);
    buf_fini(&b);
    return text;
}

static void reap_children(struct flow *f)
{
    struct proc_end end;
    lock_take(&f->lock);
    for (size_t i = 0; i < f->child_n;) {
        if (!proc_wait(&f->children[i], 0, &end)) {
            i++;
            continue;
        }
        proc_fini(&f->children[i]);
        f->children[i] = f->children[--f->child_n];
    }
    lock_drop(&f->lock);
}

static size_t live_children(struct flow *f)
{
    reap_children(f);
    lock_take(&f->lock);
    size_t n = f->child_n;
    lock_drop(&f->lock);
    return n;
}

int flow_run_start(struct flow *f, const struct flow_run_request *rq, char out_run_id[HEX32_TEXT],
                   struct err *err)
{
    struct arena a;
    struct start s = {
        .rq = rq, .by = { .project = rq->project, .actor = rq->actor, .request_id = rq->request_id }
    };
    ASSERT(f->magic == FLOW_MAGIC);
    if (live_children(f) >= FLOW_RUNS_MAX)
        return ERR(err, ERR_LIMIT, "%d runs are going already; wait for one to end, or cancel one",
                   FLOW_RUNS_MAX);
    arena_init(&a, MIB(1));
    s.code_json = code_json(&a, rq);
    hex32(s.run_id);
    if (rq->run_id)
        (void)snprintf(s.run_id, sizeof s.run_id, "%s", rq->run_id);
    (void)snprintf(s.dir, sizeof s.dir, "runs/%s/1", s.run_id);
    int rc = store_write(f->store, create_rows, &s, err);
    if (!rc) {
        memcpy(out_run_id, s.run_id, HEX32_TEXT);
        rc = launch(f, &s, err);
        if (rc) {
            struct attempt at = { .run_id = s.run_id, .number = 1, .state = STEP_QUEUED };
            char *reason = arena_printf(&a, "could not start: %s", err ? err->msg : "unknown");
            IGNORE(flow__lose(f, &at, reason, NULL));
        }
    }
    arena_fini(&a);
    return rc;
}

/* ---- following ---- */

static int list_live(struct tx *tx, void *arg, struct err *err)
{
    struct {
        struct arena *arena;
        struct attempt *rows;
        size_t n;
    } *list = arg;
    return attempt_list_live(tx, list->arena, &list->rows, &list->n, err);
}

/* One attempt: ended → applied; shim alive → still running; neither → lost after the grace time. */
static int look_at(struct flow *f, struct arena *a, const struct attempt *at, int *out_live,
                   struct err *err)
{
    *out_live = 0;
    int alive = fs_is_locked(flow__path(f, a, at, ATTEMPT_LOCK));
    if (fs_exists(flow__path(f, a, at, ATTEMPT_END)))
        return flow__apply(f, at, err);
    if (alive || clock_now_ms() - at->created_ms < START_GRACE_MS) {
        *out_live = 1;
        return 0;
    }
    /* Between the two looks the shim may have ended properly. */
    if (fs_exists(flow__path(f, a, at, ATTEMPT_END)))
        return flow__apply(f, at, err);
    return flow__lose(
        f, at,
        at->state == STEP_QUEUED
            ? "the process that should have started it ended first"
            : "its process vanished without a result (killed, or the machine restarted)",
        err);
}

int flow_tick(struct flow *f, int *out_running, struct err *err)
{
    struct arena a;
    struct {
        struct arena *arena;
        struct attempt *rows;
        size_t n;
    } list = { &a, NULL, 0 };
    int running = 0, first_rc = 0;
    arena_init(&a, MIB(16));
    reap_children(f);
    int rc = store_read(f->store, list_live, &list, err);
    for (size_t i = 0; !rc && i < list.n; i++) {
        int live = 0, one = look_at(f, &a, &list.rows[i], &live, err);
        if (one && !first_rc) /* one broken attempt must not stop the others */
            first_rc = one;
        running += live;
    }
    arena_fini(&a);
    if (out_running)
        *out_running = running;
    return rc ? rc : first_rc;
}

void flow_wait(struct flow *f, int64_t ms)
{
    struct pollfd fds[FLOW_CHILDREN_MAX + 1] = { { .fd = f->wake_fd, .events = POLLIN } };
    nfds_t n = 1;
    uint64_t drained;
    lock_take(&f->lock);
    for (size_t i = 0; i < f->child_n; i++)
        fds[n++] = (struct pollfd){ .fd = f->children[i].pidfd, .events = POLLIN };
    lock_drop(&f->lock);
    (void)poll(fds, n, (int)MIN(ms, (int64_t)60000));
    if (fds[0].revents) {
        ssize_t ignored = read(f->wake_fd, &drained, sizeof drained);
        (void)ignored;
    }
}

void flow_trouble(struct flow *f, char out[480])
{
    lock_take(&f->lock);
    memcpy(out, f->trouble, sizeof f->trouble);
    lock_drop(&f->lock);
}

static void *flow_main(void *arg)
{
    struct flow *f = arg;
    for (;;) {
        struct err err = ERR_INIT;
        int rc = flow_tick(f, NULL, &err);
        lock_take(&f->lock);
        (void)snprintf(f->trouble, sizeof f->trouble, "%s", rc ? err.msg : "");
        int stop = f->stopping;
        lock_drop(&f->lock);
        if (stop)
            return NULL;
        flow_wait(f, TICK_MS);
    }
}

int flow_thread_start(struct flow *f, struct err *err)
{
    int rc = thread_start(&f->thread, "flow", flow_main, f, err);
    f->has_thread = rc == 0;
    return rc;
}

int flow_sweep(struct flow *f, struct err *err)
{
    return flow_tick(f, NULL, err);
}

/* ---- one run ---- */

struct find {
    struct arena *arena;
    const char *run_id;
    struct attempt at; /* the newest */
};

static int find_newest(struct tx *tx, void *arg, struct err *err)
{
    struct find *q = arg;
    struct attempt *rows;
    size_t n;
    int rc = attempt_list(tx, q->arena, q->run_id, &rows, &n, err);
    if (!rc && !n)
        rc = ERR(err, ERR_NOT_FOUND, "run '%s' was not started here: it has no attempt", q->run_id);
    for (size_t i = 0; !rc && i < n; i++)
        if (rows[i].number >= q->at.number)
            q->at = rows[i];
    return rc;
}

/* Reads the shim's pid from its lock file; 0 when it does not live. */
static pid_t shim_pid(struct flow *f, struct arena *a, const struct attempt *at)
{
    char *path = flow__path(f, a, at, ATTEMPT_LOCK);
    str_t text;
    struct json v;
    if (!fs_is_locked(path) || fs_read(a, path, 256, &text, NULL) ||
        json_parse(a, text, NULL, &v, NULL))
        return 0;
    int64_t pid = json_get_int(&v, "pid", 0);
    return pid > 1 && pid < INT32_MAX ? (pid_t)pid : 0;
}

struct cancel {
    struct arena *arena;
    const char *run_id, *actor, *reason;
};

static int tell_cancel(struct tx *tx, void *arg, struct err *err)
{
    const struct cancel *c = arg;
    struct run run;
    int rc = run_get(tx, c->arena, c->run_id, &run, err);
    if (rc)
        return rc;
    struct cause by = { .project = run.project, .actor = c->actor, .reason = c->reason };
    struct event e =
        event_of(&by, "run.cancel_requested", arena_printf(c->arena, "run/%s", c->run_id));
    return event_add(tx, &e, err);
}

int flow_run_cancel(struct flow *f, const char *run_id, const char *actor, const char *reason,
                    struct err *err)
{
    struct arena a;
    arena_init(&a, MIB(1));
    struct find q = { &a, run_id, { 0 } };
    int rc = store_read(f->store, find_newest, &q, err);
    if (!rc && step_state_is_finished(q.at.state))
        rc = ERR(err, ERR_CONFLICT, "run '%s' has ended already (%s)", run_id,
                 step_state_name(q.at.state));
    if (!rc) {
        struct cancel c = { &a, run_id, actor, reason };
        rc = store_write(f->store, tell_cancel, &c, err);
    }
    if (!rc) /* it may be there before its shim makes the folder */
        rc = fs_mkdirs(flow__path(f, &a, &q.at, ""), err);
    if (!rc)
        rc = fs_write_cache(flow__path(f, &a, &q.at, ATTEMPT_CANCEL), STR("cancel\n"), err);
    pid_t pid = rc ? 0 : shim_pid(f, &a, &q.at);
    if (pid)
        (void)kill(pid, SIGTERM);
    arena_fini(&a);
    return rc;
}

static int attempt_dir(struct flow *f, struct arena *a, const char *run_id, const char *name,
                       char **out, struct err *err)
{
    struct find q = { a, run_id, { 0 } };
    int rc = store_read(f->store, find_newest, &q, err);
    if (!rc)
        *out = flow__path(f, a, &q.at, name);
    return rc;
}

int flow_progress(struct flow *f, struct arena *a, const char *run_id, size_t after,
                  char ***out_lines, size_t *out_n, struct err *err)
{
    char *path;
    str_t text, line;
    int rc = attempt_dir(f, a, run_id, ATTEMPT_PROGRESS, &path, err);
    *out_n = 0;
    *out_lines = NULL;
    if (rc || !fs_exists(path))
        return rc;
    rc = fs_read(a, path, LIMIT_STEP_LOG, &text, err);
    if (rc)
        return rc;
    size_t lines = 0, n = 0;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    char **found = ARENA_TRY_ARRAY(a, lines + 1, char *);
    if (!found)
        return ERR(err, ERR_NOMEM, "progress of run '%s' is too large", run_id);
    /* Only whole lines: the last may still be in writing. */
    for (size_t i = 0; str_cut(text, '\n', &line, &text); i++)
        if (i >= after)
            found[n++] = arena_strndup(a, line.p, line.n);
    *out_lines = found;
    *out_n = n;
    return 0;
}

int flow_log(struct flow *f, struct arena *a, const char *run_id, int64_t offset, size_t max_bytes,
             str_t *out, struct err *err)
{
    char *path;
    AUTO(fd_auto) int fd = -1;
    *out = (str_t){ "", 0 };
    int rc = attempt_dir(f, a, run_id, ATTEMPT_LOG, &path, err);
    if (rc || !fs_exists(path))
        return rc;
    rc = fs_open_read(path, &fd, err);
    if (rc)
        return rc;
    char *p = arena_try_alloc(a, max_bytes + 1, 1);
    if (!p)
        return ERR(err, ERR_NOMEM, "not enough memory for the log");
    ssize_t n = pread(fd, p, max_bytes, offset);
    if (n < 0)
        return ERR_SYS(err, "cannot read '%s'", path);
    *out = (str_t){ p, (size_t)n };
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/preview: the first rows of a table among the files of a run or version. The file is
 * what the plain GET of its address opens, with that route's own checks; a fenced child reads it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "api/app.h"
#include "api/native/handler.h"
#include "api/route.h"
#include "api/tables.h"
#include "api/ticket.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"
#include "data/preview.h"

enum { CHILDREN_MAX = 2, ROWS_STANDARD = 200, GRACE_MS = 500 };

static gauge_t children;

/* "parquet", "csv", "tsv" by the end of the file's name, or NULL. */
static const char *format_of(const struct request *file)
{
    str_t name =
        str_is(file->path, "/get-artifact") || str_is(file->path, "/model-versions/get-artifact")
            ? request_query(file, "path")
            : file->path;
    if (str_ends(name, ".parquet") || str_ends(name, ".pq"))
        return "parquet";
    return str_ends(name, ".csv") ? "csv" : str_ends(name, ".tsv") ? "tsv" : NULL;
}

/* Opens the file by asking its own route; the descriptor is the caller's. */
static int open_file(struct request *rq, const char *target, const char **out_format, int *out_fd,
                     struct err *err)
{
    struct request file;
    request_init(&file);
    file.method = STR("GET");
    file.headers = rq->headers;
    file.headers_n = rq->headers_n;
    file.project = rq->project;
    file.remote = rq->remote;
    file.app = rq->app;
    int rc = request_set_target(&file, str_of(target), err);
    if (!rc && !ticket_is_file(&file))
        rc = ERR(err, ERR_INVALID, "'of' must be the address of a file of a run or of a version");
    if (!rc && !(*out_format = format_of(&file)))
        rc = ERR(err, ERR_INVALID, "a preview is made of .parquet, .csv and .tsv files");
    if (!rc) {
        app_dispatch(app_of(rq), &file);
        if (file.status >= 400)
            rc = ERR(err, file.status == 403 ? ERR_DENIED : ERR_NOT_FOUND,
                     "the file cannot be opened (status %d)", file.status);
        else if (file.out_fd < 0 || file.out_offset != 0)
            rc = ERR(err, ERR_UNAVAILABLE, "this file is not kept where it can be previewed");
    }
    if (!rc) {
        *out_fd = file.out_fd;
        file.out_fd = -1;
    }
    request_fini(&file);
    return rc;
}

/* Everything that the child writes, until it closes or the time is over. */
static int read_answer(int fd, struct buf *out, int64_t deadline_ns)
{
    char block[16384];
    for (;;) {
        int64_t left = (deadline_ns - clock_mono_ns()) / 1000000;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (left <= 0)
            return ERR_TIMEOUT;
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 && !out->failed ? 0 : ERR_LIMIT;
        buf_put(out, block, (size_t)n);
    }
}

static int run_child(struct request *rq, const char *format, int64_t rows, int fd, struct buf *out,
                     struct err *err)
{
    const char *argv[] = { proc_self(), "_preview", format,
                           arena_printf(&rq->arena, "%lld", (long long)rows), NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct proc p;
    struct proc_end end = { 0 };
    int fds[2];
    int rc = proc_pipe(fds, err);
    if (rc)
        return rc;
    spec.argv = argv;
    spec.stdin_fd = fd;
    spec.stdout_fd = fds[1];
    rc = proc_spawn(&p, &spec, err);
    (void)close(fds[1]);
    if (!rc) {
        int64_t deadline = clock_mono_ns() + PREVIEW_SECONDS * INT64_C(1000000000);
        int answer = read_answer(fds[0], out, deadline);
        if (answer || !proc_wait(&p, GRACE_MS, &end)) {
            proc_kill_group(&p, SIGKILL);
            (void)proc_wait(&p, -1, &end);
        }
        proc_fini(&p);
        if (answer == ERR_TIMEOUT)
            rc = ERR(err, ERR_LIMIT, "the table was not read within %d s; download it instead",
                     PREVIEW_SECONDS);
        else if (answer)
            rc = ERR(err, ERR_LIMIT, "the rows are too large to show; download the file instead");
        else if (!end.exited)
            rc = ERR(err, ERR_FAILED, "reading the table ended by signal %d: too large or damaged",
                     end.signal);
    }
    (void)close(fds[0]);
    return rc;
}

/* What a child says is input: only one JSON object of the known form goes on. */
static int pass_on(struct request *rq, str_t text, struct err *err)
{
    struct json v;
    struct json_out o;
    int rc = json_parse(&rq->arena, text, NULL, &v, NULL);
    if (rc || v.type != JSON_OBJECT)
        return ERR(err, ERR_FAILED, "the table could not be read");
    const char *said = json_get_string(&v, "error", NULL);
    if (said)
        return ERR(err, ERR_INVALID, "this file cannot be read as a table: %.400s", said);
    route_json(rq, &o);
    jo_value(&o, &v);
    return 0;
}

static int get_preview(struct request *rq, struct err *err)
{
    struct err bad = ERR_INIT;
    struct buf out;
    const char *of = handler_query(rq, "of"), *format = NULL;
    AUTO(fd_auto) int fd = -1;
    int64_t rows = request_query_int(rq, "rows", ROWS_STANDARD, 1, PREVIEW_ROWS_MAX, &bad);
    if (bad.code) {
        *err = bad;
        return bad.code;
    }
    if (!of)
        return ERR(err, ERR_INVALID, "name the file: ?of= and its address, percent-encoded");
    int rc = open_file(rq, of, &format, &fd, err);
    if (rc)
        return rc;
    if (gauge_add(&children, 1) > CHILDREN_MAX) {
        (void)gauge_add(&children, -1);
        return ERR(err, ERR_UNAVAILABLE, "%d previews are being made; try again in a moment",
                   CHILDREN_MAX);
    }
    buf_init(&out, PREVIEW_JSON_MAX);
    rc = run_child(rq, format, rows, fd, &out, err);
    (void)gauge_add(&children, -1);
    if (!rc)
        rc = pass_on(rq, buf_view(&out), err);
    buf_fini(&out);
    return rc;
}

static const struct route routes[] = {
    { "GET", "/api/v1/preview", "run.read", get_preview, ROUTE_WORKER, 0,
      "The first rows of a Parquet, CSV or TSV file of a run or version, read by a fenced child.",
      "of! string: Address of the file, as in /get-artifact?run_id=…&path=….\n"
      "rows integer: At most so many, 200 unless given, 1000 at most.",
      "format! parquet|csv|tsv: How it was read.\nrow_count! integer|null: Of the whole file; null "
      "where counting would read all of it.\ncolumn_count! integer: Of the whole file.\n"
      "columns! [object]: The first 100.\n  name! string: Of the column.\n  type! string: Of its "
      "values.\nrows! [any]: Each a list of texts, cut after 200 letters, null where missing.",
      "preview" },
};

const struct route_table preview_routes = { "preview", routes, ARRAY_LEN(routes),
                                            route_error_native };

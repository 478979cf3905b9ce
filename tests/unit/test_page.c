/* SPDX-License-Identifier: Apache-2.0
 * What the page asks of the server beyond the plain routes: tickets for files, hints that a run
 * logged something, the first rows of a table. */
#include "store_test.h"

#include "api/app.h"
#include "api/tables.h"
#include "api/ticket.h"
#include "base/clock.h"
#include "event/event.h"

#define FILE_URL "/get-artifact?run_id=4f2a&path=plots%2Fpage.html&inline=1"

/* ---- tickets ---- */

static void start(struct request *rq, struct app *app, const char *method, const char *target)
{
    request_init(rq);
    rq->method = str_of(method);
    rq->app = app;
    CHECK_INT(request_set_target(rq, str_of(target), NULL), 0);
}

static int make(struct app *app, const char *body, char out[200], struct err *err)
{
    struct request rq;
    struct json v;
    start(&rq, app, "POST", "/api/v1/tickets");
    rq.body = str_of(body);
    int rc = ticket_routes.routes[0].handler(&rq, err);
    if (!rc) {
        CHECK_INT(json_parse(&rq.arena, buf_view(&rq.out), NULL, &v, NULL), 0);
        (void)snprintf(out, 200, "%s", json_get_string(&v, "query", ""));
    }
    request_fini(&rq);
    return rc;
}

static int opens(struct app *app, const char *method, const char *path, const char *ticket)
{
    struct request rq;
    char target[600];
    (void)snprintf(target, sizeof target, "%s&%s", path, ticket);
    start(&rq, app, method, target);
    int fine = ticket_is_given(&rq) && ticket_check(&rq, NULL) == 0;
    request_fini(&rq);
    return fine;
}

TEST(page_ticket_opens_one_file)
{
    static struct app app = { .magic = APP_MAGIC };
    struct err err = ERR_INIT;
    char query[200], late[200];
    memset(app.signing_key, 7, sizeof app.signing_key);
    CHECK_INT(make(&app, "{\"path\":\"" FILE_URL "\"}", query, &err), 0);
    CHECK(opens(&app, "GET", FILE_URL, query));
    CHECK(!opens(&app, "PUT", FILE_URL, query));
    CHECK(!opens(&app, "GET", "/get-artifact?run_id=4f2a&path=other.html&inline=1", query));
    CHECK(!opens(&app, "GET", "/get-artifact?run_id=4f2b&path=plots%2Fpage.html&inline=1", query));
    CHECK(!opens(&app, "GET", FILE_URL "&download=1", query));
    CHECK(!opens(&app, "GET", "/model-versions/get-artifact?run_id=4f2a", query));
    (void)snprintf(late, sizeof late, "%s", query);
    late[strlen("expires=")] = '9';
    CHECK(!opens(&app, "GET", FILE_URL, late));
    app.signing_key[0] ^= 1;
    CHECK(!opens(&app, "GET", FILE_URL, query));
}

TEST(page_ticket_is_for_files_alone)
{
    static struct app app = { .magic = APP_MAGIC };
    struct err err = ERR_INIT;
    char query[200];
    static const char *const no[] = { "{\"path\":\"/api/v1/runs\"}", "{\"path\":\"/metrics\"}",
                                      "{\"path\":\"/get-artifact?signature=x\"}",
                                      "{\"path\":\"/api/v1/models/m\"}", "{}" };
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        CHECK_INT(make(&app, no[i], query, &err), ERR_INVALID);
    CHECK_INT(make(&app, "{\"path\":\"/api/v1/models/m/versions/1/files/a.pdf\"}", query, &err), 0);
}

/* ---- hints ---- */

static char seen[EVENT_HINTS][EVENT_HINT_BYTES];
static int woken;

static void wake(void)
{
    woken++;
}

static int log_two(struct tx *tx, void *arg, struct err *err)
{
    int64_t after = *(int64_t *)arg;
    (void)err;
    event_hint(tx, "run/a");
    event_hint(tx, "run/b");
    event_hint(tx, "run/a");
    CHECK_INT(event_hints(&after, seen, EVENT_HINTS), 0); /* not before the commit */
    return 0;
}

static int log_many(struct tx *tx, void *arg, struct err *err)
{
    char subject[EVENT_HINT_BYTES];
    (void)arg;
    (void)err;
    for (int i = 0; i < EVENT_HINTS + 50; i++) {
        (void)snprintf(subject, sizeof subject, "run/%d", i);
        event_hint(tx, subject);
    }
    return 0;
}

TEST(page_hints_come_after_the_commit_each_once)
{
    char path[512];
    struct store *s = NULL;
    int64_t after = -1, none = -1;
    (void)snprintf(path, sizeof path, "%s/slipway.db", test_tmpdir());
    CHECK_OK(store_open(&s, &(struct store_options){ .path = path, .create = 1 }, err));
    CHECK_OK(store_write(s, log_two, &after, err)); /* nobody watches: nothing is kept */
    event_hint_watch(1, wake);
    CHECK_INT(event_hints(&after, seen, EVENT_HINTS), 0);
    CHECK_OK(store_write(s, log_two, &after, err));
    CHECK_INT(woken, 1);
    CHECK_INT(event_hints(&after, seen, 1), 1);
    CHECK_STR(seen[0], "run/a");
    CHECK_INT(event_hints(&after, seen, EVENT_HINTS), 1);
    CHECK_STR(seen[0], "run/b");
    CHECK_INT(event_hints(&after, seen, EVENT_HINTS), 0);
    CHECK_INT(event_hints(&none, seen, EVENT_HINTS), 0);
    CHECK_OK(store_write(s, log_many, NULL, err));
    CHECK_INT(event_hints(&after, seen, EVENT_HINTS), EVENT_HINTS);
    CHECK_STR(seen[0], "run/50"); /* the oldest are forgotten */
    event_hint_watch(-1, NULL);
    store_close(s);
}

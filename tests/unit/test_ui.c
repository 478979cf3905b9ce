/* SPDX-License-Identifier: Apache-2.0
 * The page's shell and files: headers, codings, tags, base path, escaping, with and without the
 * files in this build. */
#include "api/app.h"
#include "api/route.h"
#include "api/ui/assets.h"
#include "test.h"

static struct app *open_app(void)
{
    struct app *app = NULL;
    struct app_options o = { .mode = APP_WRITE, .data_dir = test_tmpdir() };
    CHECK_OK(app_open(&app, &o, err));
    return app;
}

static void get(struct app *app, struct request *rq, const char *target, struct pair *headers,
                size_t n)
{
    request_init(rq);
    rq->method = STR("GET");
    rq->headers = headers;
    rq->headers_n = n;
    CHECK_OK(request_set_target(rq, str_of(target), err));
    app_dispatch(app, rq);
}

static const char *header(const struct request *rq, const char *name)
{
    for (size_t i = 0; i < rq->out_headers_n; i++)
        if (str_is(rq->out_headers[i].key, name))
            return rq->out_headers[i].value.p;
    return "";
}

static int contains(const struct request *rq, const char *text)
{
    return str_find(buf_view(&rq->out), text) != SIZE_MAX;
}

TEST(ui_shell_has_its_headers)
{
    struct app *app = open_app();
    struct request rq;
    get(app, &rq, "/", NULL, 0);
    CHECK_INT(rq.status, 200);
    CHECK(strncmp(rq.content_type, "text/html", 9) == 0);
    CHECK_STR(header(&rq, "Cache-Control"), "no-cache");
    CHECK(strstr(header(&rq, "Content-Security-Policy"), "default-src 'none'; script-src 'self'") !=
          NULL);
    CHECK(strstr(header(&rq, "Vary"), "Accept-Encoding") != NULL);
    CHECK(contains(&rq, "<html lang=\"en\">"));
    request_fini(&rq);
    app_close(app);
}

TEST(ui_shell_answers_its_own_tag)
{
    struct app *app = open_app();
    struct request rq, again, other;
    get(app, &rq, "/models", NULL, 0);
    const char *tag = header(&rq, "ETag");
    CHECK(strlen(tag) > 10 && tag[0] == '"');
    struct pair same[] = { { STR("if-none-match"), str_of(tag) } };
    get(app, &again, "/models", same, 1);
    CHECK_INT(again.status, 304);
    CHECK_INT(again.out.n, 0);
    struct pair wrong[] = { { STR("if-none-match"), STR("\"x\", \"y\"") } };
    get(app, &other, "/models", wrong, 1);
    CHECK_INT(other.status, 200);
    request_fini(&other);
    request_fini(&again);
    request_fini(&rq);
    app_close(app);
}

TEST(ui_shell_takes_language_and_colours_from_cookies)
{
    struct app *app = open_app();
    struct request rq;
    struct pair h[] = { { STR("cookie"), STR("a=b; slipway_lang=zh-CN; slipway_theme=dark") } };
    get(app, &rq, "/runs", h, 1);
    CHECK(contains(&rq, "<html lang=\"zh-CN\" data-theme=\"dark\">"));
    request_fini(&rq);
    struct pair bad[] = { { STR("cookie"), STR("slipway_theme=\"><script>") },
                          { STR("accept-language"), STR("zh-TW,en") } };
    get(app, &rq, "/runs", bad, 2);
    CHECK(contains(&rq, "<html lang=\"zh-CN\">"));
    CHECK(!contains(&rq, "\"><script>\""));
    request_fini(&rq);
    app_close(app);
}

TEST(ui_shell_knows_the_base_path)
{
    struct app *app = open_app();
    struct request rq;
    struct pair proxy[] = { { STR("x-forwarded-prefix"), STR("/ml/slipway/") } };
    (void)snprintf(app->url, sizeof app->url, "http://127.0.0.1:5000/own");
    get(app, &rq, "/", NULL, 0);
    CHECK(contains(&rq, "name=\"slipway-base\" content=\"/own\""));
    request_fini(&rq);
    get(app, &rq, "/", proxy, 1);
    CHECK(contains(&rq, "name=\"slipway-base\" content=\"/ml/slipway\""));
    request_fini(&rq);
    static const char *const hostile[] = { "//evil.example", "/a\"><script>", "evil", "/a b" };
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        proxy[0].value = str_of(hostile[i]);
        get(app, &rq, "/", proxy, 1);
        CHECK(contains(&rq, "name=\"slipway-base\" content=\"\""));
        request_fini(&rq);
    }
    app_close(app);
}

TEST(ui_names_from_the_address_cannot_leave_the_document)
{
    struct app *app = open_app();
    struct request rq;
    get(app, &rq, "/runs?filter=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", NULL, 0);
    CHECK_INT(rq.status, 200);
    CHECK(!contains(&rq, "<script>alert"));
    request_fini(&rq);
    get(app, &rq, "/models/%22%3E%3Cb%3E", NULL, 0);
    CHECK(!contains(&rq, "<b>"));
    request_fini(&rq);
    app_close(app);
}

/* Asks for a file with a coding; checks length, tag and name of the coding. */
static void check_coding(struct app *app, const struct ui_asset *a, const char *accept,
                         const char *coding, size_t want)
{
    struct request rq, again;
    char target[200], tag[64];
    struct pair h[] = { { STR("accept-encoding"), str_of(accept) },
                        { STR("if-none-match"), STR("\"no\"") } };
    (void)snprintf(target, sizeof target, "/assets/%s", a->name);
    get(app, &rq, target, h, 2);
    CHECK_INT(rq.status, 200);
    CHECK_INT(rq.out.n, want);
    CHECK_STR(header(&rq, "Content-Encoding"), coding);
    CHECK(strstr(header(&rq, "Cache-Control"), "immutable") != NULL);
    CHECK_STR(header(&rq, "Vary"), "Accept-Encoding");
    (void)snprintf(tag, sizeof tag, "W/\"z\", %s", header(&rq, "ETag"));
    h[1].value = str_of(tag);
    get(app, &again, target, h, 2);
    CHECK_INT(again.status, 304);
    CHECK_INT(again.out.n, 0);
    request_fini(&again);
    request_fini(&rq);
}

TEST(ui_files_come_in_the_coding_asked_for)
{
    size_t n;
    const struct ui_asset *all = ui_asset_table(&n);
    struct app *app = open_app();
    for (size_t i = 0; i < n; i++) {
        check_coding(app, &all[i], "gzip, deflate, br", "br", all[i].br_n);
        check_coding(app, &all[i], "gzip, deflate", "gzip", all[i].gz_n);
        check_coding(app, &all[i], "br;q=0, gzip;q=0.5", "gzip", all[i].gz_n);
        check_coding(app, &all[i], "br;q=0.0, identity", "", all[i].raw_n);
        check_coding(app, &all[i], "", "", all[i].raw_n);
        CHECK(all[i].gz_n <= 40 * 1024 || strcmp(all[i].role, "main") == 0);
    }
    struct request rq;
    get(app, &rq, "/assets/main-OLD.js", NULL, 0);
    CHECK_INT(rq.status, 404);
    CHECK(contains(&rq, "load the page again"));
    request_fini(&rq);
    app_close(app);
}

/* SPDX-License-Identifier: Apache-2.0
 * The project file: golden texts of every message, examples of the tables, the plan. Golden files
 * are rewritten by SLIPWAY_UPDATE_GOLDEN=1; look at the difference before committing it. */
#include "test.h"

#include "base/fs.h"
#include "base/limits.h"
#include "project/gate.h"
#include "project/keys.h"
#include "project/project.h"

static const char *no_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "HOUSES") == 0 ? "data/houses.csv" : NULL;
}

/* Loads with "-p a=1 -p b=2" style arguments. */
static int load(struct arena *a, str_t text, str_t args, struct project **out, struct diags *d,
                struct err *err)
{
    struct project_override o[8];
    struct project_options options = { .overrides = o, .env = no_env };
    str_t word, value;
    while (args.n) {
        if (!str_cut(args, ' ', &word, &args)) {
            word = args;
            args = (str_t){ "", 0 };
        }
        if (str_is(word, "-p") || !str_cut(word, '=', &word, &value))
            continue;
        o[options.override_n++] = (struct project_override){ arena_strndup(a, word.p, word.n),
                                                             arena_strndup(a, value.p, value.n) };
    }
    return project_load(a, text, &options, out, d, err);
}

static void render(str_t text, str_t args, struct buf *out)
{
    struct arena a;
    struct project *p = NULL;
    struct diags d;
    struct err err = ERR_INIT;
    arena_init(&a, 64 << 20);
    int rc = load(&a, text, args, &p, &d, &err);
    CHECK((rc != 0) == (d.error_n > 0));
    diags_write(&d, DIAG_TEXT, 0, out);
    if (!d.n)
        buf_puts(out, "nothing to say\n");
    arena_fini(&a);
}

/* Blocks "### name [-p k=v]", document, "---->", text. Rewrites the file when asked to. */
static void run_golden(const char *file)
{
    AUTO(buf_fini) struct buf all, got;
    struct arena a;
    str_t text, rest, block, head, body, args;
    int n = 0, wrong = 0;
    arena_init(&a, 8 << 20);
    buf_init(&all, 8 << 20);
    CHECK_OK(fs_read(&a, test_data(file), 4 << 20, &text, err));
    size_t start = str_find(text, "\n### ");
    CHECK(start != SIZE_MAX);
    buf_put(&all, text.p, start + 1);
    rest = (str_t){ text.p + start + 1, text.n - start - 1 };
    while (rest.n) {
        size_t end = str_find((str_t){ rest.p + 1, rest.n - 1 }, "\n### ");
        block = end == SIZE_MAX ? rest : (str_t){ rest.p, end + 2 };
        rest = end == SIZE_MAX ? (str_t){ "", 0 } : (str_t){ rest.p + end + 2, rest.n - end - 2 };
        CHECK(str_cut(block, '\n', &head, &body));
        size_t dash = str_find(head, " -p "), arrow = str_find(body, "---->\n");
        args = dash == SIZE_MAX ? (str_t){ "", 0 } : (str_t){ head.p + dash, head.n - dash };
        str_t input = arrow == SIZE_MAX ? body : (str_t){ body.p, arrow };
        str_t want = arrow == SIZE_MAX ? (str_t){ "", 0 }
                                       : (str_t){ body.p + arrow + 6, body.n - arrow - 6 };
        buf_init(&got, 1 << 20);
        render(input, args, &got);
        buf_printf(&all, "%.*s\n%.*s---->\n%s", STR_ARG(head), STR_ARG(input), got.p);
        if (!str_eq(buf_view(&got), want) && !getenv("SLIPWAY_UPDATE_GOLDEN")) {
            (void)printf("# %.*s: got\n%s# want\n%.*s", STR_ARG(head), got.p, STR_ARG(want));
            wrong++;
        }
        buf_fini(&got);
        n++;
    }
    buf_init(&got, 1);
    if (getenv("SLIPWAY_UPDATE_GOLDEN"))
        CHECK_OK(fs_write_atomic(test_data(file), buf_view(&all), err));
    arena_fini(&a);
    CHECK(n > 5);
    CHECK_INT(wrong, 0);
}

TEST(project_messages)
{
    run_golden("project/messages.case");
}

/* Every bad example gives its code, every good one no error. */
/* A line of any length is shown around its column. */
TEST(project_maps_have_a_cap)
{
    static const char *const maps[] = { "params", "stages", "data" };
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        AUTO(buf_fini) struct buf text, got;
        buf_init(&text, 1 << 20);
        buf_init(&got, 1 << 20);
        buf_printf(&text, "name: x\n%s:\n", maps[i]);
        for (int k = 0; k <= LIMIT_PROJECT_ENTRIES; k++)
            buf_printf(&text, "  k%d: 1\n", k);
        render(buf_view(&text), (str_t){ "", 0 }, &got);
        CHECK(str_find(buf_view(&got), "1001 entries; a project file may have 1000") != SIZE_MAX);
        CHECK(str_find(buf_view(&got), "1 error in") != SIZE_MAX); /* and nothing else was asked */
    }
}

TEST(project_messages_cut_long_lines)
{
    AUTO(buf_fini) struct buf text, got;
    str_t line, rest;
    buf_init(&text, 1 << 20);
    buf_init(&got, 1 << 20);
    buf_puts(&text, "slipway: 1\nname: c\ndata: { t: { csv: a.csv, target: y, missing: [\"é");
    for (int i = 0; i < 20000; i++)
        buf_puts(&text, "é");
    buf_puts(&text, "\"], nope: 1 } }\nstages: { train: { model: ridge } }\n");
    render(buf_view(&text), (str_t){ "", 0 }, &got);
    size_t at = str_find(buf_view(&got), "\n 3 | ");
    CHECK(at != SIZE_MAX && got.n < 4000);
    CHECK(str_cut((str_t){ got.p + at + 1, got.n - at - 1 }, '\n', &line, &rest));
    size_t under = str_find(rest, "^");
    CHECK(under != SIZE_MAX && under < line.n);
    size_t key = str_find(line, "nope");
    CHECK(key != SIZE_MAX);
    CHECK_INT(str_width((str_t){ line.p, key }), under);
    CHECK(str_find(line, "…é") != SIZE_MAX);
}

TEST(project_error_examples)
{
    const struct diag_code *c;
    for (size_t i = 0; (c = diag_code_at(i)) != NULL; i++) {
        struct arena a;
        struct project *p = NULL;
        struct diags d;
        struct err err = ERR_INIT;
        CHECK(c->prose[0] && c->title[0]);
        if (!c->bad[0])
            continue;
        arena_init(&a, 16 << 20);
        str_t args = strcmp(c->code, "E203") == 0 ? STR("-p alpha=1") : STR("");
        int rc = load(&a, str_of(c->bad), args, &p, &d, &err);
        int found = 0;
        for (size_t k = 0; k < d.n; k++)
            found |= strcmp(d.items[k].code, c->code) == 0;
        if (!found)
            TEST_FAIL("the bad example of %s gives %s (%s)", c->code,
                      d.n ? d.items[0].code : "nothing", err.msg);
        CHECK((rc != 0) == (c->code[0] == 'E'));
        if (load(&a, str_of(c->good), args, &p, &d, &err))
            TEST_FAIL("the good example of %s: %s", c->code, err.msg);
        for (size_t k = 0; k < d.n; k++)
            if (strcmp(d.items[k].code, c->code) == 0)
                TEST_FAIL("the good example of %s gives it too", c->code);
        arena_fini(&a);
    }
}

/* Examples of keys below `monitor` and `triggers`. */
static const char *wrap_lines(struct arena *a, const struct key *k)
{
    static const char file[] = "data: { d: { csv: d.csv, target: y } }\n"
                               "stages:\n  train: { model: ridge }\n";
    if (strcmp(k->object, "monitor") == 0)
        return arena_printf(a, "%smonitor:\n  %s\n", file,
                            strcmp(k->name, "alerts") == 0
                                ? "alerts:\n    - { alert: Decay, expr: rmse_low > 5 }"
                                : k->example);
    const char *others = strcmp(k->name, "alert") == 0  ? "expr: rmse > 5, "
                         : strcmp(k->name, "expr") == 0 ? "alert: A, "
                                                        : "alert: A, expr: rmse > 5, ";
    if (strcmp(k->object, "alert") == 0)
        return arena_printf(a, "%smonitor: { alerts: [{ %s%s }] }\n", file, others, k->example);
    return arena_printf(a, "%striggers: [{ %s%s }]\n", file,
                        strcmp(k->name, "cooldown") == 0 ? "labels: 5, " : "", k->example);
}

/* Wraps the example of a key into a file in which it makes sense. */
static const char *wrap(struct arena *a, const struct key *k)
{
    static const struct {
        const char *object, *before, *unless, *with, *after;
    } care[] = {
        { "strategy", "deploy: { endpoint: d, strategy: { ", "", "", " } }" },
        { "budget", "deploy: { endpoint: d, budget: { ", "", "", " } }" },
        { "monitor_log", "monitor: { log: { ", "", "", " } }" },
        { "monitor_drift", "monitor: { drift: { ", "", "", " } }" },
        { "retrain", "retrain: { ", "", "", " }" },
    };
    if (strcmp(k->object, "monitor") == 0 || strcmp(k->object, "alert") == 0 ||
        strcmp(k->object, "trigger") == 0)
        return wrap_lines(a, k);
    const char *o = k->object, *e = k->example,
               *top = "data: { d: { csv: d.csv, target: y, key: id, time: t } }\n";
    const char *train = "  train: { model: ridge }\n";
    if (strcmp(o, "file") == 0) {
        const char *data = strcmp(k->name, "data") == 0 ? "" : top;
        const char *stages =
            strcmp(k->name, "stages") == 0 ? "" : "stages:\n  train: { model: ridge }\n";
        return arena_printf(a, "%s%s%s\n", data, stages, e);
    }
    if (strcmp(o, "param") == 0)
        return arena_printf(a, "%sparams: { x: { %s%s } }\nstages:\n%s", top,
                            strcmp(k->name, "default") == 0 ? "" : "default: 3, ", e, train);
    if (strcmp(o, "source") == 0)
        return arena_printf(a, "data: { d: { %s%s } }\nstages:\n%s",
                            strcmp(k->name, "csv") == 0      ? "target: y, "
                            : strcmp(k->name, "target") == 0 ? "csv: d.csv, "
                                                             : "csv: d.csv, target: y, ",
                            e, train);
    if (strcmp(o, "step") == 0)
        return arena_printf(a, "%sstages:\n  p:\n    do:\n      - %s\n%s", top, e, train);
    if (strcmp(o, "rule") == 0)
        return arena_printf(
            a, "%sstages:\n  p:\n    do: [{ scale: [x] }]\n    expect:\n      - { %s%s }\n%s", top,
            k->name[0] == 's' || k->name[0] == 'm'
                ? (strcmp(k->name, "matches") == 0 ? "" : "not_null: [x], ")
                : "",
            e, train);
    if (strcmp(o, "deploy") == 0)
        return arena_printf(a, "%sdeploy: { %s%s }\nstages:\n%s", top,
                            strcmp(k->name, "endpoint") == 0 ? "" : "endpoint: d, ", e, train);
    for (size_t i = 0; i < ARRAY_LEN(care); i++)
        if (strcmp(o, care[i].object) == 0)
            return arena_printf(a, "%s%s%s%s%s\nstages:\n%s", top, care[i].before,
                                strcmp(k->name, care[i].unless) == 0 ? "" : care[i].with, e,
                                care[i].after, train);
    if (strcmp(o, "one_hot") == 0)
        return arena_printf(a, "%sstages:\n  p: { do: [{ one_hot: { %s%s } }] }\n%s", top,
                            strcmp(k->name, "columns") == 0 ? "" : "columns: [x], ", e, train);
    if (strcmp(o, "drop") == 0)
        return arena_printf(a, "%sstages:\n  p: { do: [{ drop: { %s } }] }\n%s", top, e, train);
    struct buf b;
    buf_init(&b, 4000);
    int split =
        strchr("bktsv", k->name[0]) && strcmp(k->name, "key") != 0 && strcmp(k->name, "time") != 0;
    buf_puts(&b, "    ");
    for (const char *p = e; *p; p++) {
        buf_putc(&b, *p);
        if (*p == '\n')
            buf_puts(&b, "    ");
    }
    const char *text = arena_strdup(a, b.p);
    buf_fini(&b);
    if (strcmp(k->name, "model") == 0 || strcmp(k->name, "intercept") == 0 ||
        strcmp(k->name, "features") == 0 || strcmp(k->name, "exclude") == 0 ||
        strcmp(k->name, "alpha") == 0)
        return arena_printf(a, "%sstages:\n  train:\n%s\n%s", top, text,
                            strcmp(k->name, "model") == 0 ? "" : "    model: ridge\n");
    if (strcmp(k->name, "gates") == 0)
        return arena_printf(a, "%sstages:\n%s  g:\n%s\n", top, train, text);
    if (strcmp(k->name, "do") == 0)
        return arena_printf(a, "%sstages:\n  p:\n%s\n%s", top, text, train);
    if (strcmp(k->name, "expect") == 0 || strcmp(k->name, "input") == 0)
        return arena_printf(
            a,
            "%sstages:\n  clean: { do: [{ scale: [x] }] }\n  p:\n    do: [{ scale: [x] }]\n%s\n%s",
            top, text, train);
    const char *by = strcmp(k->name, "by") == 0         ? ""
                     : strcmp(k->name, "key") == 0      ? "    by: hash\n"
                     : strcmp(k->name, "time") == 0     ? "    by: time\n"
                     : strcmp(k->name, "stratify") == 0 ? "    by: stratified\n"
                                                        : "    by: hash\n";
    (void)split;
    return arena_printf(a, "%sstages:\n  cut:\n%s\n%s%s", top, text, by, train);
}

TEST(project_key_examples)
{
    const struct key *k;
    for (size_t i = 0; (k = key_at(i)) != NULL; i++) {
        struct arena a;
        struct project *p = NULL;
        struct diags d;
        struct err err = ERR_INIT;
        CHECK(k->prose[0]);
        if (k->flags & KEY_LATER) {
            CHECK(!k->shape);
            continue;
        }
        CHECK(k->shape && k->example[0]);
        arena_init(&a, 16 << 20);
        const char *text = wrap(&a, k);
        CHECK(strstr(text, k->name) != NULL);
        if (load(&a, str_of(text), STR(""), &p, &d, &err))
            TEST_FAIL("example of %s.%s: %s in\n%s", k->object, k->name, err.msg, text);
        arena_fini(&a);
    }
}

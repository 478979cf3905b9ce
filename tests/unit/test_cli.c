/* SPDX-License-Identifier: Apache-2.0
 * The command table is whole and consistent; parsing, paths, references and cells do what the rules
 * of the command line say. */
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/refs.h"
#include "cli/rows.h"
#include "cli/term.h"
#include "test.h"

static int parse(struct cli *c, struct err *err, const char *line)
{
    static char text[1024];
    static char *argv[64];
    int argc = 0;
    memset(c, 0, sizeof *c);
    *err = (struct err)ERR_INIT;
    arena_init(&c->arena, MIB(16));
    buf_init(&c->out, MIB(1));
    (void)snprintf(text, sizeof text, "slipway %s", line);
    for (char *p = text; *p; p++) {
        if (*p == ' ') {
            *p = 0;
        } else if (p == text || !p[-1]) {
            argv[argc++] = p;
        }
    }
    return cli_parse(c, argc, argv, err);
}

static void parse_end(struct cli *c)
{
    buf_fini(&c->out);
    arena_fini(&c->arena);
}

static void check_flag(const struct cli_flag *f, const struct cli_flag *other)
{
    if (strcmp(f->name, other->name) == 0) {
        CHECK_INT(f->type, other->type);
        CHECK_INT(f->letter, other->letter);
    }
}

TEST(cli_table_is_whole)
{
    static const char letters[] = "hqvofpynCe";
    size_t n, g;
    const struct cli_command *all = cli_commands(&n);
    const struct cli_flag *global = cli_global_flags(&g);
    for (size_t i = 0; i < n; i++) {
        const struct cli_command *c = &all[i];
        CHECK(c->name && c->summary && c->usage && c->examples && c->permission && c->run);
        CHECK(c->summary[strlen(c->summary) - 1] != '.');
        CHECK(strstr(c->examples, "slipway"));
        CHECK(c->examples[strlen(c->examples) - 1] == '\n');
        CHECK(cli_command_find(c->name) == c);
        for (size_t j = 0; j < c->flag_n; j++) {
            const struct cli_flag *f = &c->flags[j];
            CHECK(f->help && f->help[strlen(f->help) - 1] == '.');
            CHECK(!f->letter || strchr(letters, f->letter));
            for (size_t k = 0; k < g; k++)
                CHECK(strcmp(f->name, global[k].name) != 0);
            for (size_t k = 0; k < n; k++)
                for (size_t m = 0; m < all[k].flag_n; m++)
                    check_flag(f, &all[k].flags[m]);
        }
    }
    for (size_t k = 0; k < g; k++)
        CHECK(!global[k].letter || strchr(letters, global[k].letter));
}

TEST(cli_parse_flags_stand_anywhere)
{
    struct cli c;
    struct err err;
    CHECK_INT(parse(&c, &err, "-o json --data /x model -v show diabetes:3 --quiet"), 0);
    CHECK_STR(c.command->name, "model show");
    CHECK_INT(c.arg_n, 1);
    CHECK_STR(c.args[0], "diabetes:3");
    CHECK_STR(cli_get(&c, "output"), "json");
    CHECK_STR(cli_get(&c, "data"), "/x");
    CHECK_INT(cli_count(&c, "verbose"), 1);
    parse_end(&c);
    CHECK_INT(parse(&c, &err, "run -p a=1 -pb=2 --param=c=3 -vv"), 0);
    size_t cursor = 0;
    CHECK_STR(cli_next(&c, "param", &cursor), "a=1");
    CHECK_STR(cli_next(&c, "param", &cursor), "b=2");
    CHECK_STR(cli_next(&c, "param", &cursor), "c=3");
    CHECK(cli_next(&c, "param", &cursor) == NULL);
    CHECK_INT(cli_count(&c, "verbose"), 2);
    parse_end(&c);
    CHECK_INT(parse(&c, &err, "predict m -- -5"), 0);
    CHECK_STR(c.args[1], "-5");
    parse_end(&c);
    CHECK_INT(parse(&c, &err, "predict m -"), 0);
    CHECK_STR(c.args[1], "-");
    parse_end(&c);
    CHECK_INT(parse(&c, &err, "model ls --json name,latest_version -n5"), 0);
    CHECK_STR(cli_get(&c, "json"), "name,latest_version");
    CHECK_STR(cli_get(&c, "limit"), "5");
    parse_end(&c);
    CHECK_INT(parse(&c, &err, "model show --json diabetes"), 0);
    CHECK(cli_get(&c, "json") == NULL);
    CHECK_STR(c.args[0], "diabetes");
    parse_end(&c);
}

TEST(cli_parse_mistakes_are_answered_not_run)
{
    static const struct {
        const char *line, *message, *hint;
    } cases[] = {
        { "modle ls", "unknown command 'modle'", "did you mean 'slipway model'?" },
        { "model lst", "unknown command 'model lst'", "did you mean 'slipway model ls'?" },
        { "serve", "unknown command 'serve'", "did you mean 'slipway server'?" },
        { "train", "unknown command 'train'", "did you mean 'slipway run'?" },
        { "dep x", "unknown command 'dep'", "slipway help" },
        { "run --forse", "unknown flag '--forse' for 'slipway run'", "did you mean '--force'?" },
        { "run --to 3", "unknown flag '--to' for 'slipway run'",
          "slipway help run; a parameter of the project is set with -p to=VALUE" },
        { "--to 3 run", "unknown flag '--to' for 'slipway run'",
          "slipway help run; a parameter of the project is set with -p to=VALUE" },
        { "model ls -o jsno",
          "--output takes one of table|wide|json|jsonl|csv|tsv|name|md, not 'jsno'",
          "did you mean 'json'?" },
        { "model ls -n x", "--limit takes a whole number, not 'x'", NULL },
        { "model ls -o", "flag '-o' needs a value: table|wide|json|jsonl|csv|tsv|name|md", NULL },
        { "deploy", "'slipway deploy' needs MODEL[:VERSION|@ALIAS]",
          "usage: slipway deploy MODEL[:VERSION|@ALIAS]" },
        { "version now", "'slipway version' does not take 'now'", "usage: slipway version" },
        { "run --force=7", "flag '--force' takes no value", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cli c;
        struct err err;
        CHECK_INT(parse(&c, &err, cases[i].line), ERR_INVALID);
        CHECK_STR(err.msg, cases[i].message);
        if (cases[i].hint)
            CHECK_STR(c.hint, cases[i].hint);
        parse_end(&c);
    }
}

TEST(cli_paths_take_keys_with_dots)
{
    struct arena a;
    struct json v;
    arena_init(&a, MIB(1));
    CHECK_OK(json_parse(
        &a, STR("{\"m\":{\"valid.rmse\":{\"value\":2}},\"l\":[{\"x\":1},{\"x\":7}],\"a.b\":3}"),
        NULL, &v, err));
    CHECK_INT(out_path(&v, "m.valid.rmse.value")->integer, 2);
    CHECK_INT(out_path(&v, "l.1.x")->integer, 7);
    CHECK_INT(out_path(&v, "a.b")->integer, 3);
    CHECK(out_path(&v, "l.2.x") == NULL);
    CHECK(out_path(&v, "m.valid") == NULL);
    arena_fini(&a);
}

TEST(cli_references)
{
    static const struct {
        const char *text;
        enum ref_kind want;
        const char *name, *version;
    } cases[] = {
        { "diabetes", REF_MODEL, "diabetes", NULL },
        { "diabetes:3", REF_MODEL, "diabetes", "3" },
        { "diabetes@champion", REF_MODEL, "diabetes", "@champion" },
        { "model/diabetes:3", REF_MODEL, "diabetes", "3" },
        { "models:/diabetes/3", REF_MODEL, "diabetes", "3" },
        { "models:/diabetes@champion", REF_MODEL, "diabetes", "@champion" },
        { "run/4f2a", REF_RUN, "4f2a", NULL },
        { "runs:/4f2ab/model", REF_RUN, "4f2ab", NULL },
        { "latest", REF_RUN, "latest", NULL },
        { "endpoint/x", REF_ENDPOINT, "x", NULL },
        { "data/x@9f1c", REF_DATA, "x", "9f1c" },
        { "x", REF_DATA, "x", NULL },
    };
    struct cli c = { 0 };
    arena_init(&c.arena, MIB(1));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ref r;
        CHECK_OK(ref_parse(&c, cases[i].text, cases[i].want, &r, err));
        CHECK_STR(r.name, cases[i].name);
        CHECK((r.version == NULL) == (cases[i].version == NULL));
        if (r.version)
            CHECK_STR(r.version, cases[i].version);
    }
    struct ref r;
    CHECK_INT(ref_parse(&c, "run/4f2a", REF_MODEL, &r, NULL), ERR_INVALID);
    CHECK_INT(ref_parse(&c, "diabetes:", REF_MODEL, &r, NULL), ERR_INVALID);
    CHECK_INT(ref_parse(&c, "", REF_MODEL, &r, NULL), ERR_INVALID);
    arena_fini(&c.arena);
}

static const char *body_of(struct cli *c, const char *file_text, const char *signature,
                           struct err *err)
{
    static struct buf b;
    struct json s;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/rows.csv", test_tmpdir());
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(file_text, f) >= 0 && fclose(f) == 0);
    CHECK_INT(json_parse(&c->arena, str_of(signature), NULL, &s, err), 0);
    buf_fini(&b); /* of the call before */
    buf_init(&b, MIB(1));
    return rows_body(c, path, &s, &b, err) ? NULL : b.p;
}

TEST(cli_csv_rows_follow_the_signature)
{
    static const char signature[] = "{\"inputs\":[{\"name\":\"zip\",\"type\":\"string\"},{\"name\":"
                                    "\"x\",\"type\":\"double\"}]}";
    struct cli c = { 0 };
    struct err err = ERR_INIT;
    arena_init(&c.arena, MIB(16));
    CHECK_STR(
        body_of(&c, "\xef\xbb\xbfzip,x\r\n0123,4\n\"a,\"\"b\"\"\",\n", signature, &err),
        "{\"instances\":[{\"zip\":\"0123\",\"x\":4.0},{\"zip\":\"a,\\\"b\\\"\",\"x\":null}]}");
    CHECK(body_of(&c, "zip,x\n1,2,3\n", signature, &err) == NULL);
    CHECK_STR(err.msg, "CSV line 2 has more than the 2 cells of its header");
    CHECK(body_of(&c, "zip,x\n1\n", signature, &err) == NULL);
    CHECK(body_of(&c, "zip,x\n\"1,2\n", signature, &err) == NULL);
    CHECK(strstr(err.msg, "quote is not closed"));
    arena_fini(&c.arena);
}

TEST(cli_terminal_text_is_safe)
{
    struct buf b;
    struct cli c = { 0 };
    buf_init(&b, 4096);
    term_safe(&b, STR("a\033[31mb\x7f\xc2\x9bq\n模型"));
    CHECK_STR(b.p, "a?[31mb??q 模型");
    buf_clear(&b);
    term_spell(&c, &b, STR("rmse ≤ 60 → ✓ 模"));
    CHECK_STR(b.p, "rmse <= 60 -> ok 模");
    buf_fini(&b);
}

TEST(cli_tables_fit_and_count_wide_characters)
{
    static const enum cell_kind kinds[] = { CELL_TEXT, CELL_NUMBER, CELL_TEXT };
    struct cli c = { .format = FORMAT_TABLE, .width = 30 };
    arena_init(&c.arena, MIB(1));
    buf_init(&c.out, MIB(1));
    const char *cells[] = { "NAME",     "N",     "NOTE",
                            "房价模型", "12345", "a long note that does not fit here",
                            "x",        "7",     "short" };
    struct out_grid g = { cells, 3, 3, kinds, NULL };
    out_grid(&c, &g);
    str_t rest = buf_view(&c.out), line;
    int lines = 0;
    while (str_cut(rest, '\n', &line, &rest)) {
        CHECK(str_width(line) <= 30);
        lines++;
    }
    CHECK_INT(lines, 3);
    CHECK_STR(c.out.p,
              "NAME          N  NOTE\n房价模型  12345  a long note …\nx             7  short\n");
    buf_fini(&c.out);
    arena_fini(&c.arena);
}

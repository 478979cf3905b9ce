/* SPDX-License-Identifier: Apache-2.0
 * YAML trees: documents against their dumps, caps, and texts that survive being written. */
#include "test.h"

#include "base/fs.h"
#include "base/limits.h"
#include "base/num.h"
#include "codec/yaml.h"

static void dump(const struct yaml_node *n, int indent, struct buf *out);

static void dump_scalar(const struct yaml_node *n, struct buf *out)
{
    switch (n->kind) {
    case YAML_IS_NULL: buf_puts(out, "null\n"); break;
    case YAML_IS_BOOL: buf_printf(out, "bool %s\n", n->boolean ? "true" : "false"); break;
    case YAML_IS_INT: buf_printf(out, "int %lld\n", (long long)n->integer); break;
    case YAML_IS_FLOAT:
        buf_puts(out, "float ");
        buf_double(out, n->number);
        buf_putc(out, '\n');
        break;
    default: buf_printf(out, "text \"%.*s\"\n", STR_ARG(n->text));
    }
}

static void dump_value(const struct yaml_node *n, int indent, struct buf *out)
{
    if (yaml_is_scalar(n))
        dump_scalar(n, out);
    else
        dump(n, indent, out);
}

static void dump(const struct yaml_node *n, int indent, struct buf *out)
{
    buf_printf(out, "%d:%d %s\n", n->place.line, n->place.column,
               n->kind == YAML_IS_MAP ? "map" : "list");
    for (size_t i = 0; i < n->n; i++) {
        buf_printf(out, "%*s", indent + 2, "");
        if (n->kind == YAML_IS_MAP) {
            const struct yaml_node *k = n->pairs[i].key;
            buf_printf(out, "%d:%d %.*s = ", k->place.line, k->place.column, STR_ARG(k->text));
            dump_value(n->pairs[i].value, indent + 2, out);
        } else {
            if (yaml_is_scalar(n->items[i]))
                buf_printf(out, "%d:%d ", n->items[i]->place.line, n->items[i]->place.column);
            dump_value(n->items[i], indent + 2, out);
        }
    }
}

static const char *problem_name(enum yaml_problem_kind k)
{
    static const char *const names[] = { "syntax", "tab",         "dollar",  "duplicate",
                                         "large",  "unsupported", "spelling" };
    return names[k];
}

static void dump_document(const struct yaml_document *d, struct buf *out)
{
    if (d->root)
        dump_value(d->root, 0, out);
    else
        buf_puts(out, "nothing\n");
    for (size_t i = 0; i < d->problem_n; i++) {
        const struct yaml_problem *p = &d->problems[i];
        buf_printf(out, "! %d:%d+%d %s: %s%s%s\n", p->place.line, p->place.column, p->place.length,
                   problem_name(p->kind), p->text, p->help ? " | " : "", p->help ? p->help : "");
    }
}

static void check_document(str_t name, str_t text, str_t expected)
{
    AUTO(buf_fini) struct buf b;
    struct arena a;
    struct yaml_document *d = calloc(1, sizeof *d);
    struct err err = ERR_INIT;
    arena_init(&a, 16 << 20);
    buf_init(&b, 1 << 20);
    int rc = yaml_parse(&a, text, d, &err);
    CHECK((rc != 0) == (d->error_n > 0));
    dump_document(d, &b);
    if (!str_eq(buf_view(&b), expected))
        TEST_FAIL("%.*s: got\n%s\nwant\n%.*s", STR_ARG(name), b.p, STR_ARG(expected));
    arena_fini(&a);
    free(d);
}

TEST(yaml_documents)
{
    struct arena a;
    str_t text, block, name, body, rest;
    int n = 0;
    arena_init(&a, 1 << 20);
    CHECK_OK(fs_read(&a, test_data("yaml/documents.case"), 1 << 20, &text, err));
    rest = (str_t){ text.p + str_find(text, "\n### ") + 5, text.n - str_find(text, "\n### ") - 5 };
    while (rest.n) {
        size_t end = str_find(rest, "\n### ");
        block = end == SIZE_MAX ? rest : (str_t){ rest.p, end + 1 };
        rest = end == SIZE_MAX ? (str_t){ "", 0 } : (str_t){ rest.p + end + 5, rest.n - end - 5 };
        CHECK(str_cut(block, '\n', &name, &body));
        size_t arrow = str_find(body, "---->\n");
        CHECK(arrow != SIZE_MAX);
        check_document(name, (str_t){ body.p, arrow },
                       (str_t){ body.p + arrow + 6, body.n - arrow - 6 });
        n++;
    }
    CHECK(n >= 18);
    arena_fini(&a);
}

static int parse_rc(const char *unit, size_t times, const char *end, size_t arena_bytes)
{
    AUTO(buf_fini) struct buf b;
    struct arena a;
    struct yaml_document *d = calloc(1, sizeof *d);
    struct err err = ERR_INIT;
    buf_init(&b, 8 << 20);
    while (times--)
        buf_puts(&b, unit);
    buf_puts(&b, end);
    arena_init(&a, arena_bytes);
    int rc = yaml_parse(&a, buf_view(&b), d, &err);
    CHECK(rc == 0 || (d->error_n && err.msg[0]));
    arena_fini(&a);
    free(d);
    return rc;
}

TEST(yaml_limits)
{
    CHECK_INT(parse_rc("[", 31, "", 1 << 24), ERR_INVALID);
    CHECK_INT(parse_rc("[", 40, "", 1 << 24), ERR_LIMIT);
    CHECK_INT(parse_rc("- ", 40, "x", 1 << 24), ERR_LIMIT);
    CHECK_INT(parse_rc("- x\n", 1000, "", 1 << 24), 0);
    CHECK_INT(parse_rc("- x\n", 200000, "", 1 << 28), ERR_LIMIT);
    CHECK_INT(parse_rc("#aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 30000, "", 1 << 24),
              ERR_LIMIT);
    CHECK_INT(parse_rc("- x\n", 10000, "", 1 << 16), ERR_LIMIT);
    CHECK_INT(parse_rc("\xff", 1, "", 1 << 16), ERR_INVALID);
    CHECK_INT(parse_rc("- &a 1\n- *a\n", 90, "", 1 << 24), 0);
    CHECK_INT(parse_rc("- &a 1\n- *a\n", 101, "", 1 << 24), ERR_LIMIT);
    const char *laughs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
                         "[*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                         "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e "
                         "[*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    CHECK_INT(parse_rc(laughs, 1, "", 1 << 24), ERR_LIMIT);
}

TEST(yaml_written_text_reads_back)
{
    static const char *const texts[] = { "plain",      "no",          "y",    "1",     "1e5",
                                         "",           " ",           "a: b", "#x",    "a\nb",
                                         "\"q\"",      "back\\slash", "null", "größe", "-x",
                                         "data/a.csv", "a\tb",        "\x01", "true",  "@",
                                         "v1.2-3" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO(buf_fini) struct buf b;
        struct arena a;
        struct yaml_document *d = calloc(1, sizeof *d);
        arena_init(&a, 1 << 20);
        buf_init(&b, 1 << 16);
        buf_puts(&b, "k: ");
        yaml_put_string(&b, str_of(texts[i]));
        CHECK_OK(yaml_parse(&a, buf_view(&b), d, err));
        CHECK_INT(yaml_get(d->root, "k")->kind, YAML_IS_STRING);
        CHECK_VIEW(yaml_get(d->root, "k")->text, texts[i]);
        CHECK_INT(d->problem_n, 0);
        arena_fini(&a);
        free(d);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * ONNX files: written bytes repeat, reading gives the graph back, broken files are refused by name.
 */
#include "test.h"

#include "model/pipeline.h"

static void small_pipeline(struct graph *g, struct arena *a)
{
    const str_t levels[] = { STR("a"), STR("\xc3\xa9"), STR("") };
    graph_init(g, a, "small");
    const char *age = pipe_input(g, "age", TENSOR_DOUBLE),
               *town = pipe_input(g, "town", TENSOR_STRING);
    const char *parts[2];
    parts[0] = pipe_scale(
        g, "age", pipe_clip(g, "age", pipe_impute_number(g, "age", age, 40), 0, 99), 40, 10);
    parts[1] = pipe_one_hot(g, "town", town, levels, 3);
    const char *x = pipe_concat(g, "design", parts, 2);
    graph_property(g, "slipway.means", "[0.5]");
    (void)pipe_linear(g, x, (const double[]){ 0.1, 2, 3, -0.0 }, 4, 1e300, "prediction");
}

static void written(const struct graph *g, struct buf *b)
{
    buf_init(b, 1 << 20);
    CHECK_OK(onnx_write(g, b, err));
}

TEST(onnx_write_read_write)
{
    struct arena a, a2;
    struct graph g, again;
    struct buf one, two, three;
    arena_init(&a, 1 << 20);
    arena_init(&a2, 1 << 20);
    small_pipeline(&g, &a);
    written(&g, &one);
    small_pipeline(&again, &a2);
    written(&again, &two);
    CHECK(str_eq(buf_view(&one), buf_view(&two)));
    arena_reset(&a2);
    CHECK_OK(onnx_read(&a2, buf_view(&one), &again, err));
    written(&again, &three);
    CHECK(str_eq(buf_view(&one), buf_view(&three)));
    CHECK_INT(again.node_n, g.node_n);
    CHECK_STR(again.outputs[0].name, "prediction");
    CHECK_STR(graph_find_property(&again, "slipway.means"), "[0.5]");
    const struct attribute *cats = NULL;
    for (size_t i = 0; i < again.node_n; i++) {
        if (strcmp(again.nodes[i].op, "OneHotEncoder") == 0)
            cats = node_attribute(&again.nodes[i], "cats_strings");
    }
    CHECK(cats && cats->n == 3);
    CHECK_VIEW(cats->strings[1], "\xc3\xa9");
    buf_fini(&one);
    buf_fini(&two);
    buf_fini(&three);
    arena_fini(&a);
    arena_fini(&a2);
}

/* Every cut of a good file, and every byte of it changed, is either refused with a text or read. */
TEST(onnx_read_refuses_cut_and_changed_files)
{
    struct arena a, a2;
    struct graph g, again;
    struct buf b;
    arena_init(&a, 1 << 20);
    arena_init(&a2, 1 << 22);
    small_pipeline(&g, &a);
    written(&g, &b);
    for (size_t i = 0; i < b.n; i++) {
        struct err err = ERR_INIT;
        arena_reset(&a2);
        a2.failed = 0;
        int rc = onnx_read(&a2, (str_t){ b.p, i }, &again, &err);
        CHECK(rc == 0 || err.msg[0]);
        for (int bit = 0; bit < 8; bit++) {
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            arena_reset(&a2);
            a2.failed = 0;
            rc = onnx_read(&a2, buf_view(&b), &again, &err);
            CHECK(rc == 0 || err.msg[0]);
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
        }
    }
    buf_fini(&b);
    arena_fini(&a);
    arena_fini(&a2);
}

static void refuses(struct graph *g, const char *why)
{
    struct arena a;
    struct graph again;
    struct buf b;
    struct err err = ERR_INIT;
    arena_init(&a, 1 << 20);
    g->failed = 0;
    written(g, &b);
    if (onnx_read(&a, buf_view(&b), &again, &err) == 0)
        TEST_FAIL("accepted; wanted: %s", why);
    if (!strstr(err.msg, why))
        TEST_FAIL("\"%s\" does not say \"%s\"", err.msg, why);
    buf_fini(&b);
    arena_fini(&a);
}

TEST(onnx_read_names_the_node)
{
    struct arena a;
    struct graph g;
    arena_init(&a, 1 << 20);
    small_pipeline(&g, &a);
    const char *was = g.nodes[2].inputs[0];
    g.nodes[2].inputs[0] = g.nodes[5].outputs[0];
    refuses(&g, "is not made by any node before it");
    g.nodes[2].inputs[0] = was;
    was = g.nodes[3].outputs[0];
    g.nodes[3].outputs[0] = "age";
    refuses(&g, "node 4 'age_5' (Where): the name of its output 1");
    g.nodes[3].outputs[0] = was;
    g.outputs[0].name = "nothing";
    refuses(&g, "output 'nothing' is not made");
    g.outputs[0].name = "prediction";
    g.opset = 99;
    refuses(&g, "version 99");
    g.opset = 20;
    ((struct tensor *)g.constants)[1].dims[0] = 7;
    ((struct tensor *)g.constants)[1].rank = 1;
    refuses(&g, "size that its shape says");
    arena_fini(&a);
}

TEST(graph_building_failures_stick)
{
    struct arena a;
    struct graph g;
    struct buf b;
    struct err err = ERR_INIT;
    arena_init(&a, 1 << 20);
    buf_init(&b, 1000);
    graph_init(&g, &a, "g");
    CHECK_STR(graph_input(&g, "x", TENSOR_DOUBLE, 1), "x");
    CHECK_STR(graph_input(&g, "x", TENSOR_DOUBLE, 1), "");
    CHECK(g.failed);
    CHECK_INT(onnx_write(&g, &b, &err), ERR_INTERNAL);
    graph_init(&g, &a, "g");
    CHECK_STR(graph_node(&g, "Neg", "", "y", (const char *const[]){ "nobody", NULL }), "");
    CHECK(g.failed);
    buf_fini(&b);
    arena_fini(&a);
}

TEST(onnx_read_in_little_memory)
{
    struct arena a;
    struct graph g, again;
    struct buf b;
    int read = 0;
    arena_init(&a, 1 << 20);
    small_pipeline(&g, &a);
    written(&g, &b);
    for (size_t cap = 64; cap < 60000; cap += 97) {
        struct arena little;
        struct err err = ERR_INIT;
        arena_init(&little, cap);
        int rc = onnx_read(&little, buf_view(&b), &again, &err);
        CHECK(rc == 0 || rc == ERR_LIMIT);
        read += rc == 0;
        arena_fini(&little);
    }
    CHECK(read > 100);
    buf_fini(&b);
    arena_fini(&a);
}

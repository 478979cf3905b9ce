/* SPDX-License-Identifier: Apache-2.0
 * The YAML reader on any bytes: every failure is explained, the tree obeys its caps, every text
 * that was read can be written and read again. */
#include "fuzz.h"

#include "base/limits.h"
#include "codec/yaml.h"

static void walk(struct arena *a, const struct yaml_node *n, int depth)
{
    FUZZ_CHECK(depth <= LIMIT_YAML_DEPTH + 1 && n->place.line >= 1 && n->place.column >= 1 &&
               n->place.length >= 1);
    for (size_t i = 0; i < n->n; i++) {
        if (n->kind == YAML_IS_MAP)
            walk(a, n->pairs[i].key, depth + 1);
        walk(a, n->kind == YAML_IS_MAP ? n->pairs[i].value : n->items[i], depth + 1);
    }
}

static void write_and_read(struct arena *a, const struct yaml_node *n)
{
    struct yaml_document *d = arena_alloc(a, sizeof *d);
    struct buf b;
    struct err err = ERR_INIT;
    buf_init(&b, 16 << 20);
    yaml_put_string(&b, n->text);
    FUZZ_CHECK(b.n > LIMIT_YAML_BYTES ||
               (yaml_parse(a, buf_view(&b), d, &err) == 0 && d->problem_n == 0));
    FUZZ_CHECK(b.n > LIMIT_YAML_BYTES || str_eq(d->root->text, n->text));
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err = ERR_INIT;
    arena_init(&a, 1 << 26);
    struct yaml_document *d = arena_alloc(&a, sizeof *d);
    int rc = yaml_parse(&a, (str_t){ (const char *)data, size }, d, &err);
    FUZZ_CHECK((rc != 0) == (d->error_n > 0) && (rc == 0 || err.msg[0]));
    if (d->root)
        walk(&a, d->root, 1);
    if (rc == 0 && d->root && yaml_is_scalar(d->root))
        write_and_read(&a, d->root);
    arena_fini(&a);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Reading golden files; see golden.h. */
#include "golden.h"

#include "base/fs.h"
#include "test.h"

static struct arena *memory(void)
{
    static struct arena a;
    if (!a.max_bytes)
        arena_init(&a, MIB(512));
    return &a;
}

const struct json *golden_load(const char *name)
{
    str_t text = { 0 };
    struct json *v = ARENA_NEW(memory(), struct json);
    struct json_options options = { .allow_nan = 1 };
    CHECK_OK(fs_read(memory(), test_data(name), MIB(64), &text, err));
    CHECK_OK(json_parse(memory(), text, &options, v, err));
    return v;
}

const struct json *golden_at(const struct json *v, const char *path)
{
    const struct json *found = json_path(v, path);
    if (!found)
        TEST_FAIL("no '%s' in the golden file", path);
    return found;
}

double golden_number(const struct json *v, const char *path)
{
    return json_as_double(golden_at(v, path), NAN);
}

double *golden_array(const struct json *v, const char *path, size_t *out_n)
{
    const struct json *list = *path ? golden_at(v, path) : v;
    double *out = ARENA_TRY_ARRAY(memory(), list->n + 1, double);
    CHECK(out && list->type == JSON_ARRAY);
    for (size_t i = 0; i < list->n; i++)
        out[i] = json_as_double(&list->items[i], NAN);
    *out_n = list->n;
    return out;
}

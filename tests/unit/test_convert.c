/* SPDX-License-Identifier: Apache-2.0
 * The parts of `model convert`: a child that is listened to, and a model file that is attached. */
#include "store_test.h"

#include <signal.h>

#include "cli/child.h"
#include "registry/model.h"
#include "registry/version.h"

static const struct cause by = { .actor = "user:ann" };

/* ---- child_run ---- */

static struct child_end run(struct cli *c, const char *script, int64_t timeout_ms)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct child_spec spec = { .argv = argv, .timeout_ms = timeout_ms, .waiting = "testing" };
    struct child_end end;
    CHECK_OK(child_run(c, &spec, &end, err));
    return end;
}

TEST(child_run_tells_how_it_ended)
{
    struct cli c = { .quiet = 1 };
    arena_init(&c.arena, 64 << 20);
    struct child_end end = run(&c, "echo out; echo err >&2; exit 7", 60000);
    CHECK_INT(end.status, 7);
    CHECK_INT(end.signal, 0);
    CHECK(strstr(end.text, "out") && strstr(end.text, "err"));
    end = run(&c, "kill -SEGV $$", 60000);
    CHECK_INT(end.status, -1);
    CHECK_INT(end.signal, SIGSEGV);
    CHECK_INT(end.timed_out, 0);
    end = run(&c, "echo before; trap '' TERM INT; while :; do sleep 100; done", 50);
    CHECK_INT(end.timed_out, 1);
    CHECK_INT(end.signal, SIGKILL);
    end = run(&c, "head -c 300000 /dev/zero | tr '\\0' x; exit 1", 60000);
    CHECK_INT(end.status, 1);
    CHECK(strlen(end.text) <= CHILD_TEXT_MAX + 16384 && strlen(end.text) >= 1000);
    end = run(&c, "read line; echo \"[$line]\"", 60000);
    CHECK_STR(end.text, "[]\n"); /* no input */
    arena_fini(&c.arena);
}

TEST(child_run_names_what_is_not_there)
{
    struct cli c = { .quiet = 1 };
    struct err err = ERR_INIT;
    struct child_end end;
    const char *argv[] = { "/no/such/program", NULL };
    struct child_spec spec = { .argv = argv, .timeout_ms = 1000, .waiting = "testing" };
    arena_init(&c.arena, 1 << 20);
    CHECK_INT(child_run(&c, &spec, &end, &err), ERR_NOT_FOUND);
    CHECK(strstr(err.msg, "/no/such/program"));
    spec.fence_s = 10;
    CHECK_INT(child_run(&c, &spec, &end, &err), ERR_NOT_FOUND);
    argv[0] = "no-such-program-in-any-folder";
    CHECK_INT(child_run(&c, &spec, &end, &err), ERR_NOT_FOUND);
    CHECK(strstr(err.msg, "$PATH"));
    arena_fini(&c.arena);
}

/* ---- version_attach ---- */

static int64_t new_version(struct tx *tx, const char *digest)
{
    struct version_new v = { .model = "m", .row = { .digest = digest, .gates_passed = -1 } };
    int64_t number = 0;
    CHECK_INT(version_create(tx, &by, &v, &number, NULL), 0);
    return number;
}

static const char *section(struct tx *tx, struct arena *a, const struct version *v,
                           const char *name)
{
    const char *text = NULL;
    CHECK_INT(version_section(tx, a, v, name, &text, NULL), 0);
    return text ? text : "-";
}

static int attaching(struct tx *tx, void *arg, struct err *err)
{
    struct arena *a = arg;
    char id[UUID_TEXT];
    struct version v;
    struct version_section sections[] = { { "signature", "{\"inputs\":[]}" },
                                          { "input_example", "{\"x\":1}" },
                                          { "conversion", "{\"deployable\":true}" } };
    struct version_model m = { "d1", "f1", 100, sections, ARRAY_LEN(sections) };
    MUST(model_create(tx, &by, "m", NULL, id, err));
    MUST(version_get(tx, a, "default", "m", new_version(tx, NULL), &v, err));
    MUST(version_attach(tx, &by, &v, &m, err));
    MUST(version_get(tx, a, "default", "m", 1, &v, err));
    CHECK_STR(v.digest, "d1");
    CHECK_STR(section(tx, a, &v, "input_example"), "{\"x\":1}");
    /* another one replaces it, sections that it does not have too */
    sections[1].json = NULL;
    sections[2].json = "{\"deployable\":false}";
    m.digest = "d2";
    MUST(version_attach(tx, &by, &v, &m, err));
    MUST(version_get(tx, a, "default", "m", 1, &v, err));
    CHECK_STR(v.digest, "d2");
    CHECK_STR(section(tx, a, &v, "input_example"), "-");
    CHECK_STR(section(tx, a, &v, "conversion"), "{\"deployable\":false}");
    /* what came with a file of its own keeps it */
    MUST(version_get(tx, a, "default", "m", new_version(tx, "own"), &v, err));
    CHECK_INT(version_attach(tx, &by, &v, &m, err), ERR_CONFLICT);
    MUST(version_get(tx, a, "default", "m", 2, &v, err));
    CHECK_STR(v.digest, "own");
    CHECK_STR(section(tx, a, &v, "conversion"), "-");
    /* "latest" in each of its forms */
    static const char *const latest[] = { "latest", "@latest", "2", "v2" };
    for (size_t i = 0; i < ARRAY_LEN(latest); i++) {
        MUST(version_resolve(tx, a, "default", "m", latest[i], &v, err));
        CHECK_INT(v.number, 2);
    }
    CHECK_INT(version_resolve(tx, a, "default", "m", "@later", &v, err), ERR_NOT_FOUND);
    return 0;
}

TEST(version_attach_replaces_only_what_was_attached)
{
    in_write(attaching);
}

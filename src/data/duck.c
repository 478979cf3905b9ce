/* SPDX-License-Identifier: Apache-2.0
 * Loading and fencing DuckDB. */
#include "data/duck_int.h"

#include <dlfcn.h>
#include <stdio.h>

#include "base/engine.h"
#include "base/limits.h"
#include "base/num.h"

#include <unistd.h>

static int load(struct arena *a, struct duck *d, struct err *err)
{
    struct engine engine;
    int rc = engine_find(a, "duckdb", &engine, err);
    if (rc)
        return rc;
    d->library = dlopen(engine.path, RTLD_LAZY | RTLD_LOCAL);
    if (!d->library)
        return ERR(err, ERR_UNAVAILABLE, "cannot load '%s': %s", engine.path, dlerror());
#define LOAD(name, result, args)                                                                   \
    {                                                                                              \
        void *symbol = dlsym(d->library, "duckdb_" #name);                                         \
        if (!symbol)                                                                               \
            return ERR(err, ERR_UNAVAILABLE,                                                       \
                       "'%s' has no duckdb_" #name "; run scripts/setup-engines", engine.path);    \
        memcpy(&d->api.name, &symbol, sizeof symbol);                                              \
    }
    DUCK_FUNCTIONS(LOAD)
#undef LOAD
    return 0;
}

static uint64_t half_of_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 2 : GIB(1);
}

static int open_database(struct duck *d, const struct duck_options *o, struct err *err)
{
    char threads[FMT_DOUBLE_MAX], memory[40];
    duck_config config = NULL;
    (void)fmt_i64(MAX(o->threads, 1), threads);
    (void)snprintf(
        memory, sizeof memory, "%lluB",
        (unsigned long long)(o->memory_limit_bytes ? o->memory_limit_bytes : half_of_memory()));
    const char *const settings[][2] = {
        { "threads", threads },
        { "memory_limit", memory },
        { "temp_directory", o->temp_dir ? o->temp_dir : "" },
        { "autoinstall_known_extensions", "false" },
        { "autoload_known_extensions", "false" },
        { "allow_community_extensions", "false" },
        { "preserve_insertion_order", "true" },
    };
    if (d->api.create_config(&config) != 0)
        return ERR(err, ERR_NOMEM, "DuckDB cannot make a configuration");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (d->api.set_config(config, settings[i][0], settings[i][1]) != 0) {
            d->api.destroy_config(&config);
            return ERR(err, ERR_INTERNAL, "DuckDB refuses %s = %s", settings[i][0], settings[i][1]);
        }
    char *why = NULL;
    duck_state state = d->api.open_ext(NULL, &d->db, config, &why);
    d->api.destroy_config(&config);
    if (state != 0) {
        int rc =
            ERR(err, ERR_UNAVAILABLE, "DuckDB does not open: %s", why ? why : "no reason given");
        d->api.free(why);
        return rc;
    }
    if (d->api.connect(d->db, &d->con) != 0)
        return ERR(err, ERR_UNAVAILABLE, "DuckDB does not connect");
    return 0;
}

static int run(struct duck *d, const char *sql, struct err *err)
{
    duck_result r;
    int rc = duck_query(d, sql, &r, err);
    if (rc == 0)
        d->api.destroy_result(&r);
    return rc;
}

/* Order matters: the list first, then the fence, then the lock that keeps both. */
static int fence(struct duck *d, const struct duck_options *o, struct err *err)
{
    struct buf sql;
    buf_init(&sql, MIB(1));
    buf_puts(&sql, "SET allowed_paths=[");
    for (size_t i = 0; i < o->file_n; i++) {
        buf_puts(&sql, i ? "," : "");
        duck_put_literal(&sql, str_of(o->files[i]));
    }
    buf_puts(&sql, "]");
    int rc =
        sql.failed ? ERR(err, ERR_LIMIT, "too many data files") : run(d, buf_view(&sql).p, err);
    buf_fini(&sql);
    if (rc == 0)
        rc = run(d, "SET enable_external_access=false", err);
    return rc ? rc : run(d, "SET lock_configuration=true", err);
}

int duck_open(struct arena *a, const struct duck_options *o, struct duck *out, struct err *err)
{
    *out = (struct duck){ 0 };
    int rc = load(a, out, err);
    if (rc == 0)
        rc = open_database(out, o, err);
    if (rc == 0)
        rc = fence(out, o, err);
    if (rc)
        duck_close(out);
    return rc;
}

/* The library stays mapped: its threads may still be ending, and the process is a short-lived
 * worker. */
void duck_close(struct duck *d)
{
    if (d->con)
        d->api.disconnect(&d->con);
    if (d->db)
        d->api.close(&d->db);
    *d = (struct duck){ 0 };
}

int duck_query(struct duck *d, const char *sql, duck_result *out, struct err *err)
{
    if (d->api.query(d->con, sql, out) == 0)
        return 0;
    const char *why = d->api.result_error(out);
    int rc = ERR(err, ERR_INVALID, "%s", why ? why : "DuckDB gives no reason");
    d->api.destroy_result(out);
    return rc;
}

static void put_quoted(struct buf *b, str_t s, char quote)
{
    buf_putc(b, quote);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == quote)
            buf_putc(b, quote);
        buf_putc(b, s.p[i]);
    }
    buf_putc(b, quote);
}

void duck_put_literal(struct buf *b, str_t s)
{
    put_quoted(b, s, '\'');
}

void duck_put_name(struct buf *b, str_t s)
{
    put_quoted(b, s, '"');
}

str_t duck_text(const struct duck_string *s)
{
    return (str_t){ s->n <= 12 ? s->head : s->rest.pointer, s->n };
}

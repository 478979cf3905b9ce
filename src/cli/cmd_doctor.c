/* SPDX-License-Identifier: Apache-2.0
 * doctor: one line a check, ✓ works, ! could be better, ✗ does not work, and what to do about it.
 * Exit status 1 when something does not work. To add a check: write a function, add it to `checks`.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/engine.h"
#include "base/fs.h"
#include "cli/client_int.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/term.h"
#include "fetch/fetch.h"
#include "project/project.h"
#include "store/gc.h"
#include "store/home.h"

enum { CHECKS_MAX = 32, DISK_LOW = 1 << 30, FILES_LOW = 1024, BLOB_ROWS = 1000 };

enum verdict { GOOD, COULD_BE_BETTER, BROKEN };

struct doctor {
    struct cli *c;
    struct json rows[CHECKS_MAX];
    size_t n;
    int broken;
};

static struct json text_json(const char *z)
{
    return z ? (struct json){ .type = JSON_STRING, .string = str_of(z) }
             : (struct json){ .type = JSON_NULL };
}

static void say(struct doctor *d, enum verdict v, const char *name, const char *found,
                const char *fix)
{
    static const char *const words[] = { "ok", "warning", "error" };
    static const char *const marks[] = { "✓", "!", "✗" };
    int people = !d->c->field && (d->c->format == FORMAT_TABLE || d->c->format == FORMAT_WIDE ||
                                  d->c->format == FORMAT_MD);
    struct json_member *m = arena_alloc(&d->c->arena, 4 * sizeof *m);
    m[0] = (struct json_member){ STR("state"), text_json(people ? marks[v] : words[v]) };
    m[1] = (struct json_member){ STR("name"), text_json(name) };
    m[2] = (struct json_member){ STR("found"), text_json(found) };
    m[3] = (struct json_member){ STR("fix"), text_json(v == GOOD ? NULL : fix) };
    d->broken += v == BROKEN;
    ASSERT(d->n < CHECKS_MAX);
    d->rows[d->n++] = (struct json){ .type = JSON_OBJECT, .n = 4, .members = m };
}

#define TEXT(d, ...) arena_printf(&(d)->c->arena, __VA_ARGS__)

static void check_version(struct doctor *d)
{
    struct utsname u;
    if (uname(&u) != 0)
        memset(&u, 0, sizeof u);
    say(d, GOOD, "version",
        TEXT(d, "slipway %s, %s %s %s", SLIPWAY_VERSION, u.sysname, u.release, u.machine), NULL);
}

static void check_folder(struct doctor *d)
{
    const char *dir = d->c->data_dir;
    char *probe = TEXT(d, "%s/.doctor-%d", dir, (int)getpid());
    struct err err = ERR_INIT;
    if (!fs_exists(dir)) {
        say(d, GOOD, "data folder", TEXT(d, "%s does not exist yet; the first run makes it", dir),
            NULL);
        return;
    }
    if (fs_write_atomic(probe, STR("x"), &err) != 0) {
        say(d, BROKEN, "data folder", TEXT(d, "%s", err.msg),
            TEXT(d, "chown or chmod %s, or name another with --data", dir));
        return;
    }
    IGNORE(fs_remove(probe, NULL));
    say(d, GOOD, "data folder", TEXT(d, "%s, can be written", dir), NULL);
}

static void check_disk(struct doctor *d)
{
    struct statvfs s;
    char *dir = arena_strdup(&d->c->arena, d->c->data_dir);
    while (statvfs(dir, &s) != 0) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir)
            return;
        *slash = '\0';
    }
    int64_t free_bytes = (int64_t)s.f_bavail * (int64_t)s.f_frsize;
    say(d, free_bytes < DISK_LOW ? COULD_BE_BETTER : GOOD, "disk",
        TEXT(d, "%s free at %s", out_bytes(d->c, free_bytes), dir),
        "make room, or put the data folder on another disk with --data");
}

static const char missing_fix[] =
    "restore blobs/ from the backup that slipway.db came from, or train the named ones again and "
    "delete the old versions";

/* Files that rows refer to. Every reference of the newest rows, but no bytes. */
static void check_blobs(struct doctor *d, struct home *h)
{
    struct gc_missing m;
    struct err err = ERR_INIT;
    struct blob_file *all = NULL;
    size_t n = 0;
    if (gc_find_missing(h->store, h->blobs, &d->c->arena, BLOB_ROWS, &m, &err) != 0) {
        say(d, BROKEN, "blobs", TEXT(d, "%s", err.msg), "look at the folder's permissions");
    } else if (m.missing) {
        const char *names = "";
        for (size_t i = 0; i < m.shown_n; i++)
            names = TEXT(d, "%s%s%.12s… of %s", names, i ? "; " : "", m.shown[i].digest,
                         m.shown[i].who);
        say(d, BROKEN, "blobs",
            TEXT(d, "%lld of %lld files that runs and versions refer to are not there: %s%s",
                 (long long)m.missing, (long long)m.referred, names,
                 m.missing > GC_MISSING_SHOWN ? "; …" : ""),
            missing_fix);
    } else if (!m.referred && blobs_list(h->blobs, &d->c->arena, &all, &n, &err) == 0 && n) {
        say(d, COULD_BE_BETTER, "blobs",
            TEXT(d, "%zu files in blobs/ and no run or version that refers to one", n),
            "if slipway.db was lost, restore it from a backup before anything else is written; "
            "slipway gc would remove these files");
    } else {
        say(d, GOOD, "blobs", TEXT(d, "%lld files referred to, all there", (long long)m.referred),
            NULL);
    }
}

static void check_database(struct doctor *d)
{
    if (home_lost_database(d->c->data_dir)) {
        say(d, BROKEN, "database",
            "slipway.db is absent or empty although blobs/ or runs/ hold files of an earlier one",
            TEXT(d,
                 "restore %s/slipway.db from a backup before anything is written; or move the "
                 "folder away to start afresh",
                 d->c->data_dir));
        return;
    }
    struct home *h = NULL;
    struct err err = ERR_INIT;
    char *problem = NULL;
    struct home_options o = { .dir = d->c->data_dir, .read_only = 1 };
    int rc = home_open(&h, &o, &err);
    if (rc == ERR_NOT_FOUND) {
        say(d, GOOD, "database", "none yet", NULL);
    } else if (rc == ERR_CONFLICT) {
        say(d, COULD_BE_BETTER, "database", TEXT(d, "%s", err.msg),
            "any command that writes migrates it, such as slipway run or slipway server");
    } else if (rc) {
        say(d, BROKEN, "database", TEXT(d, "%s", err.msg),
            TEXT(d, "restore %s/slipway.db from a backup, or move it away to start afresh",
                 d->c->data_dir));
    } else if (cli_count(d->c, "quick")) {
        say(d, GOOD, "database", "opens, all migrations applied", NULL);
    } else if (store_check(h->store, &d->c->arena, &problem, &err) != 0 || problem) {
        say(d, BROKEN, "database", TEXT(d, "%s", problem ? problem : err.msg),
            TEXT(d, "restore %s/slipway.db from a backup", d->c->data_dir));
    } else {
        say(d, GOOD, "database", "sound, all migrations applied", NULL);
    }
    if (!rc && !cli_count(d->c, "quick"))
        check_blobs(d, h);
    home_close(h);
}

static void check_project(struct doctor *d)
{
    struct arena *a = &d->c->arena;
    struct project *p;
    struct diags diags;
    struct err err = ERR_INIT;
    if (!d->c->project_dir) {
        say(d, GOOD, "project", "not in a project", NULL);
        return;
    }
    struct project_options o = { 0 };
    if (project_load_dir(a, d->c->project_dir, NULL, &o, &p, &diags, NULL, &err) == 0)
        say(d, GOOD, "project", TEXT(d, "%s, slipway.yaml is fine", p->name), NULL);
    else
        say(d, BROKEN, "project", TEXT(d, "%s", err.msg),
            "slipway run tells every mistake with its place");
}

static void check_engines(struct doctor *d)
{
    size_t n;
    const struct engine_kind *kinds = engine_kinds(&n);
    for (size_t i = 0; i < n; i++) {
        struct engine e;
        struct err err = ERR_INIT;
        const char *name = TEXT(d, "engine %s", kinds[i].name);
        if (engine_find(&d->c->arena, kinds[i].name, &e, &err) == 0)
            say(d, GOOD, name,
                TEXT(d, "%s at %s (%s); %s", e.version, e.path, e.found_in, kinds[i].enables),
                NULL);
        else
            say(d, COULD_BE_BETTER, name, TEXT(d, "not found; %s", kinds[i].enables),
                kinds[i].remedy);
    }
}

static void check_libraries(struct doctor *d)
{
    struct err err = ERR_INIT;
    const char *curl = fetch_library(&err);
    say(d, curl ? GOOD : COULD_BE_BETTER, "libcurl",
        curl ? TEXT(d, "%.*s", (int)strcspn(curl, " "), curl) : TEXT(d, "%s", err.msg),
        "apt install libcurl3-gnutls: the command line needs it to talk to a server");
    void *pq = dlopen("libpq.so.5", RTLD_LAZY | RTLD_LOCAL);
    say(d, GOOD, "libpq",
        pq ? "found; PostgreSQL is not used yet" : "not installed; PostgreSQL is not used yet",
        NULL);
    if (pq)
        (void)dlclose(pq);
}

static void check_cpu(struct doctor *d)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2"), fma = __builtin_cpu_supports("fma"),
        avx512 = __builtin_cpu_supports("avx512f");
    const char *features =
        TEXT(d, "x86-64%s%s%s", avx2 ? " avx2" : "", fma ? " fma" : "", avx512 ? " avx512f" : "");
#else
    const char *features = "baseline kernels";
#endif
    say(d, GOOD, "processor", TEXT(d, "%ld cores, %s", sysconf(_SC_NPROCESSORS_ONLN), features),
        NULL);
}

static void check_limits(struct doctor *d)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    int low = r.rlim_cur < FILES_LOW;
    say(d, low ? COULD_BE_BETTER : GOOD, "open files",
        TEXT(d, "at most %llu", (unsigned long long)r.rlim_cur),
        "ulimit -n 4096 before the server starts, or LimitNOFILE= in its unit");
}

/* 1 when nothing listens there. */
static int port_is_free(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0)
        return 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    int ok = bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    (void)close(fd);
    return ok;
}

static void check_server(struct doctor *d)
{
    struct home_owner owner;
    struct cli *c = d->c;
    const char *url = c->server;
    memset(&owner, 0, sizeof owner);
    if (!url && home_owner(c->data_dir, &owner) && owner.url[0])
        url = TEXT(d, "%s", owner.url);
    if (!url) {
        say(d, GOOD, "server", "none on this data folder", NULL);
        static const int ports[] = { 5000, 8501 };
        for (size_t i = 0; i < ARRAY_LEN(ports); i++)
            if (!port_is_free(ports[i]))
                say(d, COULD_BE_BETTER, "port",
                    TEXT(d, "127.0.0.1:%d is taken by another program", ports[i]),
                    i ? "slipway server --serve off, or another port"
                      : "slipway server --listen 127.0.0.1:0");
        return;
    }
    struct reply r;
    struct err err = ERR_INIT;
    int64_t start = clock_mono_ns();
    int rc = client__http(c, url, "GET", "/api/v1/version", (str_t){ 0 }, &r, &err);
    double ms = (double)(clock_mono_ns() - start) / 1e6;
    c->hint = NULL;
    if (rc)
        say(d, BROKEN, "server", TEXT(d, "%s", err.msg),
            "is the URL right, and does it run? slipway server starts one");
    else if (r.status != 200)
        say(d, BROKEN, "server", TEXT(d, "%s answers %d", url, r.status),
            "is that a Slipway server? --server names another, --token-file the token");
    else
        say(d, GOOD, "server", TEXT(d, "%s answers in %.1f ms", url, ms), NULL);
}

static void check_terminal(struct doctor *d)
{
    static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy" };
    say(d, d->c->utf8 ? GOOD : COULD_BE_BETTER, "locale",
        d->c->utf8 ? "UTF-8" : "not UTF-8: symbols are spelled in ASCII", "export LANG=C.UTF-8");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *v = getenv(names[i]);
        if (v && *v) {
            say(d, GOOD, "proxy",
                TEXT(d, "%s is set; requests to servers elsewhere go through it", names[i]), NULL);
            break;
        }
    }
}

static void print_lines(struct doctor *d)
{
    static const enum paint paints[] = { PAINT_GREEN, PAINT_YELLOW, PAINT_RED };
    struct cli *c = d->c;
    for (size_t i = 0; i < d->n; i++) {
        const char *mark = json_get_string(&d->rows[i], "state", ""),
                   *fix = json_get_string(&d->rows[i], "fix", NULL);
        enum paint p = paints[strcmp(mark, "✓") == 0 ? 0 : strcmp(mark, "!") == 0 ? 1 : 2];
        term_out(c, "%s%s%s %-14s  %s\n", term_on(c, 0, p), mark, term_off(c, 0),
                 json_get_string(&d->rows[i], "name", ""),
                 json_get_string(&d->rows[i], "found", ""));
        if (fix)
            term_out(c, "  %-14s  → %s\n", "", fix);
    }
}

int cmd_doctor(struct cli *c, struct err *err)
{
    static void (*const checks[])(struct doctor *) = { check_version, check_folder, check_disk,
                                                       check_database, check_server };
    static void (*const more[])(struct doctor *) = { check_project, check_engines, check_libraries,
                                                     check_cpu,     check_limits,  check_terminal };
    struct doctor d = { .c = c };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        checks[i](&d);
    for (size_t i = 0; i < ARRAY_LEN(more) && !cli_count(c, "quick"); i++)
        more[i](&d);
    struct json list = { .type = JSON_ARRAY, .n = d.n, .items = d.rows };
    int rc = 0;
    if ((c->format == FORMAT_TABLE || c->format == FORMAT_WIDE) && !c->field)
        print_lines(&d);
    else
        rc = out_list(c, &list, NULL, 0, 0, err);
    if (!rc && d.broken)
        term_note(c, "%d thing%s do%s not work", d.broken, d.broken == 1 ? "" : "s",
                  d.broken == 1 ? "es" : "");
    return rc ? rc : d.broken ? 1 : 0;
}

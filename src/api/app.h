/* SPDX-License-Identifier: Apache-2.0
 * What handlers work on: one struct app per process, as rq->app. The server opens it for its life;
 * the CLI opens it for one command and dispatches in its own process through the same route tables.
 *
 * Owns the data folder's handle, the flow engine and the serving table. Immutable after app_open
 * but for what its parts guard themselves; any thread may read it. */
#pragma once
#include "access/signed.h"
#include "base/atomic.h"
#include "flow/flow.h"
#include "net/request.h"
#include "transfer/import.h"

struct guard_kept;  /* api/door.c */
struct home;        /* store/home.h */
struct http_server; /* net/http_server.h */
struct route_table; /* api/route.h */
struct follow;      /* rollout/follow.h */
struct canary;      /* rollout/canary.h */
struct loop;        /* rollout/loop.h */
struct monitor;     /* monitor/monitor.h */
struct notify;      /* registry/notify.h */
struct serve; /* serve/serve.h: the serving table; NULL when this process answers no predictions */

enum app_mode {
    APP_SERVER, /* holds the data folder's lock, follows runs, serves endpoints */
    APP_WRITE,  /* CLI in process, writing: the caller took home_lock or does so around the call */
    APP_READ,   /* CLI in process, reading: the database is opened read-only */
};

struct app_options {
    enum app_mode mode;
    const char *data_dir;     /* absolute */
    const char *shown_dir;    /* what /status calls it; NULL = data_dir */
    const char *token_file;   /* tokens asked of every request; NULL = none */
    int insecure;             /* --insecure was given */
    int webhook_private;      /* webhooks may call http and addresses that are not public */
    int refuse_long;          /* parameters and tags that are too long are refused, not cut */
    const char *source_regex; /* the sources of versions that clients make match it; NULL = any */
    const char *default_artifact_root; /* of new experiments; NULL = mlflow-artifacts:/ */
    const char
        *artifacts_destination;    /* folder behind mlflow-artifacts:/; NULL = <data>/artifacts */
    const char *const *file_roots; /* folders whose files may be read in place; NULL-terminated */
    const char *const *writable_roots; /* likewise, and the page may upload into them */
};

enum { APP_MAGIC = 0x41505031, APP_COPIES_MAX = 3 };

struct app {
    uint32_t magic;
    struct app_options options; /* strings live as long as the app */
    int elsewhere;              /* artifacts_destination was given: bytes of artifacts lie there */
    const char *uploads_dir;    /* beside the artifacts: what is not whole yet */
    struct file_root {
        const char *path; /* absolute, as named or resolved */
        int writable;
    } * file_roots; /* below them file: is served */
    size_t file_root_n;
    struct arena arena; /* of those strings; only app_open allocates in it */
    struct home *home;
    struct store *store; /* home->store */
    struct blobs *blobs; /* home->blobs */
    struct flow *flow;
    struct serve *serve;       /* NULL unless predictions are answered */
    struct follow *follow;     /* keeps serve as the database says; NULL with serve */
    struct canary *canary;     /* judges rollouts; of a server, else NULL */
    struct monitor *monitor;   /* watches what is served; of a server, else NULL until asked for */
    struct loop *loop;         /* alerts and retrainings; of a server, else NULL */
    struct notify *notify;     /* sends webhooks; of a server, else NULL */
    cell_t guard;              /* struct guard *: who may do what; replaced by door_reload */
    struct guard_kept *guards; /* every guard ever in force, freed by app_close */
    gauge_t copies; /* requests that copy whole files now: APP_COPIES_MAX, so that others have
                       workers */
    unsigned char signing_key[SIGNED_KEY_BYTES]; /* of signed URLs; set in a server */
    int64_t started_ms;
    char url[300];                 /* of a server once it listens, else "" */
    struct import_watch import;    /* of an import that this process runs */
    flag_t ready;                  /* up: endpoints have been loaded once */
    flag_t draining;               /* up: /readyz answers 503 */
    struct http_server *main_http; /* of a server: for its statistics; NULL otherwise */
    struct http_server *data_http; /* NULL when --serve off */
};

/* Opens folder, store, blobs and flow; with APP_READ a folder without database is ERR_NOT_FOUND. */
int app_open(struct app **out, const struct app_options *options, struct err *err) WARN_UNUSED;
/* Starts the serving table (loads every endpoint of the database); a server and `predict` need it.
 */
int app_serve_open(struct app *app, struct err *err) WARN_UNUSED;
/* app->monitor, opened when it is not there yet (a process without a server: it does not tick). */
int app_monitor_open(struct app *app, struct err *err) WARN_UNUSED;
void app_close(struct app *app); /* NULL allowed */

/* The app of a request; asserted. */
struct app *app_of(const struct request *rq);

/* Every route table of this build in the order of route.h. */
const struct route_table *const *app_routes(size_t *out_n);
/* Those of the prediction listener: TensorFlow Serving's, the scoring protocol's, health. */
const struct route_table *const *app_data_routes(size_t *out_n);
/* Answers a request: finds the route, checks, runs. */
void app_dispatch(struct app *app, struct request *rq);

/* ---- door.c: tokens of a server ---- */

/* Reads the token file again; on failure what was in force stays. Called by one thread. */
int door_reload(struct app *app, struct err *err) WARN_UNUSED;
/* The route_access_fn: bearer token against permission, sets rq->actor; 401 when no valid token
 * came. */
int door_access(struct request *rq, const char *permission, struct err *err);
void door_close(struct app *app);

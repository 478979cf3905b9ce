/* SPDX-License-Identifier: Apache-2.0
 * The native REST API as the commands use it: every request is either sent to a server or
 * dispatched in this process through the same route tables on the data folder.
 *
 * Which one: --server and its kin, else the URL in the data folder's lock file when a server holds
 * it, else in process. In process a request that changes something first takes the folder's lock,
 * waiting for another process with a message that names it; when that turns out to be a server, it
 * is asked instead. Reads never take the lock. Main thread only. */
#pragma once
#include "cli/cli.h"

struct client;

struct reply {
    int status;
    const char *content_type;
    str_t body;          /* in the command's arena */
    struct json json;    /* parsed body; JSON_NULL when it is not JSON */
    int64_t next_offset; /* X-Next-Offset, -1 when absent */
};

/* Sends and checks: a status of 400 and more becomes an error with the server's own message, hint
 * and request id in *c. `target` is path and query, percent-encoded. body.p NULL = none. */
int client_call(struct cli *c, const char *method, const char *target, str_t body,
                struct reply *out, struct err *err) WARN_UNUSED;
int client_get(struct cli *c, const char *target, const struct json **out,
               struct err *err) WARN_UNUSED;

/* A request from within c->tick, while another one goes on; neither locks nor checks the status. */
int client_peek(struct cli *c, const char *method, const char *target, struct json *out,
                struct err *err) WARN_UNUSED;

/* 1 when requests go to a server; fills *out_url (optional). Decides on first use. */
int client_is_remote(struct cli *c, const char **out_url, struct err *err);
/* In process: looks once at what is running (applies results); waits at most ms. Remote: only
 * waits. */
int client_tick(struct cli *c, int64_t ms, struct err *err) WARN_UNUSED;
/* In process: gives the lock back between two steps of one command. */
void client_unlock(struct cli *c);
/* Predictions in process need the serving table; called before the first one. */
int client_open_serving(struct cli *c, struct err *err) WARN_UNUSED;
void client_close(struct client *cl); /* NULL allowed */

/* Percent-encodes one path segment or query value. */
const char *client_escape(struct cli *c, const char *text);

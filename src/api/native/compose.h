/* SPDX-License-Identifier: Apache-2.0
 * A handler that asks other routes of its own process, as the same person: views and the overview
 * are made of the answers of the plain GETs, so that there is one writer for every shape. */
#pragma once
#include "codec/json.h"
#include "net/request.h"

/* Answers GET `target` (percent-encoded path and query) with rq's headers and app; the body is
 * copied into rq's arena. An answer of 400 and more becomes an error with its message. */
int compose_get(struct request *rq, const char *target, str_t *out_json,
                struct err *err) WARN_UNUSED;
/* As above, parsed. */
int compose_get_json(struct request *rq, const char *target, struct json *out,
                     struct err *err) WARN_UNUSED;
/* Percent-encodes a path segment or query value. */
const char *compose_escape(struct request *rq, str_t text);

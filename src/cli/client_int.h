/* SPDX-License-Identifier: Apache-2.0
 * Between client.c (which way) and client_http.c (over the network). */
#pragma once
#include "cli/client.h"
#include "net/request.h"

/* Imports and exports take as long as there is to read. */
int client__is_long(const char *target);
/* Sends one request to `base` + target; fills status, content type, body and next_offset. Network
 * failures are ERR_UNAVAILABLE or ERR_TIMEOUT and name the URL. */
int client__http(struct cli *c, const char *base, const char *method, const char *target,
                 str_t body, struct reply *out, struct err *err) WARN_UNUSED;

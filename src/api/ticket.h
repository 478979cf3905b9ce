/* SPDX-License-Identifier: Apache-2.0
 * Tickets: an address of one file that works for a few minutes without a token. Frames, pictures,
 * sound and films are fetched by the browser itself, which cannot send an Authorization header; a
 * token in an address would stay in histories and logs. A ticket opens one GET of one file with
 * the rights of a reader until it ends. Any thread. */
#pragma once
#include "net/request.h"

enum { TICKET_SECONDS = 600 };

/* 1 when a request's path is that of a file of a user, which tickets and previews may name. */
int ticket_is_file(const struct request *rq);
/* 1 when the request is a GET of such a file whose query has a signature. */
int ticket_is_given(const struct request *rq);
/* 0 when it was made for exactly this address and has not ended; ERR_DENIED says which. */
int ticket_check(const struct request *rq, struct err *err) WARN_UNUSED;

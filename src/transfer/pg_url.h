/* SPDX-License-Identifier: Apache-2.0
 * The URL of a PostgreSQL database as SQLAlchemy and libpq write it. It may hold a password, so no
 * message repeats a part of it but names. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum { PG_SETTINGS_MAX = 20 };

struct pg_url {
    const char *keys[PG_SETTINGS_MAX + 1]; /* for PQconnectdbParams, NULL-terminated */
    const char *values[PG_SETTINGS_MAX + 1];
    size_t n;
    const char *password; /* NULL = none was given */
    const char *shown;    /* "postgresql://host:5432/name": whose database it is, no user, no
                             password; the identity of a source */
};

/* "postgresql://", "postgres://", "postgresql+driver://"? */
int pg_url_is(const char *text);
/* Everything lives in a. ERR_INVALID says what is wrong without repeating it. */
int pg_url_parse(struct arena *a, const char *text, struct pg_url *out,
                 struct err *err) WARN_UNUSED;

/* SPDX-License-Identifier: Apache-2.0
 * Errors: an int code plus an explicit object with one line of text.
 *
 * A fallible function returns 0 or a negative enum err_code and takes a last `struct err *err`
 * (NULL allowed). On failure it fills the object once, where the cause is known; callers pass the
 * code up unmodified. Messages: one line, lower case, no trailing dot, things named in 'quotes'.
 * The one table in err.c maps a code to HTTP status, exit status and its public name. */
#pragma once
#include "base/macros.h"

enum err_code {
    ERR_OK = 0,
    ERR_INVALID = -1,     /* the caller's input is wrong */
    ERR_NOT_FOUND = -2,   /* the named thing does not exist */
    ERR_EXISTS = -3,      /* the name is taken */
    ERR_CONFLICT = -4,    /* the state does not allow it now */
    ERR_DENIED = -5,      /* not logged in or not allowed */
    ERR_LIMIT = -6,       /* a size, rate or quota is exceeded */
    ERR_UNAVAILABLE = -7, /* a service, engine or lock cannot be had now */
    ERR_TIMEOUT = -8,     /* a deadline passed */
    ERR_CANCELLED = -9,   /* somebody asked to stop */
    ERR_CORRUPT = -10,    /* stored bytes are not what was written */
    ERR_NOMEM = -11,      /* a peer-sized allocation failed */
    ERR_INTERNAL = -12,   /* our bug, or the operating system refused */
    ERR_FAILED = -13,     /* the operation ran and failed: a step, a gate */
    ERR_NO_SPACE = -14,   /* disk full or quota */
    ERR_READ_ONLY = -15,  /* file system or store cannot be written */
};

struct err {
    int code;
    int line;
    const char *file;
    char msg[480];
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        0                                                                                          \
    }

/* One row of the error table. */
struct err_info {
    int code;
    const char *name; /* public name, as in JSON: "NOT_FOUND" */
    int http_status;
    int exit_status;
    const char *meaning; /* one sentence for the reference page */
};

/* Fills *err (when not NULL) and returns code, so that `return ERR(err, ERR_INVALID, "…")` works.
 */
#define ERR(err, code, ...) err_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)
int err_set(struct err *err, int code, const char *file, int line, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

/* As ERR, with ": <text of errno>" appended; ENOSPC, EROFS, EACCES, ENOENT and ENOMEM choose the
 * code. */
#define ERR_SYS(err, ...) err_set_sys((err), __FILE__, __LINE__, __VA_ARGS__)
int err_set_sys(struct err *err, const char *file, int line, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Puts "text: " before the message already in *err and returns rc, also when err is NULL. */
int err_prefix(struct err *err, int rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Never NULL: unknown codes map to INTERNAL. */
const struct err_info *err_info(int code);
/* All rows, for reference pages and tests. */
const struct err_info *err_table(size_t *out_n);

/* SPDX-License-Identifier: Apache-2.0
 * The error table and the two functions that fill a struct err. */
#include "base/err.h"

#include <errno.h>
#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct err_info table[] = {
    { ERR_OK, "OK", 200, 0, "It worked." },
    { ERR_INVALID, "INVALID", 400, 2, "The input is wrong; the message names the field." },
    { ERR_NOT_FOUND, "NOT_FOUND", 404, 3, "The named thing does not exist." },
    { ERR_EXISTS, "EXISTS", 409, 5, "The name is taken." },
    { ERR_CONFLICT, "CONFLICT", 409, 5, "The present state does not allow this." },
    { ERR_DENIED, "DENIED", 403, 4, "No valid token, or not allowed." },
    { ERR_LIMIT, "LIMIT", 413, 6, "A size, rate or quota is exceeded; the message says which." },
    { ERR_UNAVAILABLE, "UNAVAILABLE", 503, 7, "A service, engine or lock cannot be had now." },
    { ERR_TIMEOUT, "TIMEOUT", 504, 7, "A deadline passed." },
    { ERR_CANCELLED, "CANCELLED", 499, 1, "Somebody asked to stop." },
    { ERR_CORRUPT, "CORRUPT", 500, 70, "Stored bytes are not what was written." },
    { ERR_NOMEM, "NOMEM", 507, 6, "The request needs more memory than there is." },
    { ERR_INTERNAL, "INTERNAL", 500, 70, "A bug in Slipway, or the operating system refused." },
    { ERR_FAILED, "FAILED", 422, 1, "The operation ran and failed: a stage, a gate." },
    { ERR_NO_SPACE, "NO_SPACE", 507, 6, "The disk is full or a quota is reached." },
    { ERR_READ_ONLY, "READ_ONLY", 503, 4, "The folder or store cannot be written." },
};

const struct err_info *err_info(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].code == code)
            return &table[i];
    return err_info(ERR_INTERNAL);
}

const struct err_info *err_table(size_t *out_n)
{
    *out_n = ARRAY_LEN(table);
    return table;
}

int err_set(struct err *err, int code, const char *file, int line, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->file = file;
    err->line = line;
    (void)vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return code;
}

static int code_of_errno(int e)
{
    switch (e) {
    case ENOSPC:
    case EDQUOT: return ERR_NO_SPACE;
    case EROFS:
    case EACCES:
    case EPERM: return ERR_READ_ONLY;
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case ENOMEM: return ERR_NOMEM;
    case EADDRINUSE: return ERR_CONFLICT;
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR: return ERR_INVALID;
    case EMFILE:
    case ENFILE:
    case EAGAIN: return ERR_UNAVAILABLE;
    default: return ERR_INTERNAL;
    }
}

int err_set_sys(struct err *err, const char *file, int line, const char *fmt, ...)
{
    int e = errno, code = code_of_errno(e);
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->file = file;
    err->line = line;
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    const char *text = strerrordesc_np(e);
    if (n >= 0 && (size_t)n < sizeof err->msg)
        (void)snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", text ? text : "unknown");
    return code;
}

int err_prefix(struct err *err, int rc, const char *fmt, ...)
{
    if (!err)
        return rc;
    char old[sizeof err->msg];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg)
        (void)snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old);
    return rc;
}

void assert_failed(const char *expr, const char *file, int line)
{
    void *frames[32];
    (void)fprintf(stderr, "slipway: assertion failed: %s at %s:%d\n", expr, file, line);
    int n = backtrace(frames, (int)ARRAY_LEN(frames));
    backtrace_symbols_fd(frames, n, STDERR_FILENO);
    abort();
}

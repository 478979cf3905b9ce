/* SPDX-License-Identifier: Apache-2.0
 * One write(2) a line, so that lines of different threads never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

static enum log_level max_level = LOG_INFO;
static int as_json = -1;

void log_configure(enum log_level level, int json)
{
    max_level = level;
    as_json = json;
}

static void put_escaped(struct buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < 0x20)
            buf_printf(b, "\\u%04x", c);
        else
            buf_putc(b, (char)c);
    }
}

void log_at(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    char msg[2048], ts[CLOCK_TEXT_MAX];
    if (level > max_level)
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    (void)clock_format(clock_now_ms(), ts);
    struct buf b;
    buf_init(&b, 16384);
    if (as_json == 1 || (as_json < 0 && !isatty(STDERR_FILENO))) {
        buf_printf(&b, "{\"ts\":\"%s\",\"level\":\"%s\",\"msg\":\"", ts, names[level]);
        put_escaped(&b, msg);
        buf_puts(&b, "\"}\n");
    } else {
        buf_printf(&b, "%s %-5s %s\n", ts, names[level], msg);
    }
    ssize_t ignored = write(STDERR_FILENO, b.p, b.n);
    (void)ignored;
    buf_fini(&b);
}

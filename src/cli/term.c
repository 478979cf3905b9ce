/* SPDX-License-Identifier: Apache-2.0
 * The terminal. Data is gathered and written to stdout at flush points, everything else goes to
 * stderr line by line; the two streams are judged separately for colour. */
#include "cli/term.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"

enum { PROGRESS_AFTER_MS = 500, PROGRESS_DRAW_MS = 100, PROGRESS_LINE_MS = 10000 };

static struct {
    int64_t start_ns; /* of this wait; 0 = none */
    int64_t last_ns;  /* when last drawn */
    int drawn;        /* something stands on the line */
} progress;

static volatile sig_atomic_t interrupts;

static int env_set(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

static int colour_of(const char *mode, int fd)
{
    if (strcmp(mode, "always") == 0)
        return 1;
    if (strcmp(mode, "never") == 0 || env_set("NO_COLOR"))
        return 0;
    const char *force = getenv("CLICOLOR_FORCE");
    if (force && *force && strcmp(force, "0") != 0)
        return 1;
    const char *term = getenv("TERM");
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

static int locale_is_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *v = getenv(names[i]);
        if (v && *v)
            return strstr(v, "UTF-8") || strstr(v, "utf8") || strstr(v, "utf-8") ||
                   strstr(v, "UTF8");
    }
    return 0;
}

void term_init(struct cli *c, const char *mode)
{
    c->color_out = colour_of(mode, STDOUT_FILENO);
    c->color_err = colour_of(mode, STDERR_FILENO);
    c->utf8 = locale_is_utf8();
    c->err_is_tty = isatty(STDERR_FILENO);
    c->width = 0;
    if (!isatty(STDOUT_FILENO))
        return;
    struct winsize ws;
    uint64_t columns;
    c->width = 80;
    if (env_set("COLUMNS") && parse_u64(str_of(getenv("COLUMNS")), &columns) == 0 &&
        columns >= 20 && columns < 10000)
        c->width = (int)columns;
    else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 20)
        c->width = ws.ws_col;
}

const char *term_on(const struct cli *c, int err_stream, enum paint p)
{
    static const char *const codes[] = { "",         "\033[1m",  "\033[2m", "\033[32m",
                                         "\033[33m", "\033[31m", "\033[36m" };
    return (err_stream ? c->color_err : c->color_out) ? codes[p] : "";
}

const char *term_off(const struct cli *c, int err_stream)
{
    return (err_stream ? c->color_err : c->color_out) ? "\033[0m" : "";
}

void term_spell(const struct cli *c, struct buf *to, str_t text)
{
    static const char *const spell[][2] = {
        { "✓", "ok" },  { "✗", "x" }, { "→", "->" }, { "≤", "<=" }, { "≥", ">=" },  { "·", "-" },
        { "…", "..." }, { "–", "-" }, { "—", "-" },  { "×", "x" },  { "±", "+/-" }, { "²", "2" },
        { "└", "`" },   { "▸", ">" }, { "≠", "!=" }, { "−", "-" },
    };
    size_t at = 0;
    while (at < text.n) {
        if (c->utf8 || (unsigned char)text.p[at] < 0x80) {
            buf_putc(to, text.p[at++]);
            continue;
        }
        size_t i = 0;
        for (; i < ARRAY_LEN(spell); i++) {
            size_t n = strlen(spell[i][0]);
            if (text.n - at >= n && memcmp(text.p + at, spell[i][0], n) == 0) {
                buf_puts(to, spell[i][1]);
                at += n;
                break;
            }
        }
        if (i == ARRAY_LEN(spell))
            buf_putc(to, text.p[at++]);
    }
}

void term_safe(struct buf *to, str_t text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];
        if (ch < 0x20 || ch == 0x7f) {
            buf_putc(to, ch == '\n' || ch == '\t' ? ' ' : '?');
        } else if (ch == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0) {
            buf_putc(to, '?'); /* C1 controls */
            i++;
        } else {
            buf_putc(to, (char)ch);
        }
    }
}

static PRINTF_LIKE(2, 0) void put_formatted(struct buf *b, const char *fmt, va_list ap)
{
    char small[1024];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n >= 0 && (size_t)n < sizeof small) {
        buf_put(b, small, (size_t)n);
    } else if (n > 0) {
        char *to = buf_reserve(b, (size_t)n + 1);
        if (to) {
            (void)vsnprintf(to, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
}

/* Bytes of a colour sequence such as ours ("ESC [ 1 m") at text[at], or 0. */
static size_t colour_sequence(str_t text, size_t at)
{
    size_t end = at + 2;
    if (end >= text.n || text.p[at] != '\x1b' || text.p[at + 1] != '[')
        return 0;
    while (end < text.n && ((text.p[end] >= '0' && text.p[end] <= '9') || text.p[end] == ';'))
        end++;
    return end < text.n && text.p[end] == 'm' ? end + 1 - at : 0;
}

/* Values of others (descriptions, reasons, names) may hold control characters: what the terminal
 * would obey becomes '?', but for line ends, tabs and colours. In place, from byte `from` on. */
static void calm(struct buf *b, size_t from)
{
    size_t to = from;
    for (size_t i = from; i < b->n; i++) {
        unsigned char ch = (unsigned char)b->p[i];
        size_t colour = ch == 0x1b ? colour_sequence(buf_view(b), i) : 0;
        if (colour) {
            memmove(b->p + to, b->p + i, colour);
            to += colour;
            i += colour - 1;
        } else if (ch == 0xc2 && i + 1 < b->n && (unsigned char)b->p[i + 1] < 0xa0) {
            b->p[to++] = '?'; /* C1 controls */
            i++;
        } else {
            b->p[to++] = (ch < 0x20 && ch != '\n' && ch != '\t') || ch == 0x7f ? '?' : (char)ch;
        }
    }
    if (to < b->n) {
        b->n = to;
        b->p[to] = '\0';
    }
}

void term_out(struct cli *c, const char *fmt, ...)
{
    va_list ap;
    size_t from = c->out.n;
    va_start(ap, fmt);
    put_formatted(&c->out, fmt, ap);
    va_end(ap);
    if (!c->out.failed)
        calm(&c->out, from);
}

static int people_read(const struct cli *c)
{
    return c->format == FORMAT_TABLE || c->format == FORMAT_WIDE;
}

int term_flush(struct cli *c, struct err *err)
{
    if (c->out.failed)
        return ERR(err, ERR_LIMIT, "the output is larger than %zu bytes", c->out.max_bytes);
    if (c->out_broken || c->out.n == 0) {
        buf_clear(&c->out);
        return 0;
    }
    term_progress_end(c);
    struct buf spelled;
    buf_init(&spelled, c->out.max_bytes);
    str_t bytes = buf_view(&c->out);
    if (people_read(c) && !c->utf8) {
        term_spell(c, &spelled, bytes);
        bytes = buf_view(&spelled);
    }
    int rc = 0;
    while (bytes.n && !rc) {
        ssize_t n = write(STDOUT_FILENO, bytes.p, bytes.n);
        if (n >= 0) {
            bytes.p += n;
            bytes.n -= (size_t)n;
        } else if (errno == EPIPE) {
            c->out_broken = 1;
            break;
        } else if (errno != EINTR) {
            rc = ERR_SYS(err, "cannot write to standard output");
        }
    }
    buf_fini(&spelled);
    buf_clear(&c->out);
    return rc;
}

static void put_stderr(struct cli *c, str_t text)
{
    struct buf b;
    buf_init(&b, MIB(16));
    if (progress.drawn && c->err_is_tty)
        buf_puts(&b, "\r\033[K");
    progress.drawn = 0;
    term_spell(c, &b, text);
    if (b.n && b.p[b.n - 1] != '\n')
        buf_putc(&b, '\n');
    if (!b.failed)
        IGNORE(fs_write_all(STDERR_FILENO, buf_view(&b), "standard error", NULL));
    buf_fini(&b);
}

#define PUT_LINE(c, fmt)                                                                           \
    do {                                                                                           \
        struct buf line_;                                                                          \
        va_list ap_;                                                                               \
        buf_init(&line_, MIB(16));                                                                 \
        va_start(ap_, fmt);                                                                        \
        put_formatted(&line_, fmt, ap_);                                                           \
        va_end(ap_);                                                                               \
        put_stderr(c, buf_view(&line_));                                                           \
        buf_fini(&line_);                                                                          \
    } while (0)

void term_note(struct cli *c, const char *fmt, ...)
{
    if (c->quiet)
        return;
    IGNORE(term_flush(c, NULL)); /* what it speaks of stands above it */
    PUT_LINE(c, fmt);
}

void term_say(struct cli *c, const char *fmt, ...)
{
    PUT_LINE(c, fmt);
}

void term_progress(struct cli *c, const char *fmt, ...)
{
    int64_t now = clock_mono_ns();
    if (c->quiet)
        return;
    if (!progress.start_ns) {
        progress.start_ns = now;
        progress.last_ns = 0;
    }
    int64_t waited_ms = (now - progress.start_ns) / 1000000;
    int64_t since_ms = progress.last_ns ? (now - progress.last_ns) / 1000000 : INT64_MAX;
    if (waited_ms < PROGRESS_AFTER_MS ||
        since_ms < (c->err_is_tty ? PROGRESS_DRAW_MS : PROGRESS_LINE_MS))
        return;
    progress.last_ns = now;
    struct buf line, b;
    va_list ap;
    buf_init(&line, 4096);
    buf_init(&b, 8192);
    va_start(ap, fmt);
    put_formatted(&line, fmt, ap);
    va_end(ap);
    if (c->err_is_tty)
        buf_puts(&b, "\r\033[K");
    term_spell(c, &b, buf_view(&line));
    buf_printf(&b, "  %.1f s", (double)waited_ms / 1000);
    if (!c->err_is_tty)
        buf_putc(&b, '\n');
    progress.drawn = c->err_is_tty;
    IGNORE(fs_write_all(STDERR_FILENO, buf_view(&b), "standard error", NULL));
    buf_fini(&b);
    buf_fini(&line);
}

void term_progress_end(struct cli *c)
{
    if (progress.drawn && c->err_is_tty)
        IGNORE(fs_write_all(STDERR_FILENO, STR("\r\033[K"), "standard error", NULL));
    progress.drawn = 0;
    progress.start_ns = 0;
}

static void on_interrupt(int sig)
{
    static const char text[] = "\nstopping, Ctrl-C again to force\n";
    if (interrupts) {
        (void)signal(sig, SIG_DFL);
        (void)raise(sig);
        return;
    }
    interrupts = sig;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
}

void term_catch_interrupt(void)
{
    struct sigaction sa = { .sa_handler = on_interrupt };
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
}

int term_interrupted(void)
{
    return interrupts;
}

/* SPDX-License-Identifier: Apache-2.0
 * Entry of the child process that reads what is foreign: limits first, then the reader of that
 * kind. */
#include "transfer/reader.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

void reader_problem(struct reader *r, const char *fmt, ...)
{
    char text[1000];
    va_list ap;
    if (r->problems++ >= READER_PROBLEMS_MAX)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    size_t n = strlen(text);
    while (n && !str_is_utf8((str_t){ text, n })) /* cut within a letter, or never was UTF-8 */
        n--;
    wire_begin(&r->out, WIRE_PROBLEM);
    wire_text(&r->out, (str_t){ text, n });
    wire_end(&r->out);
}

void reader_count(struct reader *r, const char *kind, int64_t n)
{
    wire_begin(&r->out, WIRE_COUNT);
    wire_text(&r->out, str_of(kind));
    wire_int(&r->out, n);
    wire_end(&r->out);
}

#ifndef __SANITIZE_ADDRESS__
static void limit_memory(void)
{
    struct rlimit l = { GIB(2), GIB(2) };
    (void)setrlimit(RLIMIT_AS, &l);
}
#else
static void limit_memory(void)
{
}
#endif

int reader_main(int argc, char **argv)
{
    struct reader r = { 0 };
    struct err err = ERR_INIT;
    const char *url = getenv("SLIPWAY_IMPORT_URL");
    struct rlimit none = { 0, 0 };
    if (argc != 3) {
        (void)fputs("slipway _import: started by 'slipway import' only\n", stderr);
        return EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    limit_memory();
    (void)setrlimit(RLIMIT_FSIZE, &none); /* no file grows by our hand */
    (void)setrlimit(RLIMIT_CORE, &none);
    wire_out_init(&r.out, STDOUT_FILENO);
    int rc = strcmp(argv[1], "sqlite") == 0          ? reader_sqlite(&r, argv[2], &err)
             : strcmp(argv[1], "files") == 0         ? reader_files(&r, argv[2], &err)
             : strcmp(argv[1], "server") == 0 && url ? reader_uri(&r, url, &err)
             : strcmp(argv[1], "postgresql") == 0 && url
                 ? reader_postgres(&r, url, &err)
                 : ERR(&err, ERR_INVALID, "no such kind of source");
    if (rc) {
        wire_begin(&r.out, WIRE_FAIL);
        wire_int(&r.out, rc);
        wire_text(&r.out, str_is_utf8(str_of(err.msg)) ? str_of(err.msg)
                                                       : STR("the source cannot be read"));
    } else {
        reader_count(&r, "problems", r.problems);
        wire_begin(&r.out, WIRE_DONE);
    }
    wire_end(&r.out);
    int lost = wire_flush(&r.out);
    wire_out_fini(&r.out);
    return rc || lost ? EXIT_FAILED : EXIT_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 * The terminal: writing to it, colours, symbols, progress, interrupts. Main thread only. */
#pragma once
#include "cli/cli.h"

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_GREEN, PAINT_YELLOW, PAINT_RED, PAINT_CYAN };

/* Colour, width and character set of both streams; mode is "auto", "always" or "never". */
void term_init(struct cli *c, const char *mode);

/* Escape sequences, empty without colour. */
const char *term_on(const struct cli *c, int err_stream, enum paint p);
const char *term_off(const struct cli *c, int err_stream);

/* Text to stdout, kept until term_flush or the end; for data. */
void term_out(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* 0, or an error when stdout cannot take it; a closed pipe is no error and sets out_broken. */
int term_flush(struct cli *c, struct err *err) WARN_UNUSED;
/* A line to stderr at once, unless -q; a newline is added. Pending stdout goes out before it,
 * progress lines are wiped. */
void term_note(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As term_note but also with -q: for errors. */
void term_say(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A long wait: nothing for 500 ms, then one line that is redrawn on a terminal, or one line every
 * 10 s elsewhere; nothing with -q. */
void term_progress(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void term_progress_end(struct cli *c);

/* UTF-8 text with our few symbols spelled in ASCII when the locale is not UTF-8. */
void term_spell(const struct cli *c, struct buf *to, str_t text);
/* Text made safe for a terminal: control characters become '?'. */
void term_safe(struct buf *to, str_t text);

/* First Ctrl-C: says so and sets the flag; the second one ends the process with 130. */
void term_catch_interrupt(void);
int term_interrupted(void);

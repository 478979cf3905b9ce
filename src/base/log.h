/* SPDX-License-Identifier: Apache-2.0
 * The process log on stderr: text on a terminal, one JSON object a line otherwise. Only api/, cli/
 * and the top level of a process log; libraries return errors. Any thread. */
#pragma once
#include "base/macros.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_configure(enum log_level level, int json); /* json: 0 text, 1 JSON, -1 decide by isatty */
void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* SPDX-License-Identifier: Apache-2.0
 * What a fuzz target is: one function that eats any bytes. It must not crash, leak, loop or read
 * past the end; what it accepts it should be able to write and read again (FUZZ_CHECK). To add a
 * target X: fuzz_X.c here, X in meson.build, some small inputs in corpus/X/. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            (void)fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

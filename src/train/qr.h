/* SPDX-License-Identifier: Apache-2.0
 * Householder QR of [1 X y] in double-double arithmetic (about 32 digits), for problems whose rank
 * or digits the normal equations cannot be trusted with. Rows are absorbed block by block into one
 * triangle per task and the triangles into one (Demmel, Grigori, Hoemmen, Langou 2012, TSQR). */
#pragma once
#include "train/kernel.h"

/* Arrays live in the kernel's arena. Numbers refer to raw columns, not to scaled ones. */
struct qr_result {
    size_t rank;     /* kept feature columns */
    size_t *kept;    /* their column numbers, ascending */
    struct dd *beta; /* rank + 1: intercept and kept coefficients; the dropped are 0 here */
    size_t dropped_n;
    size_t *dropped;     /* column numbers of the dependent ones */
    double *combination; /* dropped_n × (rank + 1): dropped = c0 + Σ c_k kept_k */
    double *root;        /* rank × rank upper triangle of the centred, scaled kept columns */
};

/* alpha > 0 adds the rows √alpha·e_j of ridge. */
int qr_solve(const struct kernel *k, double alpha, struct qr_result *out,
             struct err *err) WARN_UNUSED;

/* b := A⁻¹ b for a symmetric positive definite A (n × n, overwritten by its factor). */
void qr_spd_solve(struct dd *a, size_t n, struct dd *b);
struct dd dd_add(struct dd a, struct dd b);
struct dd dd_mul(struct dd a, struct dd b);

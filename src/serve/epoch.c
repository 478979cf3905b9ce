/* SPDX-License-Identifier: Apache-2.0
 * Grace periods; see epoch.h. All steps are in one total order, which is what the proof needs: a
 * reader that the writer's scan missed reads the pointer after the swap. */
#include "serve/epoch.h"

#include <unistd.h>

#include "base/thread.h"

int64_t epoch_enter(struct epoch *e)
{
    unsigned stripe = thread_number() % EPOCH_STRIPES;
    int64_t parity = gauge_get_ordered(&e->current) & 1;
    (void)gauge_add_ordered(&e->stripes[stripe].inside[parity], 1);
    return (int64_t)stripe * 2 + parity;
}

void epoch_exit(struct epoch *e, int64_t token)
{
    (void)gauge_add_ordered(&e->stripes[token / 2].inside[token % 2], -1);
}

static void drain(struct epoch *e, int64_t parity)
{
    for (int i = 0; i < EPOCH_STRIPES; i++)
        while (gauge_get_ordered(&e->stripes[i].inside[parity]) != 0)
            (void)usleep(50);
}

void epoch_wait(struct epoch *e)
{
    int64_t parity = gauge_get_ordered(&e->current) & 1;
    drain(e, parity ^ 1);
    (void)gauge_add_ordered(&e->current, 1);
    drain(e, parity);
}

/* SPDX-License-Identifier: Apache-2.0
 * When may memory that readers saw through a pointer be freed? Readers bracket their use; the
 * writer first takes the memory out of reach, then waits for a grace period.
 *
 * Two counters a stripe, chosen by the parity of the epoch, as in "sleepable read-copy update"
 * (McKenney, "Sleepable RCU", LWN 2006): a reader adds one on entry and takes it off on exit; the
 * writer drains the counters of the other parity, flips, and drains the ones that were current. So
 * readers that come all the time cannot keep the writer waiting. Any number of threads may read;
 * writers are serialised by their owner. */
#pragma once
#include "base/atomic.h"

enum { EPOCH_STRIPES = 16 };

struct epoch {
    gauge_t current;
    struct epoch_stripe {
        gauge_t inside[2];
        char pad[112]; /* a stripe has its cache lines to itself */
    } stripes[EPOCH_STRIPES];
};

/* Returns a token for epoch_exit, which must run on the same thread. Never blocks. */
int64_t epoch_enter(struct epoch *e);
void epoch_exit(struct epoch *e, int64_t token);
/* Returns when every reader that was inside at the call has left. Sleeps in small steps. */
void epoch_wait(struct epoch *e);

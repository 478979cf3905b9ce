/* SPDX-License-Identifier: Apache-2.0
 * The reader of append-only files on any bytes: every record lies inside them, stepping over damage
 * always moves on. */
#include "fuzz.h"

#include "store/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str_t bytes = { (const char *)data, size };
    size_t at = 0;
    unsigned sum = 0;
    for (;;) {
        struct segment_record r;
        size_t before = at;
        int got = segment_next(bytes, &at, &r);
        if (got == 0)
            break;
        if (got < 0) {
            FUZZ_CHECK(at == before);
            size_t next = segment_seek(bytes, at + 1);
            if (next == SIZE_MAX)
                break;
            FUZZ_CHECK(next > at && next < size);
            at = next;
            continue;
        }
        FUZZ_CHECK(at > before && at <= size && r.body.p + r.body.n == bytes.p + at);
        FUZZ_CHECK(r.from_ms >= 0 && r.from_ms <= r.to_ms);
        for (size_t i = 0; i < r.body.n; i++)
            sum += (unsigned char)r.body.p[i];
    }
    return sum == 1 ? 0 : 0;
}

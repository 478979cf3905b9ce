/* SPDX-License-Identifier: Apache-2.0
 * The protobuf wire format: a bounded reader over borrowed bytes and a writer into a struct buf.
 *
 * The reader never copies and never allocates: nested messages and strings are views into the
 * input. It refuses what no encoder writes: field number 0, groups, varints past 64 bits, lengths
 * past the end (a negative length is one of those). Which fields exist is the caller's business.
 * Source: protobuf.dev, "Encoding". */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_in {
    const unsigned char *p, *end;
    const char *why; /* NULL until the input is found wrong; then it stays wrong */
};

struct pb_field {
    uint32_t number;
    enum pb_wire wire;
    uint64_t value; /* of VARINT, FIXED64, FIXED32 */
    str_t bytes;    /* of BYTES */
};

void pb_in_init(struct pb_in *in, str_t bytes);
/* 1 = a field was read, 0 = end, -1 = malformed (in->why says how). */
int pb_next(struct pb_in *in, struct pb_field *out) WARN_UNUSED;
/* A bare varint, as in packed fields; 0 or -1. Check in->p < in->end for the end. */
int pb_varint(struct pb_in *in, uint64_t *out) WARN_UNUSED;

/* What a field means, once its type is known. */
static inline int64_t pb_int64(const struct pb_field *f)
{
    return (int64_t)f->value;
}

float pb_float(uint64_t bits);   /* of a FIXED32 */
double pb_double(uint64_t bits); /* of a FIXED64 */
/* Bytes of a packed field of fixed-size elements; little-endian whatever the machine. */
float pb_load_float(const char *p);
double pb_load_double(const char *p);
uint64_t pb_load_u64(const char *p);
uint32_t pb_load_u32(const char *p);

/* ---- writing: fields in the order of the calls, smallest varints, so equal calls make equal bytes
 * ---- */
void pb_put_varint(struct buf *b, uint64_t v);
void pb_put_int(struct buf *b, uint32_t number, int64_t v);
void pb_put_float(struct buf *b, uint32_t number, float v);
void pb_put_double(struct buf *b, uint32_t number, double v);
void pb_put_str(struct buf *b, uint32_t number, str_t s);
void pb_put_cstr(struct buf *b, uint32_t number, const char *z); /* NULL writes nothing */
void pb_store_u64(struct buf *b, uint64_t v); /* eight bare bytes, little-endian */
void pb_store_u32(struct buf *b, uint32_t v);
/* A nested message (or packed field): everything put between the two calls is its content. */
size_t pb_begin(struct buf *b, uint32_t number);
void pb_end(struct buf *b, size_t begun);

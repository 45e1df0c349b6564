/* units: durations and sizes as people write them on command lines and in configuration files.
 * Kubernetes quantities are another grammar and live in api/. */
#ifndef HOLDFAST_BASE_UNITS_H
#define HOLDFAST_BASE_UNITS_H

#include "base/buf.h"

/* "500ms", "40s", "1h30m", "7d", or a bare "0". Whole numbers; units ms, s, m, h, d, each at most once
 * and largest first. -EINVAL, -ERANGE. */
int units_duration_ms(struct span text, uint64_t *out_ms) must_check;
/* "4096", "64Ki", "64Mi", "2Gi", "1Ti" (powers of 1024), "64k", "64M", "2G", "1T" (powers of 1000). -EINVAL, -ERANGE. */
int units_size_bytes(struct span text, uint64_t *out_bytes) must_check;

/* The shortest text that the parsers above read back. */
int units_add_duration(struct buf *out, uint64_t ms);
int units_add_size(struct buf *out, uint64_t bytes);

#endif

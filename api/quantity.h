/* quantity: resource.Quantity, the numbers with suffixes ("250m", "64Mi", "1e3"). Pure.
 * Rules: k8s.io/apimachinery/pkg/api/resource, Quantity's documentation. */
#ifndef HOLDFAST_API_QUANTITY_H
#define HOLDFAST_API_QUANTITY_H

#include "base/buf.h"

/* Thousandths, rounded up, saturating at INT64_MAX/MIN. -EINVAL. */
int quantity_parse_milli(struct span text, int64_t *out) must_check;
/* Whole units (bytes), rounded up. -EINVAL. */
int quantity_parse(struct span text, int64_t *out) must_check;
/* Canonical text, keeping the family of suffixes given (binary, decimal, exponent). -EINVAL. */
int quantity_canonical(struct span text, struct buf *out) must_check;

#endif

/* selector_internal: what selector.c and selector_parse.c share. No other file includes it. */
#ifndef HOLDFAST_API_SELECTOR_INTERNAL_H
#define HOLDFAST_API_SELECTOR_INTERNAL_H

#include "api/selector.h"

#define SELECTOR_VALUES_MAX 256u

enum selector_op {
	SELECTOR_IN,
	SELECTOR_NOT_IN,
	SELECTOR_EXISTS,
	SELECTOR_NOT_EXISTS,
	SELECTOR_GREATER,
	SELECTOR_LESS
};
struct selector_term {
	enum selector_op op; /* "=" and "!=" are IN and NOT_IN of one value */
	char *key;
	char **values;
	size_t value_count;
};
struct selector {
	struct selector_term *terms;
	size_t count;
	bool matches_nothing;
	bool of_fields;
};

struct selector *selector_new(void) must_check;
/* NULL with *out_rc -ENOMEM or -E2BIG. The term is borrowed until the next one is added. */
struct selector_term *selector_add(struct selector *s, struct span key, enum selector_op op,
				   int *out_rc) must_check;
int selector_add_value(struct selector_term *term, struct span value) must_check;

#endif

/* decode: JSON objects into structs, by tables of fields. Strict about types, silent about unknown
 * fields (the API has judged those). Everything decoded lives in an arena; the JSON may go afterwards. */
#ifndef HOLDFAST_EDGE_HUB_PODS_DECODE_H
#define HOLDFAST_EDGE_HUB_PODS_DECODE_H

#include "base/json.h"
#include "edge-hub/pods/arena.h"

/* What a field may become; the member that `offset` names has the type in the comment. */
enum decode_type {
	DECODE_STR,	 /* const char *: "" when absent; inner NULs are refused */
	DECODE_BOOL,	 /* bool */
	DECODE_OPT_BOOL, /* struct opt_bool */
	DECODE_INT,	 /* int64_t; keeps what the default left when absent */
	DECODE_OPT_INT,	 /* struct opt_int */
	DECODE_STRS,	 /* struct strs */
	DECODE_PAIRS,	 /* struct pair_list, from an object of strings */
	DECODE_ENUM,	 /* int: index in `names`; keeps the default when absent; unknown is -EINVAL */
	DECODE_MILLI,	 /* struct opt_int: a quantity in thousandths */
	DECODE_BYTES,	 /* struct opt_int: a quantity in whole units */
	DECODE_STRUCT,	 /* embedded struct described by `table`; its defaults when absent */
	DECODE_PTR,	 /* pointer to such a struct, NULL when absent */
	DECODE_LIST,	 /* struct decoded_list of such structs, at most `max` */
	DECODE_TIME,	 /* struct opt_int: metav1.Time as wall milliseconds */
	DECODE_FN,	 /* `fn` with a pointer to the member */
};
struct opt_bool {
	bool set, value;
};
struct opt_int {
	bool set;
	int64_t value;
};
struct strs {
	const char **v;
	uint32_t n;
};
struct pair_list {
	struct pair {
		const char *key, *value;
	} * v;
	uint32_t n;
};
struct decoded_list {
	void *v;
	uint32_t n;
};

struct decoder {
	struct arena *arena;
	struct err *err;
	char path[192]; /* where we are, for messages */
};
struct decode_table;
struct decode_field {
	const char *name;
	enum decode_type type;
	uint16_t offset;
	bool required;
	uint16_t max; /* DECODE_LIST, DECODE_STRS and DECODE_PAIRS: most entries; 0: DECODE_ENTRIES_MAX */
	const struct decode_table *table;
	const char *const *names; /* DECODE_ENUM, NULL-ended */
	int (*fn)(struct decoder *d, const struct json *value, void *member);
};
struct decode_table {
	size_t size; /* of the struct */
	const struct decode_field *fields;
	size_t field_count;
	void (*defaults)(void *out);		    /* before the fields; may be NULL */
	int (*check)(struct decoder *d, void *out); /* after them; may be NULL */
};
#define DECODE_ENTRIES_MAX 512u
#define DECODE_TABLE(name_, type_, fields_, ...)                                                          \
	static const struct decode_table name_ = { .size = sizeof(type_),                                 \
						   .fields = (fields_),                                   \
						   .field_count = sizeof(fields_) / sizeof((fields_)[0]), \
						   __VA_ARGS__ }

/* `out` is zeroed memory of table->size. -EINVAL (err says where and what), -E2BIG, -ENOMEM. */
int decode_object(struct decoder *d, const struct json *object, const struct decode_table *table,
		  void *out) must_check;
/* The rule all of them follow when something is wrong: "spec.containers[0].name: what". Returns -EINVAL. */
int decode_fail(struct decoder *d, const char *fmt, ...) printf_like(2, 3);
int decode_str(struct decoder *d, const struct json *value, const char **out) must_check;
const char *pair_list_get(const struct pair_list *list, const char *key); /* NULL when absent */

#endif

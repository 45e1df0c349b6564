#include "control/placement.h"

#include <errno.h>

#include "cache/object.h"

/* --- decoding --- */

static int check_list(const struct json *list)
{
	if (!list || json_is(list, JSON_NULL))
		return 0;
	if (!json_is(list, JSON_ARRAY))
		return -EINVAL;
	return json_count(list) > PLACEMENT_LIST_MAX ? -E2BIG : 0;
}

static const char *copy_str(struct arena *arena, const struct json *value)
{
	return arena_str(arena, json_str(value, ""));
}

static int decode_values(const struct json *list, struct arena *arena, struct requirement *out)
{
	const char **values;
	int rc = check_list(list);

	if (rc)
		return rc;
	values = arena_array(arena, json_count(list), sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < json_count(list); i++) {
		values[i] = copy_str(arena, json_at(list, i));
		if (!values[i])
			return -ENOMEM;
	}
	out->values = values;
	out->value_count = json_count(list);
	return 0;
}

static enum requirement_op decode_op(const char *text)
{
	static const struct {
		const char *name;
		enum requirement_op op;
	} ops[] = {
		{ "In", REQUIRE_IN },	      { "NotIn", REQUIRE_NOT_IN },
		{ "Exists", REQUIRE_EXISTS }, { "DoesNotExist", REQUIRE_ABSENT },
		{ "Gt", REQUIRE_GT },	      { "Lt", REQUIRE_LT },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(text, ops[i].name) == 0)
			return ops[i].op;
	return REQUIRE_NEVER;
}

static int decode_requirements(const struct json *list, struct arena *arena, const struct requirement **out,
			       size_t *out_count)
{
	struct requirement *all;
	int rc = check_list(list);

	if (rc)
		return rc;
	all = arena_array(arena, json_count(list), sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);

		all[i].op = decode_op(json_str(json_get(item, "operator"), ""));
		all[i].key = copy_str(arena, json_get(item, "key"));
		rc = all[i].key ? decode_values(json_get(item, "values"), arena, &all[i]) : -ENOMEM;
		if (rc)
			return rc;
	}
	*out = all;
	*out_count = json_count(list);
	return 0;
}

static int decode_term(const struct json *term, struct arena *arena, struct placement_term *out)
{
	int rc = decode_requirements(json_get(term, "matchExpressions"), arena, &out->labels,
				     &out->label_count);

	return rc ? rc
		  : decode_requirements(json_get(term, "matchFields"), arena, &out->fields,
					&out->field_count);
}

/* Required terms are bare, preferred ones come with a weight. */
static int decode_terms(const struct json *list, bool preferred, struct arena *arena,
			const struct placement_term **out, size_t *out_count)
{
	struct placement_term *terms;
	int rc = check_list(list);

	if (rc)
		return rc;
	terms = arena_array(arena, json_count(list), sizeof(*terms));
	if (!terms)
		return -ENOMEM;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);
		int64_t weight = json_int(json_get(item, "weight"), 0);

		rc = decode_term(preferred ? json_get(item, "preference") : item, arena, &terms[i]);
		if (rc)
			return rc;
		terms[i].weight = weight < 0 ? 0 : weight > 100 ? 100 : weight;
	}
	*out = terms;
	*out_count = json_count(list);
	return 0;
}

static int decode_selector(const struct json *map, struct arena *arena, struct span *out)
{
	struct json_iter it = json_iter(map);
	struct buf packed;
	const char *copy;
	int rc = 0;

	buf_init(&packed, 256 * 1024);
	while (!rc && json_next(&it))
		rc = pairs_add(&packed, it.key, json_str(it.value, ""));
	if (!rc && packed.len) {
		copy = arena_copy(arena, buf_span(&packed));
		*out = span_make(copy, packed.len);
		rc = copy ? 0 : -ENOMEM;
	}
	buf_done(&packed);
	return rc;
}

unsigned taint_effect_parse(const char *text)
{
	return strcmp(text, "NoSchedule") == 0	       ? EFFECT_NO_SCHEDULE
	       : strcmp(text, "PreferNoSchedule") == 0 ? EFFECT_PREFER_NO_SCHEDULE
	       : strcmp(text, "NoExecute") == 0	       ? EFFECT_NO_EXECUTE
						       : 0;
}

const char *taint_effect_name(unsigned effect)
{
	return effect == EFFECT_NO_SCHEDULE	     ? "NoSchedule"
	       : effect == EFFECT_PREFER_NO_SCHEDULE ? "PreferNoSchedule"
						     : "NoExecute";
}

static int decode_tolerations(const struct json *list, struct arena *arena, struct placement *out)
{
	struct toleration *all;
	int rc = check_list(list);

	if (rc)
		return rc;
	all = arena_array(arena, json_count(list), sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);
		const char *effect = json_str(json_get(item, "effect"), "");

		all[i].key = copy_str(arena, json_get(item, "key"));
		all[i].value = copy_str(arena, json_get(item, "value"));
		all[i].exists = strcmp(json_str(json_get(item, "operator"), "Equal"), "Exists") == 0;
		all[i].effect = *effect ? taint_effect_parse(effect) : 0;
		if (*effect && !all[i].effect)
			all[i].effect = 1u << 31; /* an effect we do not know tolerates none of ours */
		if (!all[i].key || !all[i].value)
			return -ENOMEM;
	}
	out->tolerations = all;
	out->toleration_count = json_count(list);
	return 0;
}

int taints_decode(const struct json *list, struct arena *arena, const struct taint **out, size_t *out_count)
{
	struct taint *all;
	int rc = check_list(list);

	if (rc)
		return rc;
	all = arena_array(arena, json_count(list), sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);

		all[i].key = copy_str(arena, json_get(item, "key"));
		all[i].value = copy_str(arena, json_get(item, "value"));
		all[i].effect = taint_effect_parse(json_str(json_get(item, "effect"), ""));
		if (!all[i].key || !all[i].value)
			return -ENOMEM;
	}
	*out = all;
	*out_count = json_count(list);
	return 0;
}

int placement_decode(const struct json *spec, struct arena *arena, struct placement *out)
{
	const struct json *affinity = json_path(spec, "affinity.nodeAffinity");
	const struct json *required = json_get(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
	const struct json *preferred = json_get(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
	int rc;

	*out = (struct placement){ .selector = SPAN(""), .has_required = json_is(required, JSON_OBJECT) };
	rc = decode_selector(json_get(spec, "nodeSelector"), arena, &out->selector);
	if (!rc)
		rc = decode_terms(json_get(required, "nodeSelectorTerms"), false, arena, &out->required,
				  &out->required_count);
	if (!rc)
		rc = decode_terms(preferred, true, arena, &out->preferred, &out->preferred_count);
	return rc ? rc : decode_tolerations(json_get(spec, "tolerations"), arena, out);
}

/* --- matching --- */

static bool value_listed(const struct requirement *r, const char *value)
{
	for (size_t i = 0; i < r->value_count; i++)
		if (strcmp(r->values[i], value) == 0)
			return true;
	return false;
}

static bool compares(const struct requirement *r, const char *value)
{
	int64_t have, want;

	if (r->value_count != 1 || span_to_i64(span_of(value), &have) ||
	    span_to_i64(span_of(r->values[0]), &want))
		return false;
	return r->op == REQUIRE_GT ? have > want : have < want;
}

/* `value` NULL: the node has no such label. */
static bool requirement_holds(const struct requirement *r, const char *value)
{
	switch (r->op) {
	case REQUIRE_IN: return value && value_listed(r, value);
	case REQUIRE_NOT_IN: return !value || !value_listed(r, value);
	case REQUIRE_EXISTS: return value != NULL;
	case REQUIRE_ABSENT: return value == NULL;
	case REQUIRE_GT:
	case REQUIRE_LT: return value && compares(r, value);
	case REQUIRE_NEVER: return false;
	}
	return false;
}

static bool term_holds(const struct placement_term *term, const struct placement_node *node)
{
	if (!term->label_count && !term->field_count)
		return false;
	for (size_t i = 0; i < term->label_count; i++)
		if (!requirement_holds(&term->labels[i], pairs_get(node->labels, term->labels[i].key)))
			return false;
	for (size_t i = 0; i < term->field_count; i++)
		if (!requirement_holds(&term->fields[i],
				       strcmp(term->fields[i].key, "metadata.name") == 0 ? node->name : NULL))
			return false;
	return true;
}

static bool selector_holds(struct span selector, struct span labels)
{
	const char *key, *value, *have;
	size_t cursor = 0;

	while (pairs_next(selector, &cursor, &key, &value)) {
		have = pairs_get(labels, key);
		if (!have || strcmp(have, value) != 0)
			return false;
	}
	return true;
}

bool placement_fits(const struct placement *p, const struct placement_node *node)
{
	if (!selector_holds(p->selector, node->labels))
		return false;
	if (!p->has_required)
		return true;
	for (size_t i = 0; i < p->required_count; i++)
		if (term_holds(&p->required[i], node))
			return true;
	return false;
}

static bool tolerates(const struct toleration *t, const struct taint *taint)
{
	if (t->effect && t->effect != taint->effect)
		return false;
	if (!*t->key) /* only with Exists is an empty key valid: everything */
		return t->exists;
	return strcmp(t->key, taint->key) == 0 && (t->exists || strcmp(t->value, taint->value) == 0);
}

const struct taint *placement_untolerated(const struct placement *p, const struct placement_node *node,
					  unsigned effects)
{
	for (size_t i = 0; i < node->taint_count; i++) {
		const struct taint *taint = &node->taints[i];
		size_t t = 0;

		if (!(taint->effect & effects))
			continue;
		while (t < p->toleration_count && !tolerates(&p->tolerations[t], taint))
			t++;
		if (t == p->toleration_count)
			return taint;
	}
	return NULL;
}

int64_t placement_preference(const struct placement *p, const struct placement_node *node)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->preferred_count; i++)
		if (term_holds(&p->preferred[i], node))
			sum += p->preferred[i].weight;
	return sum;
}

const char *placement_only_node(const struct placement *p)
{
	const char *name = NULL;

	if (!p->has_required)
		return NULL;
	for (size_t i = 0; i < p->required_count; i++) {
		const struct placement_term *term = &p->required[i];
		const char *own = NULL;

		for (size_t k = 0; k < term->field_count; k++)
			if (term->fields[k].op == REQUIRE_IN && term->fields[k].value_count == 1 &&
			    strcmp(term->fields[k].key, "metadata.name") == 0)
				own = term->fields[k].values[0];
		if (!own || (name && strcmp(name, own) != 0))
			return NULL;
		name = own;
	}
	return name;
}

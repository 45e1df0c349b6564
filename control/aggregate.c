#include "control/aggregate.h"

#include <errno.h>
#include <stdlib.h>

#include "api/selector.h"

#define RULE_TEXT_MAX JSON_MAX_BYTES

struct gatherer {
	struct map sources; /* names of the roles it took rules from */
	size_t count;
	struct selector *selectors[];
};
struct aggregate {
	struct map gatherers; /* name -> gatherer */
};
static char present;

int aggregate_new(struct aggregate **out)
{
	struct aggregate *aggregate = calloc(1, sizeof(*aggregate));

	if (!aggregate)
		return -ENOMEM;
	map_init(&aggregate->gatherers, AGGREGATE_ROLES_MAX);
	*out = aggregate;
	return 0;
}

static void gatherer_free(void *value)
{
	struct gatherer *gatherer = value;

	if (!gatherer)
		return;
	for (size_t i = 0; i < gatherer->count; i++)
		selector_free(gatherer->selectors[i]);
	map_done(&gatherer->sources, NULL);
	free(gatherer);
}

void aggregate_free(struct aggregate *aggregate)
{
	if (!aggregate)
		return;
	map_done(&aggregate->gatherers, gatherer_free);
	free(aggregate);
}

static int gatherer_new(const struct json *selectors, struct gatherer **out)
{
	size_t count = json_count(selectors);
	struct gatherer *gatherer = calloc(1, sizeof(*gatherer) + count * sizeof(struct selector *));
	int rc = 0;

	if (!gatherer)
		return -ENOMEM;
	map_init(&gatherer->sources, AGGREGATE_ROLES_MAX);
	while (!rc && gatherer->count < count) {
		rc = selector_of_json(json_at(selectors, gatherer->count),
				      &gatherer->selectors[gatherer->count], NULL);
		gatherer->count += !rc;
	}
	if (rc)
		gatherer_free(gatherer);
	else
		*out = gatherer;
	return rc;
}

static bool matches(const struct gatherer *gatherer, struct span labels)
{
	for (size_t i = 0; i < gatherer->count; i++)
		if (selector_match(gatherer->selectors[i], labels))
			return true;
	return false;
}

/* Whoever takes from this role, or did: that is noted anew when it does so again. */
static void tell_gatherers(struct aggregate *aggregate, const char *name, const struct span *labels,
			   aggregate_each_fn *each, void *ctx)
{
	size_t cursor = 0;
	struct span key;
	void *value;

	while (map_next(&aggregate->gatherers, &cursor, &key, &value)) {
		struct gatherer *gatherer = value;
		bool took = map_remove(&gatherer->sources, span_of(name)) != NULL;

		/* Map keys are NUL-terminated copies of names. */
		if (!span_is(key, name) && (took || (labels && matches(gatherer, *labels))))
			each(ctx, key.ptr);
	}
}

static int set_gatherer(struct aggregate *aggregate, const char *name, const struct json *selectors)
{
	struct gatherer *gatherer = NULL;
	int rc = json_count(selectors) ? gatherer_new(selectors, &gatherer) : 0;

	gatherer_free(map_remove(&aggregate->gatherers, span_of(name)));
	if (rc || !gatherer)
		return rc;
	rc = map_put(&aggregate->gatherers, span_of(name), gatherer, NULL);
	if (rc)
		gatherer_free(gatherer);
	return rc;
}

int aggregate_see(struct aggregate *aggregate, const struct object *role, const struct json *tree,
		  aggregate_each_fn *each, void *ctx)
{
	const char *name = role->key.name;
	int rc = set_gatherer(aggregate, name, json_path(tree, "aggregationRule.clusterRoleSelectors"));

	if (!rc && aggregate_gathers(aggregate, name))
		each(ctx, name);
	tell_gatherers(aggregate, name, &role->labels, each, ctx);
	return rc;
}

void aggregate_lose(struct aggregate *aggregate, const char *name, aggregate_each_fn *each, void *ctx)
{
	gatherer_free(map_remove(&aggregate->gatherers, span_of(name)));
	tell_gatherers(aggregate, name, NULL, each, ctx);
}

bool aggregate_gathers(const struct aggregate *aggregate, const char *gatherer)
{
	return map_get(&aggregate->gatherers, span_of(gatherer)) != NULL;
}

int aggregate_takes(struct aggregate *aggregate, const char *name, const struct object *role)
{
	struct gatherer *gatherer = map_get(&aggregate->gatherers, span_of(name));
	int rc;

	if (!gatherer || strcmp(role->key.name, name) == 0 || !matches(gatherer, role->labels))
		return 0;
	rc = map_put(&gatherer->sources, span_of(role->key.name), &present, NULL);
	return rc ? rc : 1;
}

/* --- the rules --- */

int gathering_init(struct gathering *gathering)
{
	gathering->rules = json_new_array();
	map_init(&gathering->seen, AGGREGATE_ROLES_MAX);
	return gathering->rules ? 0 : -ENOMEM;
}

void gathering_done(struct gathering *gathering)
{
	json_free(gathering->rules);
	map_done(&gathering->seen, NULL);
}

static int add_rule(struct gathering *gathering, const struct json *rule)
{
	struct buf text;
	int rc;

	buf_init(&text, RULE_TEXT_MAX);
	rc = json_write(rule, &text);
	if (!rc && !map_get(&gathering->seen, buf_span(&text))) {
		rc = map_put(&gathering->seen, buf_span(&text), &present, NULL);
		if (!rc)
			rc = json_append(gathering->rules, json_copy(rule));
	}
	buf_done(&text);
	return rc;
}

int gathering_add(struct gathering *gathering, const struct json *role)
{
	const struct json *rules = json_get(role, "rules");
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(rules); i++)
		rc = add_rule(gathering, json_at(rules, i));
	return rc;
}

int gathering_apply(const struct gathering *gathering, struct json *tree)
{
	const struct json *now = json_get(tree, "rules");

	if (json_equal(now, gathering->rules) || (!json_count(now) && !json_count(gathering->rules)))
		return 1;
	return json_set(tree, "rules", json_copy(gathering->rules));
}

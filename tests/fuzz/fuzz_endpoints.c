/* {"service": ..., "pods": [...], "slices": [...], "endpoints": ...} of any shape: what is planned of it, done, leaves nothing to do. */
#include "control/endpoints.h"

#include <stdio.h>

#define PODS_MAX 64u
#define SLICES_MAX 1024u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct store {
	struct json *tree;
	struct pod_view *pods[PODS_MAX];
	const struct json *slices[SLICES_MAX];
	struct json *made[SLICES_MAX]; /* of `slices`, NULL where it is the input's */
	struct json *endpoints;	       /* likewise */
	size_t pod_count, slice_count;
};

/* Every fourth is gone, the others are of two regions or none. */
static bool know_node(void *ctx, const char *name, struct endpoints_node *out)
{
	size_t len = strlen(name);

	*out = (struct endpoints_node){ len % 3 == 1   ? "east"
					: len % 3 == 2 ? "west"
						       : "",
					"", len % 4 == 0 };
	return len % 5 != 0;
}

static int plan(struct store *s, struct endpoints_plan *out)
{
	const struct endpoints_input input = { .service = json_get(s->tree, "service"),
					       .pods = (const struct pod_view *const *)s->pods,
					       .pod_count = s->pod_count,
					       .node = know_node,
					       .slices = s->slices,
					       .slice_count = s->slice_count,
					       .endpoints = s->endpoints ? s->endpoints
									 : json_get(s->tree, "endpoints") };

	return endpoints_plan(&input, out);
}

static void replace(struct store *s, size_t at, struct json *after)
{
	json_free(s->made[at]);
	s->made[at] = after;
	s->slices[at] = after;
	if (after)
		return;
	s->slice_count--;
	s->made[at] = s->made[s->slice_count];
	s->slices[at] = s->slices[s->slice_count];
	s->made[s->slice_count] = NULL;
}

static bool carry_out(struct store *s, struct endpoints_step *step)
{
	size_t at = 0;
	struct json *after = step->after;

	step->after = NULL;
	if (!strcmp(step->resource, "endpoints")) {
		json_free(s->endpoints);
		s->endpoints = after;
		return true;
	}
	while (at < s->slice_count && s->slices[at] != step->before)
		at++;
	if (step->action == ENDPOINTS_CREATE) {
		if (s->slice_count == SLICES_MAX) {
			json_free(after);
			return false;
		}
		at = s->slice_count++;
		s->made[at] = NULL;
	}
	replace(s, at, after);
	return true;
}

static void run(struct store *s)
{
	struct endpoints_plan first, second;
	bool whole = true;
	int rc = plan(s, &first);

	for (size_t i = 0; !rc && i < first.count; i++)
		whole = carry_out(s, &first.steps[i]) && whole;
	endpoints_plan_done(&first);
	if (rc || !whole)
		return;
	assert_always(plan(s, &second) == 0);
	assert_always(second.count == 0);
	endpoints_plan_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store s;
	const struct json *pods, *slices;

	s = (struct store){ .tree = NULL };
	if (json_parse(span_make(data, size), &s.tree, NULL))
		return 0;
	pods = json_get(s.tree, "pods");
	slices = json_get(s.tree, "slices");
	for (size_t i = 0; i < json_count(pods) && s.pod_count < PODS_MAX; i++)
		s.pod_count += pod_view_of(json_at(pods, i), &s.pods[s.pod_count]) == 0;
	for (size_t i = 0; i < json_count(slices) && s.slice_count < SLICES_MAX / 2; i++)
		s.slices[s.slice_count++] = json_at(slices, i);
	run(&s);
	for (size_t i = 0; i < s.slice_count; i++)
		json_free(s.made[i]);
	for (size_t i = 0; i < s.pod_count; i++)
		pod_view_free(s.pods[i]);
	json_free(s.endpoints);
	json_free(s.tree);
	return 0;
}

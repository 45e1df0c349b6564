/* {"new": ..., "old": ...}: Services of any shape through schema, defaults, what the cloud fills in, and validation. What comes out valid
 * and is written again is filled in no further. */
#include "api/kind.h"
#include "cloud-hub/services/prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_sound(const struct kind *kind, struct json *object)
{
	struct problems *problems = problems_new();
	bool sound = problems && !schema_check(kind->schema, object, false, problems, NULL) &&
		     !problems_count(problems) && !kind_default(kind, object);

	problems_free(problems);
	return sound;
}

static void write_it(const struct kind *kind, struct claims *claims, struct json *object,
		     const struct json *old)
{
	struct problems *problems = problems_new();
	struct json *again;

	assert_always(problems);
	assert_always(service_prepare(claims, "n/a", 0, object, old, problems) == 0);
	kind->validate(object, old, problems);
	if (!problems_count(problems)) {
		again = json_copy(object);
		assert_always(service_prepare(claims, "n/a", 0, again, object, problems) == 0);
		assert_always(!problems_count(problems) && json_equal(again, object));
		assert_always(claims_see(claims, "n/a", object) == 0);
		json_free(again);
	}
	problems_free(problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kind *kind = kind_of_storage("services");
	struct claims *claims = NULL;
	struct json *tree = NULL, *object, *old;

	if (json_parse(span_make(data, size), &tree, NULL))
		return 0;
	object = json_get(tree, "new");
	old = json_get(tree, "old");
	assert_always(claims_new("10.0.0.0/24", 1, &claims, NULL) == 0);
	if (is_sound(kind, object) && (!old || is_sound(kind, old)))
		write_it(kind, claims, object, old);
	claims_lose(claims, "n/a");
	claims_free(claims);
	json_free(tree);
	return 0;
}

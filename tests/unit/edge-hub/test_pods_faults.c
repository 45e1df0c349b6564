/* Every allocation of decoding a pod, running its lifecycle and writing its status fails once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "edge-hub/pods/env.h"
#include "edge-hub/pods/lifecycle.h"
#include "tests/tools/failmalloc.h"

static const char body[] =
	"{\"metadata\":{\"namespace\":\"n\",\"name\":\"w\",\"uid\":\"u\",\"labels\":{\"a\":\"b\"}},\"spec\":{"
	"\"volumes\":[{\"name\":\"v\","
	"\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"c\"}}]}}],\"containers\":[{\"name\":\"a\","
	"\"image\":\"i\","
	"\"env\":[{\"name\":\"A\",\"value\":\"$(B)\"},{\"name\":\"C\",\"valueFrom\":{\"fieldRef\":{"
	"\"fieldPath\":\"metadata.labels\"}}}],"
	"\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/"
	"v\"}],\"readinessProbe\":{\"httpGet\":{\"port\":80}}}]},"
	"\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":1}]}}";

static int no_object(void *ctx, const char *resource, const char *name, const struct object **out)
{
	return -ENOENT;
}

static int environment(const struct lifecycle *lc)
{
	const struct pod_world world = { .spec = lifecycle_spec(lc),
					 .node_name = "n",
					 .host_ip = "",
					 .pod_ips = "",
					 .lookup = no_object };
	struct env_list env;
	struct err err = { 0 };
	int rc = env_resolve(&world, lifecycle_spec(lc)->containers, &env, &err);

	if (!rc)
		env_done(&env);
	return rc == -EINVAL ? -ENOMEM : rc; /* a value that could not be made */
}

static int run(struct lifecycle *lc)
{
	const struct sandbox_info sandbox = { .id = "s", .ips = "10.0.0.1", .ready = true, .created_ms = 1 };
	const struct run_info exited = { .id = "c",
					 .sandbox_id = "s",
					 .container = "a",
					 .state = RUN_EXITED,
					 .exit_code = 1,
					 .reason = "Error",
					 .message = "m",
					 .image = "i",
					 .image_ref = "r" };
	const struct observation seen = {
		.asked_ms = 2, .sandboxes = &sandbox, .sandbox_count = 1, .runs = &exited, .run_count = 1
	};
	struct moment at = { .mono_ms = 3, .wall_ms = 1700000000000 };
	int rc = lifecycle_observe(lc, &seen, at);
	struct action action;
	struct buf status;

	for (int i = 0; !rc && i < 20 && lifecycle_next(lc, at, &action); i++) {
		const struct outcome done = {
			.kind = action.kind, .slot = action.slot, .id = "new", .run = action.run
		};

		lifecycle_done(lc, &done, at);
		at.mono_ms++;
	}
	lifecycle_fence(lc, true, at);
	for (int i = 0; !rc && i < 20 && lifecycle_next(lc, at, &action); i++) {
		const struct outcome done = { .kind = action.kind, .slot = action.slot, .run = action.run };

		lifecycle_done(lc, &done, at);
		at.mono_ms++;
	}
	if (!rc)
		rc = environment(lc);
	buf_init(&status, 1 << 16);
	if (!rc)
		rc = lifecycle_status(lc, "", at, &status);
	buf_done(&status);
	return rc;
}

static int whole(void *ctx)
{
	const struct lifecycle_sink sink = { 0 };
	struct pod_spec *spec = NULL;
	struct lifecycle *lc;
	int rc = spec_decode(span_of(body), &spec, NULL);

	if (!rc)
		rc = lifecycle_new(spec, &sink, (struct moment){ .mono_ms = 1, .wall_ms = 1 }, &lc);
	if (rc)
		return rc;
	rc = run(lc);
	lifecycle_free(lc);
	return rc;
}

static void a_pod_survives_every_failed_allocation(void **state)
{
	assert_true(failmalloc_walk(whole, NULL) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_pod_survives_every_failed_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

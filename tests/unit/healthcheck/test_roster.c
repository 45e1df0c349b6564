/* A region's roster as the cloud says it: members found by name and id, settings with defaults, bad ones refused with a reason. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "healthcheck/roster.h"

static int parse(const char *json, struct roster **out, struct err *err)
{
	*out = NULL;
	return roster_parse(span_of(json), "edge-1", out, err);
}

static void members_settings_and_keys_are_read(void **state)
{
	struct roster *roster;
	const struct roster_member *m;

	(void)state;
	assert_int_equal(parse("{\"metadata\":{\"name\":\"east\"},\"spec\":{\"probeInterval\":\"2s\","
			       "\"probeTimeout\":\"300ms\","
			       "\"indirectProbes\":1},\"status\":{\"roster\":{\"version\":7,\"members\":["
			       "{\"name\":\"edge-1\",\"addresses\":[\"10.0.0.1:51005\",\"[fd00::1]:51005\"],"
			       "\"identity\":\"AAEC\","
			       "\"start\":4,\"since\":6},"
			       "{\"name\":\"edge-2\",\"maintenance\":true}],"
			       "\"keys\":[{\"generation\":2,\"sealed\":{\"edge-2\":\"AA\"}},"
			       "{\"generation\":3,\"sealed\":{\"edge-1\":\"AQID\",\"edge-2\":\"AA\"}}]}}}",
			       &roster, NULL),
			 0);
	assert_string_equal(roster->region, "east");
	assert_int_equal(roster->version, 7);
	assert_int_equal(roster->settings.probe_interval_ms, 2000);
	assert_int_equal(roster->settings.probe_timeout_ms, 300);
	assert_int_equal(roster->settings.indirect_probes, 1);
	assert_int_equal(roster->settings.fence_ms, health_settings_default.fence_ms);
	assert_int_equal(roster->count, 2);
	m = roster_find(roster, "edge-1");
	assert_non_null(m);
	assert_ptr_equal(roster_find_id(roster, m->id), m);
	assert_int_equal(m->address_count, 2);
	assert_string_equal(m->addresses[1], "[fd00::1]:51005");
	assert_int_equal(m->identity_len, 3);
	assert_int_equal(m->start, 4);
	assert_int_equal(m->since, 6);
	assert_true(roster_find(roster, "edge-2")->in_maintenance);
	assert_null(roster_find(roster, "edge-3"));
	assert_int_equal(roster->key_count, 1); /* of generation 2 there is none for this node */
	assert_int_equal(roster->keys[0].generation, 3);
	assert_memory_equal(roster->keys[0].sealed.ptr, "\1\2\3", 3);
	roster_free(roster);
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *json, *says;
	} bad[] = {
		{ "{}", "no name" },
		{ "{\"metadata\":{\"name\":\"east\"},\"spec\":{\"probeInterval\":\"1ms\"}}",
		  "spec.probeInterval" },
		{ "{\"metadata\":{\"name\":\"east\"},\"spec\":{\"indirectProbes\":-1}}",
		  "spec.indirectProbes" },
		{ "{\"metadata\":{\"name\":\"east\"},\"spec\":{\"probeTimeout\":\"2s\"}}",
		  "spec.probeTimeout" },
		{ "{\"metadata\":{\"name\":\"east\"},\"status\":{\"roster\":{\"members\":[{}]}}}",
		  "without a name" },
		{ "{\"metadata\":{\"name\":\"east\"},\"status\":{\"roster\":{\"members\":[{\"name\":\"a\","
		  "\"addresses\":"
		  "[\"host:1\"]}]}}}",
		  "IP:PORT" },
		{ "{\"metadata\":{\"name\":\"east\"},\"status\":{\"roster\":{\"members\":[{\"name\":\"a\"},{"
		  "\"name\":"
		  "\"a\"}]}}}",
		  "told apart" },
		{ "{\"metadata\":{\"name\":\"east\"},\"status\":{\"roster\":{\"members\":[{\"name\":\"a\","
		  "\"identity\":"
		  "\"!\"}]}}}",
		  "identity" },
		{ "{\"metadata\":{\"name\":\"east\"},\"status\":{\"roster\":{\"keys\":[{\"generation\":0,"
		  "\"sealed\":"
		  "{\"edge-1\":\"AA\"}}]}}}",
		  "keys" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct roster *roster;
		struct err err = { 0 };

		assert_int_equal(parse(bad[i].json, &roster, &err), -EINVAL);
		assert_null(roster);
		if (!strstr(err_text(&err), bad[i].says))
			fail_msg("\"%s\" does not say \"%s\"", err_text(&err), bad[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_settings_and_keys_are_read),
		cmocka_unit_test(what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

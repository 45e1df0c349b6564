#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/object_json.h"
#include "api/write.h"
#include "auth/enrol.h"
#include "base/clock.h"
#include "base/text.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/regions/verdict_view.h"
#include "tests/tools/tempdir.h"

#define NODES 4
#define TURN_MS 10u
#define TURNS_MAX 1000u

struct fixture {
	char dir[64];
	struct loop *loop;
	struct timer *turn;
	struct cache *cache;
	struct api *api;
	struct gateway *gateway;
	struct regions *regions;
	struct verdict_view *view;
	struct audit *audit;
	struct x509_key *identity[NODES];
	size_t told[NODES];
};

static const char *const names[NODES] = { "n0", "n1", "n2", "n3" };

static uint64_t mono(void *ctx)
{
	return loop_now_ms(((struct fixture *)ctx)->loop);
}

static int64_t wall(void *ctx)
{
	return clock_wall_ms();
}

static void on_turn(void *ctx)
{
	struct fixture *f = ctx;

	cache_dispatch(f->cache, clock_wall_ms());
	loop_stop(f->loop);
}

static void turn(struct fixture *f)
{
	timer_start(f->turn, TURN_MS);
	assert_int_equal(loop_run(f->loop), 0);
}

static void on_changed(void *ctx, const char *node)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < NODES; i++)
		f->told[i] += strcmp(names[i], node) == 0;
}

static void no_link(void *ctx, const char *node, bool up)
{
}

static void open_audit(struct fixture *f)
{
	char path[96];
	const struct audit_options options = {
		.level = AUDIT_WRITES,
		.file = { .path = path, .size_bytes = 1 << 20, .files = 1 },
		.mono_ms = mono,
		.wall_ms = wall,
		.clock_ctx = f,
	};

	(void)snprintf(path, sizeof(path), "%s/audit.log", f->dir);
	assert_int_equal(audit_new(&options, &f->audit, NULL), 0);
}

static void start(struct fixture *f)
{
	struct regions_options options = { .loop = f->loop,
					   .api = f->api,
					   .gateway = f->gateway,
					   .audit = f->audit,
					   .changed = on_changed,
					   .ctx = f };

	assert_int_equal(regions_new(&options, &f->regions, NULL), 0);
	assert_int_equal(verdict_view_new(f->loop, f->api, f->regions, &f->view), 0);
}

static void enrol(struct fixture *f, size_t i, bool is_revoked)
{
	struct enrolment record = { .revoked = is_revoked };
	char mark[64];
	struct cache_op op = { .type = CACHE_MARK, .mark = mark };
	struct buf text, spki;

	(void)snprintf(record.node_name, sizeof(record.node_name), "%s", names[i]);
	(void)snprintf(mark, sizeof(mark), ENROL_MARK_PREFIX "%s", names[i]);
	buf_init(&text, 8192);
	buf_init(&spki, 256);
	assert_int_equal(x509_key_spki(f->identity[i], &spki), 0);
	memcpy(record.identity, spki.data, spki.len);
	record.identity_len = spki.len;
	assert_int_equal(enrolment_write(&record, &text), 0);
	op.value = buf_span(&text);
	assert_int_equal(cache_submit(f->cache, &op, 1, NULL, NULL), 0);
	cache_dispatch(f->cache, clock_wall_ms());
	buf_done(&text);
	buf_done(&spki);
}

static void done(void *ctx, const struct api_written *written)
{
	assert_int_equal(written->code, 0);
}

static void make_node(struct fixture *f, size_t i, const char *region)
{
	char text[512];
	struct json *tree = NULL;

	(void)snprintf(
		text, sizeof(text),
		"{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\",\"labels\":{\"%s\":"
		"\"%s\"}},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.0.0.%zu\"},"
		"{\"type\":\"InternalIP\",\"address\":\"fd00::%zu\"}]}}",
		names[i], GRAPH_REGION_LABEL, region, i + 1, i + 1);
	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	assert_int_equal(api_create(f->api, tree, NULL, NULL, done, NULL), 0);
	cache_dispatch(f->cache, clock_wall_ms());
}

static struct roster *roster_of(struct fixture *f, const char *region)
{
	const struct key key = { GRAPH_REGIONS, "", region };
	struct object *object = NULL;
	struct roster *roster = NULL;

	if (cache_get(f->cache, &key, &object))
		return NULL;
	assert_int_equal(roster_parse(object->body, "n0", &roster, NULL), 0);
	object_unref(object);
	return roster;
}

static void wait_for_members(struct fixture *f, const char *region, size_t count)
{
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		struct roster *roster = roster_of(f, region);
		bool is_there = roster ? roster->count == count && roster->version : !count;

		roster_free(roster);
		if (is_there) {
			turn(f); /* and it is seen */
			return;
		}
		turn(f);
	}
	fail_msg("the region %s never had %zu members", region, count);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[96];
	struct cache_options cache = { .path = path, .inline_commits = true };
	struct api_options api = { .mono_ms = mono, .wall_ms = wall, .clock_ctx = f };
	struct gateway_options gateway = { .on_link = no_link };

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/holdfast-regions-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", f->dir);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(timer_new(f->loop, on_turn, f, &f->turn), 0);
	assert_int_equal(cache_open(&cache, &f->cache, NULL), 0);
	api.cache = gateway.cache = f->cache;
	gateway.loop = f->loop;
	assert_int_equal(api_new(&api, &f->api), 0);
	assert_int_equal(gateway_new(&gateway, &f->gateway, NULL), 0);
	for (size_t i = 0; i < NODES; i++)
		assert_int_equal(x509_key_new(&f->identity[i]), 0);
	open_audit(f);
	start(f);
	for (size_t i = 0; i < NODES; i++) {
		enrol(f, i, false);
		make_node(f, i, "north");
	}
	wait_for_members(f, "north", NODES);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	regions_stop(f->regions);
	timer_close(f->turn);
	gateway_free(f->gateway);
	cache_close(f->cache);
	verdict_view_free(f->view);
	regions_free(f->regions);
	api_free(f->api);
	audit_free(f->audit);
	loop_free(f->loop);
	for (size_t i = 0; i < NODES; i++)
		x509_key_free(f->identity[i]);
	assert_int_equal(tempdir_remove(f->dir), 0);
	free(f);
	return 0;
}

/* --- what members say --- */

struct saying {
	size_t voter, subject, signer;
	enum verdict_word word;
	const char *region; /* signed for */
	uint64_t sequence, subject_start;
	uint32_t roster_version; /* 0: newer than any */
};

static void bring(struct fixture *f, size_t carrier, const char *region, const struct saying *s)
{
	struct verdict verdict = { .word = s->word,
				   .roster_version = s->roster_version ? s->roster_version : 1u << 16,
				   .voter_start = 1,
				   .sequence = s->sequence ? s->sequence : 1,
				   .subject_start = s->subject_start,
				   .silent_ms = 9000 };
	struct buf text, signature, bytes;
	struct span one;

	buf_init(&text, 512);
	buf_init(&signature, 128);
	buf_init(&bytes, VERDICT_BYTES_MAX);
	roster_id(names[s->voter], verdict.voter);
	roster_id(names[s->subject], verdict.subject);
	assert_int_equal(verdict_signed_bytes(s->region ? s->region : "north", &verdict, &text), 0);
	assert_int_equal(x509_sign(f->identity[s->signer], buf_span(&text), &signature), 0);
	memcpy(verdict.signature, signature.data, signature.len);
	verdict.signature_len = signature.len;
	assert_int_equal(verdict_write(&verdict, &bytes), 0);
	one = buf_span(&bytes);
	regions_verdicts(f->regions, names[carrier], region, &one, 1);
	buf_done(&text);
	buf_done(&signature);
	buf_done(&bytes);
}

static void say(struct fixture *f, size_t voter, size_t subject, enum verdict_word word)
{
	struct saying s = { .voter = voter, .subject = subject, .signer = voter, .word = word };

	bring(f, voter, "north", &s);
}

static struct runner_neighbours said_of(struct fixture *f, size_t node)
{
	struct runner_neighbours out;

	regions_neighbours(f->regions, names[node], loop_now_ms(f->loop), &out);
	return out;
}

static const char *text_of(struct fixture *f, size_t node)
{
	static char text[RUNNER_SAID_SIZE];

	regions_said(f->regions, names[node], loop_now_ms(f->loop), text);
	return text;
}

/* --- who is judged at all --- */

static void make_namespace(struct fixture *f)
{
	struct json *tree = NULL;

	assert_int_equal(
		json_parse(SPAN("{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":"
				"\"kube-system\"}}"),
			   &tree, NULL),
		0);
	assert_int_equal(api_create(f->api, tree, NULL, NULL, done, NULL), 0);
	cache_dispatch(f->cache, clock_wall_ms());
}

static void set_config(struct fixture *f, const char *data)
{
	const struct key key = { "configmaps", "kube-system", "edge-health-config" };
	const struct api_delete_options at_once = { .grace_s = 0 };
	struct object *object = NULL;
	struct json *tree = NULL;
	char text[512];

	if (cache_get(f->cache, &key, &object) == 0) {
		object_unref(object);
		assert_int_equal(api_delete(f->api, &key, &at_once, NULL, NULL, done, NULL), 0);
		cache_dispatch(f->cache, clock_wall_ms());
	}
	if (!data)
		return;
	(void)snprintf(
		text, sizeof(text),
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"edge-health-"
		"config\",\"namespace\":\"kube-system\",\"labels\":{\"name\":\"edge-health\"}},\"data\":%s}",
		data);
	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	assert_int_equal(api_create(f->api, tree, NULL, NULL, done, NULL), 0);
	cache_dispatch(f->cache, clock_wall_ms());
}

static void units_that_are_not_listed_are_not_judged(void **state)
{
	struct fixture *f = *state;
	size_t told;

	make_namespace(f);
	for (size_t voter = 1; voter < NODES; voter++)
		say(f, voter, 0, VERDICT_DEAD);
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
	told = f->told[0];
	set_config(f, "{\"check-units\":\"south\"}");
	assert_true(f->told[0] > told);
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
	assert_false(said_of(f, 0).policy.evict_dark);
	assert_string_equal(text_of(f, 0),
			    "edge-health-config does not list its unit: what neighbours say does not count.");
	told = f->told[0];
	set_config(f, "{\"check-units\":\"south,north\"}"); /* deleted and made anew */
	assert_true(f->told[0] > told);
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
	set_config(f, "{\"check-units\":\"south\"}");
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
	set_config(
		f,
		"{\"unit-internal-check\":\"false\",\"check-units\":\"south\"}"); /* not honoured, all are judged */
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
	set_config(f, NULL);
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
}

static int replace_units(void *ctx, struct json *object, const struct object *stored)
{
	return json_set_str(json_ensure(object, "data"), "check-units", ctx);
}

struct found {
	const char *reason;
	size_t count;
};

static int count_event(void *ctx, struct object *object)
{
	struct found *found = ctx;
	struct json *tree = NULL;

	assert_int_equal(object_to_json(object, &tree), 0);
	found->count += strcmp(json_path_str(tree, "reason", ""), found->reason) == 0 &&
			strcmp(json_path_str(tree, "involvedObject.name", ""), "edge-health-config") == 0 &&
			strcmp(json_path_str(tree, "involvedObject.namespace", ""), "kube-system") == 0;
	json_free(tree);
	return 0;
}

static size_t events_of(struct fixture *f, const char *reason)
{
	struct cache_list list = { .resource = "events" };
	struct found found = { reason, 0 };

	turn(f);
	assert_int_equal(cache_list(f->cache, &list, count_event, &found, NULL), 0);
	return found.count;
}

static void a_config_that_is_not_understood_is_announced_and_changes_nothing(void **state)
{
	const struct key key = { "configmaps", "kube-system", "edge-health-config" };
	struct fixture *f = *state;

	make_namespace(f);
	for (size_t voter = 1; voter < NODES; voter++)
		say(f, voter, 0, VERDICT_DEAD);
	set_config(f, "{\"check-units\":\"south\"}");
	assert_int_equal(events_of(f, "NotUnderstood"), 0);
	assert_int_equal(api_mutate(f->api, &key, API_PART_OBJECT, replace_units, NULL, NULL, done,
				    (void *)(uintptr_t) "north;south"),
			 0);
	cache_dispatch(f->cache, clock_wall_ms());
	assert_int_equal(events_of(f, "NotUnderstood"), 1);
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
	assert_int_equal(api_mutate(f->api, &key, API_PART_OBJECT, replace_units, NULL, NULL, done,
				    (void *)(uintptr_t) "north"),
			 0);
	cache_dispatch(f->cache, clock_wall_ms());
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
	set_config(f, "{\"unit-internal-check\":\"false\"}");
	assert_int_equal(events_of(f, "NotHonoured"), 1);
}

struct asked_figures {
	const char *region;
	struct regions_figures found;
};

static void keep_figures(void *ctx, const char *region, const struct regions_figures *figures)
{
	struct asked_figures *asked = ctx;

	if (strcmp(region, asked->region) == 0)
		asked->found = *figures;
}

static struct regions_figures figures_of(struct fixture *f, const char *region)
{
	struct asked_figures asked = { .region = region };

	regions_each_figures(f->regions, NULL, keep_figures, &asked);
	return asked.found;
}

static void who_says_what_can_be_read(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(text_of(f, 0), "None of 3 neighbours says anything.");
	say(f, 1, 0, VERDICT_DEAD);
	say(f, 2, 0, VERDICT_ALIVE);
	assert_string_equal(text_of(f, 0),
			    "dead: n1 (saw it 9 s before); agent-down: none; alive: n2 (saw it 9 s "
			    "before); 2 of 3 neighbours heard.");
	say(f, 3, 0, VERDICT_DEAD);
	assert_string_equal(text_of(f, 0),
			    "dead: n1 (saw it 9 s before), n3 (saw it 9 s before); agent-down: none; "
			    "alive: n2 (saw it 9 s before); 3 of 3 neighbours heard.");
	assert_string_equal(text_of(f, 1), "None of 3 neighbours says anything.");
}

/* The verdicts of the last line of the audit log, once all is written; the audit is closed. */
static size_t recorded(struct fixture *f, const char *reason_part, struct verdict out[REGIONS_RECORDED])
{
	char path[96], text[16384];
	struct json *tree = NULL;
	struct span rest, one;
	size_t count = 0, len;
	FILE *file;

	audit_free(f->audit);
	f->audit = NULL;
	(void)snprintf(path, sizeof(path), "%s/audit.log", f->dir);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(json_parse(span_make(text, len - 1), &tree, NULL), 0);
	assert_string_equal(json_path_str(tree, "verb", ""), "judge");
	assert_string_equal(json_path_str(tree, "objectRef.name", ""), "n0");
	rest = json_span(json_get(json_get(tree, "annotations"), "holdfast.io/reason"));
	assert_non_null(memmem(rest.ptr, rest.len, reason_part, strlen(reason_part)));
	rest = json_span(json_get(json_get(tree, "annotations"), "holdfast.io/evidence"));
	while (rest.len) {
		struct buf bytes;

		(void)span_cut(rest, ',', &one, &rest);
		buf_init(&bytes, VERDICT_BYTES_MAX);
		assert_int_equal(text_unbase64(&bytes, one), 0);
		assert_int_equal(verdict_parse(buf_span(&bytes), &out[count++]), 0);
		buf_done(&bytes);
	}
	json_free(tree);
	return count;
}

static void what_a_judgement_rests_on_is_kept_with_its_signatures(void **state)
{
	struct fixture *f = *state;
	struct verdict verdicts[REGIONS_RECORDED];
	uint8_t signer[X509_SHA256_SIZE], id[ROSTER_ID_SIZE];
	struct buf text, spki;

	say(f, 1, 0, VERDICT_ALIVE);
	say(f, 2, 0, VERDICT_DEAD);
	say(f, 3, 0, VERDICT_DEAD);
	regions_record(f->regions, "n0", NODELIFE_UNDECIDED, NODELIFE_DEAD, loop_now_ms(f->loop));
	assert_int_equal(recorded(f, "region north: dead, was undecided. dead: n2", verdicts), 3);
	roster_id("n2", id);
	assert_memory_equal(verdicts[0].voter, id, ROSTER_ID_SIZE);
	assert_int_equal(verdicts[2].word, VERDICT_ALIVE); /* what agrees comes first */
	buf_init(&text, 512);
	buf_init(&spki, 256);
	assert_int_equal(verdict_signed_bytes("north", &verdicts[0], &text), 0);
	assert_int_equal(x509_key_spki(f->identity[2], &spki), 0);
	assert_int_equal(x509_check_signature(buf_span(&spki), buf_span(&text),
					      span_make(verdicts[0].signature, verdicts[0].signature_len),
					      signer),
			 0);
	buf_done(&text);
	buf_done(&spki);
}

static void figures_are_kept_for_each_region(void **state)
{
	struct fixture *f = *state;
	struct regions_figures north;

	regions_link(f->regions, names[1], true);
	say(f, 1, 0, VERDICT_DEAD);
	say(f, 2, 0, VERDICT_DEAD);
	assert_int_equal(regions_rotate(f->regions, "north"), 0);
	for (unsigned i = 0; i < TURNS_MAX && !figures_of(f, "north").rotations; i++)
		turn(f);
	north = figures_of(f, "north");
	assert_int_equal(north.regions, 1);
	assert_int_equal(north.members, NODES);
	assert_int_equal(north.connected, 1);
	assert_int_equal(north.said[ELECTORATE_DEAD], 1);
	assert_int_equal(north.said[ELECTORATE_SILENT], NODES - 2);
	assert_int_equal(north.taken, 2);
	assert_int_equal(north.rotations, 1);
	assert_int_equal(figures_of(f, "*").members, 0);
}

static void a_region_of_registered_nodes_has_a_roster_and_keys(void **state)
{
	struct fixture *f = *state;
	struct roster *roster = roster_of(f, "north");

	assert_int_equal(roster->count, NODES);
	assert_int_equal(roster->key_count, 1);
	assert_string_equal(roster_find(roster, "n1")->addresses[0], "10.0.0.2:51005");
	assert_string_equal(roster_find(roster, "n1")->addresses[1], "[fd00::2]:51005");
	assert_true(roster_find(roster, "n1")->identity_len > 0);
	roster_free(roster);
}

static void a_majority_of_signed_words_decides(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
	assert_int_equal(said_of(f, 0).electors, 3);
	say(f, 1, 0, VERDICT_DEAD);
	assert_int_equal(said_of(f, 0).word, NODELIFE_UNDECIDED);
	assert_true(said_of(f, 0).only_dead);
	say(f, 2, 0, VERDICT_DEAD);
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
	assert_true(f->told[0] >= 2);
	assert_true(said_of(f, 0).until_ms > loop_now_ms(f->loop));
	assert_int_equal(said_of(f, 1).word, NODELIFE_SILENT);
	/* It is back: what was said of its silence is void. */
	regions_link(f->regions, names[0], true);
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
}

static void words_through_another_members_tunnel_count(void **state)
{
	struct fixture *f = *state;
	struct saying carried = { .voter = 1, .subject = 0, .signer = 1, .word = VERDICT_DEAD };

	bring(f, 3, "north", &carried);
	carried.voter = carried.signer = 2;
	bring(f, 3, "north", &carried);
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
}

static void what_is_forged_counts_for_nothing(void **state)
{
	static const struct saying bad[] = {
		{ .voter = 1, .subject = 0, .signer = 3, .word = VERDICT_DEAD }, /* another's key */
		{ .voter = 1, .subject = 0, .signer = 1, .word = VERDICT_DEAD, .region = "south" },
		{ .voter = 0, .subject = 0, .signer = 0, .word = VERDICT_DEAD }, /* about itself */
	};
	struct fixture *f = *state;
	const struct span nonsense[] = { SPAN(""), SPAN("dead"),
					 SPAN("0123456789012345678901234567890123456789"
					      "01234567890123456789012345678901234567890123456789") };
	struct regions_figures stats;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bring(f, 3, "north", &bad[i]);
	regions_verdicts(f->regions, names[3], "north", nonsense, 3);
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
	stats = figures_of(f, "north");
	assert_int_equal(stats.taken, 0);
	assert_int_equal(stats.forged, 2);
	assert_true(stats.refused >= 3);
}

static void nobody_speaks_for_another_region(void **state)
{
	struct fixture *f = *state;
	const struct key key = { "nodes", "", "n3" };
	struct saying fair = { .voter = 1, .subject = 0, .signer = 1, .word = VERDICT_DEAD };

	assert_int_equal(api_delete(f->api, &key, NULL, NULL, NULL, done, NULL), 0);
	cache_dispatch(f->cache, clock_wall_ms());
	make_node(f, 3, "south");
	wait_for_members(f, "north", 3);
	wait_for_members(f, "south", 1);
	bring(f, 3, "north", &fair);
	bring(f, 3, "south", &fair);
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
	bring(f, 2, "north", &fair);
	assert_int_equal(said_of(f, 0).word, NODELIFE_UNDECIDED);
}

static void what_is_said_of_an_earlier_start_is_history(void **state)
{
	struct fixture *f = *state;
	struct saying s = { .voter = 1, .subject = 0, .signer = 1, .word = VERDICT_DEAD, .subject_start = 4 };

	regions_started(f->regions, names[0], 5);
	bring(f, 1, "north", &s);
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
	s.subject_start = 5;
	bring(f, 1, "north", &s);
	assert_int_equal(said_of(f, 0).word, NODELIFE_UNDECIDED);
}

static void the_revoked_has_no_vote_and_no_key(void **state)
{
	struct fixture *f = *state;
	struct roster *roster;

	enrol(f, 3, true);
	regions_recheck(f->regions);
	wait_for_members(f, "north", 3);
	roster = roster_of(f, "north");
	assert_null(roster_find(roster, "n3"));
	assert_int_equal(roster->keys[roster->key_count - 1].generation, 2);
	roster_free(roster);
	say(f, 3, 0, VERDICT_DEAD);
	assert_int_equal(said_of(f, 0).word, NODELIFE_SILENT);
}

static size_t count_verdicts(struct fixture *f)
{
	return (size_t)figures_of(f, "north").taken;
}

static int see_verdict(void *ctx, const struct regions_verdict *v)
{
	size_t *count = ctx;

	assert_string_equal(v->region, "north");
	assert_string_equal(v->subject->name, "n0");
	++*count;
	return 0;
}

static void verdicts_can_be_listed(void **state)
{
	struct fixture *f = *state;
	size_t count = 0;

	say(f, 1, 0, VERDICT_DEAD);
	say(f, 2, 0, VERDICT_ALIVE);
	assert_int_equal(count_verdicts(f), 2);
	assert_int_equal(regions_each_verdict(f->regions, NULL, see_verdict, &count), 0);
	assert_int_equal(count, 2);
}

static void a_restart_writes_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t revision = cache_revision(f->cache);

	regions_stop(f->regions);
	verdict_view_free(f->view);
	regions_free(f->regions);
	start(f);
	for (unsigned i = 0; i < 60; i++)
		turn(f); /* past the time after which what is due would be written */
	assert_int_equal(cache_revision(f->cache), revision);
}

static void restart(struct fixture *f)
{
	regions_stop(f->regions);
	verdict_view_free(f->view);
	regions_free(f->regions);
	start(f);
}

static uint64_t roster_version(struct fixture *f)
{
	struct roster *roster = roster_of(f, "north");
	uint64_t version = roster->version;

	roster_free(roster);
	return version;
}

static int move(void *ctx, struct json *tree, const struct object *stored)
{
	return json_set_str(json_ensure(json_ensure(tree, "metadata"), "labels"), GRAPH_REGION_LABEL, ctx);
}

static void move_all(struct fixture *f, char *region)
{
	for (size_t i = 0; i < NODES; i++) {
		const struct key key = { "nodes", "", names[i] };

		assert_int_equal(api_mutate(f->api, &key, API_PART_ALL, move, NULL, NULL, done, region), 0);
		cache_dispatch(f->cache, clock_wall_ms());
	}
	wait_for_members(f, region, NODES);
}

/* A node that was left with a roster of before must not take those of now for older ones. */
static void a_region_that_is_made_anew_goes_on_counting_its_rosters(void **state)
{
	struct fixture *f = *state;
	uint64_t before = roster_version(f);

	move_all(f, "south");
	wait_for_members(f, "north", 0);
	restart(f);
	move_all(f, "north");
	assert_true(roster_version(f) > before);
}

static unsigned fence_kept(struct fixture *f, size_t node)
{
	struct enrolment known;

	assert_int_equal(gateway_enrolment(f->gateway, names[node], &known), 0);
	return known.fence_ms;
}

static int set_fence(void *ctx, struct json *tree, const struct object *stored)
{
	return json_set_str(json_ensure(tree, "spec"), "fenceAfter", ctx);
}

static void wish_fence(struct fixture *f, char *after)
{
	const struct key key = { GRAPH_REGIONS, "", "north" };

	assert_int_equal(api_mutate(f->api, &key, API_PART_ALL, set_fence, NULL, NULL, done, after), 0);
	turn(f);
	turn(f);
}

static void the_longest_fence_a_node_may_go_by_is_kept(void **state)
{
	struct fixture *f = *state;
	uint64_t revision;

	assert_int_equal(fence_kept(f, 0), 0); /* it never told one */
	wish_fence(f, "90s");
	assert_int_equal(fence_kept(f, 0), 0);
	regions_fence(f->regions, "n0", 60000, true);
	assert_int_equal(fence_kept(f, 0), 90000); /* which it is about to get */
	regions_link(f->regions, "n0", true);
	regions_fence(f->regions, "n0", 90000, false);
	regions_link(f->regions, "n0", false);
	wish_fence(f, "5m");
	wish_fence(f, "30s"); /* one of these it may have seen before it went */
	assert_int_equal(fence_kept(f, 0), 300000);
	restart(f);
	turn(f);
	assert_int_equal(fence_kept(f, 0), 300000);
	revision = cache_revision(f->cache);
	regions_fence(f->regions, "n0", 60000, true);
	turn(f);
	assert_int_equal(fence_kept(f, 0), 60000);
	regions_fence(f->regions, "n0", 60000, true); /* costs nothing when it says the same again */
	assert_int_equal(cache_revision(f->cache), revision);
	regions_fence(f->regions, "n0", 0, true); /* a release that does not fence itself */
	assert_int_equal(fence_kept(f, 0), 0);
}

static void say_dead(struct fixture *f, uint64_t sequence, uint64_t roster_version)
{
	for (size_t i = 1; i < NODES; i++) {
		struct saying s = { .voter = i,
				    .subject = 0,
				    .signer = i,
				    .word = VERDICT_DEAD,
				    .sequence = sequence,
				    .roster_version = (uint32_t)roster_version };

		bring(f, i, "north", &s);
	}
}

static void all_have_seen_the_roster(struct fixture *f)
{
	char text[96];
	struct cache_op op = { .type = CACHE_MARK, .mark = "health/rosters/north" };

	(void)snprintf(text, sizeof(text), "{\"base\":%llu,\"torn\":false,\"changes\":[]}",
		       (unsigned long long)roster_version(f));
	op.value = span_of(text);
	assert_int_equal(cache_submit(f->cache, &op, 1, NULL, NULL), 0);
	cache_dispatch(f->cache, clock_wall_ms());
}

static void of_a_node_that_never_had_the_roster_no_proof_is_told(void **state)
{
	struct fixture *f = *state;

	say_dead(f, 1, roster_version(f) + 1);
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
	assert_true(said_of(f, 0).proof_ms == FREEING_UNKNOWN);
	restart(f); /* nor after a restart: who had it was never heard */
	say_dead(f, 1, roster_version(f) + 1);
	assert_true(said_of(f, 0).proof_ms == FREEING_UNKNOWN);
}

static void words_by_a_roster_that_the_node_cannot_have_are_asked_for(void **state)
{
	struct fixture *f = *state;
	uint64_t before = roster_version(f), proof;
	struct roster *roster;

	all_have_seen_the_roster(f);
	restart(f);
	say_dead(f, 1, before);
	assert_int_equal(said_of(f, 0).word, NODELIFE_DEAD);
	assert_true(said_of(f, 0).proof_ms == FREEING_UNKNOWN);
	regions_exclusive(f->regions, "n0");
	for (unsigned i = 0; i < TURNS_MAX && roster_version(f) == before; i++)
		turn(f);
	turn(f);
	roster = roster_of(f, "north");
	assert_true(roster->version > before);
	assert_true(roster_find(roster, "n0")->since == roster->version);
	assert_true(roster_find(roster, "n1")->since < roster->version);
	say_dead(f, 2, roster->version);
	proof = said_of(f, 0).proof_ms;
	assert_true(proof + 8000 < loop_now_ms(f->loop) && proof + 9100 > loop_now_ms(f->loop));
	regions_exclusive(f->regions, "n0"); /* once is enough */
	for (unsigned i = 0; i < 30; i++)
		turn(f);
	assert_int_equal(roster_version(f), roster->version);
	regions_link(f->regions, "n0", true);
	assert_true(said_of(f, 0).proof_ms == FREEING_UNKNOWN);
	regions_link(f->regions, "n0", false); /* it may have that one now */
	say_dead(f, 3, roster->version);
	assert_true(said_of(f, 0).proof_ms == FREEING_UNKNOWN);
	roster_free(roster);
}

static void keys_are_changed_at_the_operators_word(void **state)
{
	struct fixture *f = *state;
	uint32_t generation = 0;

	assert_int_equal(regions_rotate(f->regions, "nowhere"), -ENOENT);
	assert_int_equal(regions_rotate(f->regions, "north"), 0);
	for (unsigned i = 0; i < TURNS_MAX && generation != 2; i++) {
		struct roster *roster = roster_of(f, "north");

		generation = roster->keys[roster->key_count - 1].generation;
		roster_free(roster);
		turn(f);
	}
	assert_int_equal(generation, 2);
}

int main(void)
{
#define WITH_FIXTURE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(a_region_of_registered_nodes_has_a_roster_and_keys),
		WITH_FIXTURE(a_majority_of_signed_words_decides),
		WITH_FIXTURE(words_through_another_members_tunnel_count),
		WITH_FIXTURE(what_is_forged_counts_for_nothing),
		WITH_FIXTURE(nobody_speaks_for_another_region),
		WITH_FIXTURE(what_is_said_of_an_earlier_start_is_history),
		WITH_FIXTURE(the_revoked_has_no_vote_and_no_key),
		WITH_FIXTURE(verdicts_can_be_listed),
		WITH_FIXTURE(units_that_are_not_listed_are_not_judged),
		WITH_FIXTURE(a_config_that_is_not_understood_is_announced_and_changes_nothing),
		WITH_FIXTURE(who_says_what_can_be_read),
		WITH_FIXTURE(figures_are_kept_for_each_region),
		WITH_FIXTURE(what_a_judgement_rests_on_is_kept_with_its_signatures),
		WITH_FIXTURE(a_restart_writes_nothing),
		WITH_FIXTURE(a_region_that_is_made_anew_goes_on_counting_its_rosters),
		WITH_FIXTURE(the_longest_fence_a_node_may_go_by_is_kept),
		WITH_FIXTURE(of_a_node_that_never_had_the_roster_no_proof_is_told),
		WITH_FIXTURE(words_by_a_roster_that_the_node_cannot_have_are_asked_for),
		WITH_FIXTURE(keys_are_changed_at_the_operators_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

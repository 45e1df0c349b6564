#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/satoken.h"
#include "auth/vault.h"
#include "base/files.h"
#include "tests/tools/tempdir.h"

#define NOW_MS 1790000000000

/* A directory with a vault and keys, and a world of four objects. */
struct place {
	char dir[64], vault_dir[96], path[96];
	struct vault *vault;
	struct satoken_keys *keys;
	struct satoken_object account, pod, secret, node;
	int trouble;
};

static int begin(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct vault_options options = { .wrap = VAULT_FILE };

	if (!place)
		return -1;
	*state = place;
	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/holdfast-satoken-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	(void)snprintf(place->vault_dir, sizeof(place->vault_dir), "%s/vault", place->dir);
	(void)snprintf(place->path, sizeof(place->path), "%s/keys", place->dir);
	options.dir = place->vault_dir;
	place->account = (struct satoken_object){ "sa-1", 0 };
	place->pod = (struct satoken_object){ "pod-1", 0 };
	place->secret = (struct satoken_object){ "secret-1", 0 };
	place->node = (struct satoken_object){ "node-1", 0 };
	return vault_open(&options, &place->vault, NULL) ||
	       satoken_keys_open(place->vault, place->path, &place->keys, NULL);
}

static int end(void **state)
{
	struct place *place = *state;
	int code;

	satoken_keys_free(place->keys);
	vault_free(place->vault);
	code = tempdir_remove(place->vault_dir);
	if (!code)
		code = tempdir_remove(place->dir);
	free(place);
	return code;
}

static int find(void *ctx, const struct key *key, struct satoken_object *out)
{
	struct place *place = ctx;
	const struct {
		const char *resource, *ns, *name;
		const struct satoken_object *object;
	} all[] = {
		{ "serviceaccounts", "web", "robot", &place->account },
		{ "pods", "web", "p", &place->pod },
		{ "secrets", "web", "s", &place->secret },
		{ "nodes", "", "edge-1", &place->node },
	};

	if (place->trouble)
		return place->trouble;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(key->resource, all[i].resource) && !strcmp(key->ns, all[i].ns) &&
		    !strcmp(key->name, all[i].name) && all[i].object->uid[0]) {
			*out = *all[i].object;
			return 0;
		}
	return -ENOENT;
}

static const char *const own[] = { SATOKEN_ISSUER, NULL };

static struct satoken_terms usual(void)
{
	return (struct satoken_terms){ .ns = "web",
				       .account = { "robot", "sa-1" },
				       .audiences = own,
				       .issued_wall_ms = NOW_MS,
				       .expires_wall_ms = NOW_MS + 3600000 };
}

static int identify(struct place *place, const struct buf *token, int64_t now,
		    const struct api_identity **out)
{
	struct satoken_check check = { .audiences = own, .now_wall_ms = now, .find = find, .ctx = place };

	*out = NULL;
	return satoken_identify(place->keys, buf_span(token), &check, out, NULL, NULL);
}

static void issue(struct place *place, const struct satoken_terms *terms, struct buf *out)
{
	buf_init(out, JWT_MAX);
	assert_int_equal(satoken_issue(place->keys, terms, out), 0);
}

static int judged(struct place *place, const struct buf *token, int64_t now)
{
	const struct api_identity *who;
	int code = identify(place, token, now, &who);

	identity_free(who);
	return code;
}

static void a_token_says_who_shows_it(void **state)
{
	struct place *place = *state;
	struct satoken_terms terms = usual();
	const struct api_identity *who;
	struct buf token;
	struct jwt jwt;

	terms.pod = (struct satoken_ref){ "p", "pod-1" };
	terms.node = (struct satoken_ref){ "edge-1", "node-1" };
	issue(place, &terms, &token);
	assert_int_equal(identify(place, &token, NOW_MS, &who), 0);
	assert_string_equal(who->user, "system:serviceaccount:web:robot");
	assert_string_equal(who->uid, "sa-1");
	assert_string_equal(who->groups[0], "system:serviceaccounts");
	assert_string_equal(who->groups[1], "system:serviceaccounts:web");
	assert_string_equal(who->groups[2], "system:authenticated");
	assert_string_equal(identity_extra(who, SATOKEN_EXTRA_POD), "p");
	assert_string_equal(identity_extra(who, SATOKEN_EXTRA_POD_UID), "pod-1");
	assert_string_equal(identity_extra(who, SATOKEN_EXTRA_NODE), "edge-1");
	assert_true(span_has_prefix(span_of(identity_extra(who, IDENTITY_CREDENTIAL)), SPAN("JTI=")));
	assert_true(satoken_is_bound(who, NOW_MS, find, place));
	identity_free(who);
	assert_int_equal(jwt_parse(buf_span(&token), &jwt, NULL), 0);
	assert_string_equal(json_path_str(jwt.claims, "iss", ""), SATOKEN_ISSUER);
	assert_int_equal(json_path_int(jwt.claims, "exp", 0), NOW_MS / 1000 + 3600);
	assert_string_equal(json_path_str(json_get(jwt.claims, "kubernetes.io"), "pod.uid", ""), "pod-1");
	jwt_done(&jwt);
	buf_done(&token);
}

static void time_counts(void **state)
{
	struct place *place = *state;
	struct satoken_terms terms = usual();
	struct buf token;

	issue(place, &terms, &token);
	assert_int_equal(judged(place, &token, NOW_MS + 3599999), 0);
	assert_int_equal(judged(place, &token, NOW_MS + 3600000), -EKEYREJECTED);
	assert_int_equal(judged(place, &token, NOW_MS - SATOKEN_LEEWAY_MS), 0);
	assert_int_equal(judged(place, &token, NOW_MS - SATOKEN_LEEWAY_MS - 1000), -EKEYREJECTED);
	buf_done(&token);
}

/* Replaced, deleted, or about to be: what the token was bound to is no longer what it was. */
static void what_it_is_bound_to_must_still_be_there(void **state)
{
	struct place *place = *state;
	struct satoken_object *objects[] = { &place->account, &place->pod, &place->secret };
	struct satoken_terms terms = usual();
	const struct api_identity *who;
	struct buf token;

	terms.pod = (struct satoken_ref){ "p", "pod-1" };
	terms.secret = (struct satoken_ref){ "s", "secret-1" };
	issue(place, &terms, &token);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		struct satoken_object was = *objects[i];

		assert_int_equal(identify(place, &token, NOW_MS, &who), 0);
		objects[i]->uid[0] = 'X';
		assert_int_equal(judged(place, &token, NOW_MS), -EKEYREJECTED);
		assert_true(satoken_is_bound(who, NOW_MS, find, place) == (i == 2));
		objects[i]->uid[0] = '\0';
		assert_int_equal(judged(place, &token, NOW_MS), -EKEYREJECTED);
		*objects[i] = was;
		objects[i]->deletion_wall_ms = NOW_MS - SATOKEN_LEEWAY_MS;
		assert_int_equal(judged(place, &token, NOW_MS), 0);
		assert_int_equal(judged(place, &token, NOW_MS + 1), -EKEYREJECTED);
		*objects[i] = was;
		identity_free(who);
	}
	buf_done(&token);
}

static void a_node_counts_where_no_pod_stands_between(void **state)
{
	struct place *place = *state;
	struct satoken_terms terms = usual();
	struct buf alone, with_pod;

	terms.node = (struct satoken_ref){ "edge-1", "node-1" };
	issue(place, &terms, &alone);
	terms.pod = (struct satoken_ref){ "p", "pod-1" };
	issue(place, &terms, &with_pod);
	assert_int_equal(judged(place, &alone, NOW_MS), 0);
	place->node.uid[0] = 'X';
	assert_int_equal(judged(place, &alone, NOW_MS), -EKEYREJECTED);
	assert_int_equal(judged(place, &with_pod, NOW_MS), 0);
	buf_done(&alone);
	buf_done(&with_pod);
}

static void trouble_of_ours_is_no_verdict(void **state)
{
	struct place *place = *state;
	struct satoken_terms terms = usual();
	const struct api_identity *who;
	struct buf token;

	issue(place, &terms, &token);
	assert_int_equal(identify(place, &token, NOW_MS, &who), 0);
	place->trouble = -EIO;
	assert_int_equal(judged(place, &token, NOW_MS), -EIO);
	assert_true(satoken_is_bound(who, NOW_MS, find, place));
	identity_free(who);
	buf_done(&token);
}

static void audiences_are_matched(void **state)
{
	static const char *const theirs[] = { "vault", "registry", NULL }, *const some[] = { "registry", "x",
											     NULL };
	struct place *place = *state;
	struct satoken_terms terms = usual();
	struct satoken_check check = { .audiences = some, .now_wall_ms = NOW_MS, .find = find, .ctx = place };
	const struct api_identity *who;
	struct json *matched = NULL;
	struct buf token;

	terms.audiences = theirs;
	issue(place, &terms, &token);
	assert_int_equal(judged(place, &token, NOW_MS), -EKEYREJECTED); /* not for the API */
	assert_int_equal(satoken_identify(place->keys, buf_span(&token), &check, &who, &matched, NULL), 0);
	assert_int_equal(json_count(matched), 1);
	assert_string_equal(json_str(json_at(matched, 0), ""), "registry");
	json_free(matched);
	identity_free(who);
	buf_done(&token);
}

/* A token by somebody who got hold of a good header, or of a key of another cluster. */
static void tokens_signed_elsewhere_are_refused(void **state)
{
	struct place *place = *state;
	struct satoken_keys *others = NULL;
	struct satoken_terms terms = usual();
	char path[128];
	struct buf token, noise;

	(void)snprintf(path, sizeof(path), "%s/others", place->dir);
	assert_int_equal(satoken_keys_open(place->vault, path, &others, NULL), 0);
	buf_init(&token, JWT_MAX);
	assert_int_equal(satoken_issue(others, &terms, &token), 0);
	assert_int_equal(judged(place, &token, NOW_MS), -EKEYREJECTED);
	buf_init(&noise, 64);
	buf_add_str(&noise, "not.a.token");
	assert_int_equal(judged(place, &noise, NOW_MS), -EKEYREJECTED);
	satoken_keys_free(others);
	buf_done(&token);
	buf_done(&noise);
}

/* Signed by our key, but not by satoken_issue: as after a fault of another release. */
static void claims_that_do_not_fit_are_refused(void **state)
{
#define HEAD                                                        \
	"\"iss\":\"" SATOKEN_ISSUER "\",\"aud\":[\"" SATOKEN_ISSUER \
	"\"],\"exp\":1790003600,\"nbf\":1790000000"
#define ACCOUNT "\"serviceaccount\":{\"name\":\"robot\",\"uid\":\"sa-1\"}"
#define SUBJECT "\"sub\":\"system:serviceaccount:web:robot\""
	static const char *const good =
		"{" HEAD "," SUBJECT ",\"kubernetes.io\":{\"namespace\":\"web\"," ACCOUNT "}}";
	static const char *const bad[] = {
		"{}",
		"{" HEAD "," SUBJECT "}",
		"{" HEAD "," SUBJECT ",\"kubernetes.io\":{\"namespace\":\"web\"}}",
		"{" HEAD "," SUBJECT ",\"kubernetes.io\":{" ACCOUNT "}}",
		"{" HEAD ",\"kubernetes.io\":{\"namespace\":\"web\"," ACCOUNT "}}",
		"{" HEAD ",\"sub\":\"system:serviceaccount:web:other\",\"kubernetes.io\":{\"namespace\":"
		"\"web\"," ACCOUNT "}}",
		"{" HEAD "," SUBJECT ",\"kubernetes.io\":{\"namespace\":\"web\"," ACCOUNT
		",\"pod\":{\"name\":\"p\"}}}",
		"{" HEAD "," SUBJECT ",\"kubernetes.io\":{\"namespace\":\"web\"," ACCOUNT ",\"pod\":7}}",
		"{\"iss\":\"else\",\"aud\":[\"" SATOKEN_ISSUER
		"\"],\"exp\":1790003600,\"nbf\":1790000000," SUBJECT
		",\"kubernetes.io\":{\"namespace\":\"web\"," ACCOUNT "}}",
		"{\"iss\":\"" SATOKEN_ISSUER "\",\"aud\":[\"" SATOKEN_ISSUER "\"]," SUBJECT
		",\"kubernetes.io\":{\"namespace\":\"web\"," ACCOUNT "}}",
		"{\"iss\":\"" SATOKEN_ISSUER "\",\"exp\":1790003600,\"nbf\":1790000000," SUBJECT
		",\"kubernetes.io\":{\"namespace\":\"web\"," ACCOUNT "}}",
	};
	struct place *place = *state;

	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *claims = NULL;
		struct buf token;

		buf_init(&token, JWT_MAX);
		assert_int_equal(json_parse(span_of(i ? bad[i - 1] : good), &claims, NULL), 0);
		assert_int_equal(satoken_keys_sign(place->keys, claims, &token), 0);
		if (judged(place, &token, NOW_MS) != (i ? -EKEYREJECTED : 0))
			fail_msg("%s", i ? bad[i - 1] : good);
		json_free(claims);
		buf_done(&token);
	}
}

static void keys_last_and_rotate(void **state)
{
	struct place *place = *state;
	struct satoken_terms terms = usual();
	struct buf tokens[SATOKEN_KEYS_MAX + 1], stored;

	for (size_t i = 0; i <= SATOKEN_KEYS_MAX; i++) {
		issue(place, &terms, &tokens[i]);
		assert_int_equal(judged(place, &tokens[i], NOW_MS), 0);
		satoken_keys_free(place->keys); /* a restart */
		place->keys = NULL;
		assert_int_equal(satoken_keys_open(place->vault, place->path, &place->keys, NULL), 0);
		assert_int_equal(judged(place, &tokens[i], NOW_MS), 0);
		if (i < SATOKEN_KEYS_MAX)
			assert_int_equal(satoken_keys_rotate(place->keys, NULL), 0);
	}
	assert_int_equal(satoken_keys_count(place->keys), SATOKEN_KEYS_MAX);
	assert_int_equal(judged(place, &tokens[0], NOW_MS), -EKEYREJECTED); /* its key is the one that went */
	for (size_t i = 1; i <= SATOKEN_KEYS_MAX; i++)
		assert_int_equal(judged(place, &tokens[i], NOW_MS), 0);
	buf_init(&stored, 1 << 20);
	assert_int_equal(file_read(place->path, &stored), 0);
	assert_null(memmem(stored.data, stored.len, "PRIVATE", 7));
	buf_done(&stored);
	for (size_t i = 0; i <= SATOKEN_KEYS_MAX; i++)
		buf_done(&tokens[i]);
}

static void a_damaged_file_is_no_reason_for_new_keys(void **state)
{
	struct place *place = *state;
	struct satoken_keys *keys = NULL;

	assert_int_equal(file_write(place->path, SPAN("junk"), 0600), 0);
	assert_true(satoken_keys_open(place->vault, place->path, &keys, NULL) < 0);
	assert_int_equal(vault_file_write(place->vault, place->path, SPAN("junk")), 0);
	assert_int_equal(satoken_keys_open(place->vault, place->path, &keys, NULL), -EBADMSG);
	assert_null(keys);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_says_who_shows_it),
		TEST(time_counts),
		TEST(what_it_is_bound_to_must_still_be_there),
		TEST(a_node_counts_where_no_pod_stands_between),
		TEST(trouble_of_ours_is_no_verdict),
		TEST(audiences_are_matched),
		TEST(tokens_signed_elsewhere_are_refused),
		TEST(claims_that_do_not_fit_are_refused),
		TEST(keys_last_and_rotate),
		TEST(a_damaged_file_is_no_reason_for_new_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/x509.h"

#define NOW_MS 1790000000000 /* 2026-09-21 */
#define HOUR_MS 3600000ll
#define DAY_MS (24 * HOUR_MS)

/* A root, one intermediate and room for a leaf. */
struct chain {
	struct x509_key *root_key, *middle_key, *leaf_key;
	struct buf root, middle, leaf;
};

static void issue_root(struct chain *c)
{
	struct x509_request r = { .use = X509_USE_ROOT,
				  .common_name = "test root",
				  .not_before_wall_ms = NOW_MS,
				  .not_after_wall_ms = NOW_MS + 9000 * DAY_MS };

	assert_int_equal(x509_key_new(&c->root_key), 0);
	assert_int_equal(x509_issue(&r, c->root_key, SPAN(""), c->root_key, &c->root, NULL), 0);
}

static void issue_middle(struct chain *c, bool server, bool client)
{
	struct x509_request r = { .use = X509_USE_AUTHORITY,
				  .server = server,
				  .client = client,
				  .common_name = "test intermediate",
				  .not_before_wall_ms = NOW_MS,
				  .not_after_wall_ms = NOW_MS + 1000 * DAY_MS };

	assert_int_equal(x509_key_new(&c->middle_key), 0);
	assert_int_equal(x509_issue(&r, c->middle_key, buf_span(&c->root), c->root_key, &c->middle, NULL), 0);
}

static int issue_leaf(struct chain *c, const char *name, const char *const *organizations,
		      const char *const *names, bool server, bool client)
{
	struct x509_request r = { .use = X509_USE_LEAF,
				  .server = server,
				  .client = client,
				  .common_name = name,
				  .organizations = organizations,
				  .names = names,
				  .not_before_wall_ms = NOW_MS,
				  .not_after_wall_ms = NOW_MS + 100 * DAY_MS };
	struct err err;
	int rc;

	buf_reset(&c->leaf);
	if (!c->leaf_key)
		assert_int_equal(x509_key_new(&c->leaf_key), 0);
	rc = x509_issue(&r, c->leaf_key, buf_span(&c->middle), c->middle_key, &c->leaf, &err);
	if (!rc)
		assert_int_equal(buf_add_span(&c->leaf, buf_span(&c->middle)), 0);
	return rc;
}

static struct chain chain_new(bool server, bool client)
{
	struct chain c = { .root_key = NULL };

	buf_init(&c.root, X509_CHAIN_MAX);
	buf_init(&c.middle, X509_CHAIN_MAX);
	buf_init(&c.leaf, X509_CHAIN_MAX);
	issue_root(&c);
	issue_middle(&c, server, client);
	return c;
}

static void chain_free(struct chain *c)
{
	x509_key_free(c->root_key);
	x509_key_free(c->middle_key);
	x509_key_free(c->leaf_key);
	buf_done(&c->root);
	buf_done(&c->middle);
	buf_done(&c->leaf);
}

static void keys_survive_a_round_trip(void **state)
{
	struct x509_key *key = NULL, *again = NULL;
	uint8_t a[X509_SHA256_SIZE], b[X509_SHA256_SIZE];
	struct buf pem;

	buf_init(&pem, X509_PEM_MAX);
	assert_int_equal(x509_key_new(&key), 0);
	assert_int_equal(x509_key_write(key, &pem), 0);
	assert_int_equal(x509_key_parse(buf_span(&pem), &again, NULL), 0);
	assert_int_equal(x509_key_digest(key, a), 0);
	assert_int_equal(x509_key_digest(again, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	x509_key_free(key);
	x509_key_free(again);
	buf_done(&pem);
}

static void two_keys_are_never_the_same(void **state)
{
	struct x509_key *one = NULL, *two = NULL;
	uint8_t a[X509_SHA256_SIZE], b[X509_SHA256_SIZE];

	assert_int_equal(x509_key_new(&one), 0);
	assert_int_equal(x509_key_new(&two), 0);
	assert_int_equal(x509_key_digest(one, a), 0);
	assert_int_equal(x509_key_digest(two, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	x509_key_free(one);
	x509_key_free(two);
}

static void a_request_gives_its_key_and_nothing_else(void **state)
{
	struct x509_key *key = NULL, *public = NULL;
	uint8_t a[X509_SHA256_SIZE], b[X509_SHA256_SIZE];
	struct buf pem;

	buf_init(&pem, X509_PEM_MAX);
	assert_int_equal(x509_key_new(&key), 0);
	assert_int_equal(x509_csr_write(key, "system:masters", &pem), 0);
	assert_int_equal(x509_csr_key(buf_span(&pem), &public, NULL), 0);
	assert_int_equal(x509_key_digest(key, a), 0);
	assert_int_equal(x509_key_digest(public, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	buf_reset(&pem);
	assert_int_equal(x509_key_write(public, &pem), -EINVAL); /* there is no private half to write */
	x509_key_free(key);
	x509_key_free(public);
	buf_done(&pem);
}

/* Every byte of the request's base64 body, changed: either it does not parse or its signature no longer fits. */
static void a_request_changed_anywhere_is_refused(void **state)
{
	struct x509_key *key = NULL;
	size_t accepted = 0;
	struct buf pem;

	buf_init(&pem, X509_PEM_MAX);
	assert_int_equal(x509_key_new(&key), 0);
	assert_int_equal(x509_csr_write(key, "edge-1", &pem), 0);
	for (size_t i = strcspn(buf_cstr(&pem), "\n") + 1; i < pem.len - 40; i++) {
		struct x509_key *out = NULL;
		char was = pem.data[i];

		if (was == '\n' || was == '-' || was == '=')
			continue;
		pem.data[i] = was == 'A' ? 'B' : 'A';
		accepted += x509_csr_key(buf_span(&pem), &out, NULL) == 0;
		x509_key_free(out);
		pem.data[i] = was;
	}
	assert_int_equal(accepted, 0);
	x509_key_free(key);
	buf_done(&pem);
}

static void a_certificate_says_what_was_asked_for(void **state)
{
	static const char *const organizations[] = { "system:masters", "operators of the north", NULL };
	struct chain c = chain_new(false, true);
	struct x509_facts facts;
	uint8_t digest[X509_SHA256_SIZE];

	assert_int_equal(issue_leaf(&c, "jo", organizations, NULL, false, true), 0);
	assert_int_equal(x509_read(buf_span(&c.leaf), &facts, NULL), 0);
	assert_string_equal(facts.common_name, "jo");
	assert_int_equal(facts.organization_count, 2);
	assert_string_equal(facts.organizations[0], "system:masters");
	assert_string_equal(facts.organizations[1], "operators of the north");
	assert_true(facts.not_before_wall_ms == NOW_MS);
	assert_true(facts.not_after_wall_ms == NOW_MS + 100 * DAY_MS);
	assert_true(facts.client && !facts.server && !facts.is_authority);
	assert_in_range(facts.serial_len, 16, 17);
	assert_int_equal(x509_key_digest(c.leaf_key, digest), 0);
	assert_memory_equal(facts.key_sha256, digest, sizeof(digest));
	assert_true(x509_matches(buf_span(&c.leaf), c.leaf_key));
	assert_false(x509_matches(buf_span(&c.leaf), c.root_key));
	chain_free(&c);
}

static void serials_differ(void **state)
{
	struct chain c = chain_new(true, false);
	struct x509_facts one, two;

	assert_int_equal(issue_leaf(&c, "a", NULL, NULL, true, false), 0);
	assert_int_equal(x509_read(buf_span(&c.leaf), &one, NULL), 0);
	assert_int_equal(issue_leaf(&c, "a", NULL, NULL, true, false), 0);
	assert_int_equal(x509_read(buf_span(&c.leaf), &two, NULL), 0);
	assert_memory_not_equal(one.serial, two.serial, 16);
	chain_free(&c);
}

static void a_chain_verifies_by_name_use_and_time(void **state)
{
	static const char *const names[] = { "cloud-hub.holdfast", "hub.example.com", NULL };
	struct chain c = chain_new(true, false);
	struct err err;

	assert_int_equal(issue_leaf(&c, "hub", NULL, names, true, false), 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, "cloud-hub.holdfast",
				     NOW_MS + 1, &err),
			 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.middle), true, NULL, NOW_MS + 1, &err),
			 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, "other.holdfast", NOW_MS + 1,
				     &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "another name"));
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), false, NULL, NOW_MS + 1, &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "not meant for this use"));
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, NULL, NOW_MS + 101 * DAY_MS,
				     &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "expired"));
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, NULL, NOW_MS - DAY_MS, &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "not valid yet"));
	chain_free(&c);
}

static void another_root_is_not_trusted(void **state)
{
	struct chain ours = chain_new(false, true), theirs = chain_new(false, true);
	struct err err;

	assert_int_equal(issue_leaf(&theirs, "jo", NULL, NULL, false, true), 0);
	assert_int_equal(x509_verify(buf_span(&theirs.leaf), buf_span(&ours.root), false, NULL, NOW_MS + 1,
				     &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "another authority"));
	chain_free(&ours);
	chain_free(&theirs);
}

/* The intermediate may sign for clients only: it signs a server all the same, and nobody believes it. */
static void an_intermediate_cannot_lend_a_use_it_lacks(void **state)
{
	struct chain c = chain_new(false, true);

	assert_int_equal(issue_leaf(&c, "hub", NULL, NULL, true, true), 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, NULL, NOW_MS + 1, NULL),
			 -EKEYREJECTED);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), false, NULL, NOW_MS + 1, NULL), 0);
	chain_free(&c);
}

/* A leaf's key signs another leaf. */
static void a_leaf_cannot_sign(void **state)
{
	struct chain c = chain_new(false, true);
	struct buf forged;
	struct x509_request r = { .use = X509_USE_LEAF,
				  .client = true,
				  .common_name = "mallory",
				  .not_before_wall_ms = NOW_MS,
				  .not_after_wall_ms = NOW_MS + DAY_MS };

	buf_init(&forged, X509_CHAIN_MAX);
	assert_int_equal(issue_leaf(&c, "jo", NULL, NULL, false, true), 0);
	assert_int_equal(x509_issue(&r, c.middle_key, buf_span(&c.leaf), c.leaf_key, &forged, NULL), 0);
	assert_int_equal(buf_add_span(&forged, buf_span(&c.leaf)), 0);
	assert_int_equal(x509_verify(buf_span(&forged), buf_span(&c.root), false, NULL, NOW_MS + 1, NULL),
			 -EKEYREJECTED);
	buf_done(&forged);
	chain_free(&c);
}

/* Path length 0: whoever holds an intermediate's key can make no authority of his own. */
static void an_intermediate_signs_leaves_only(void **state)
{
	struct chain c = chain_new(true, false);
	struct x509_request below = { .use = X509_USE_AUTHORITY,
				      .server = true,
				      .common_name = "below",
				      .not_before_wall_ms = NOW_MS,
				      .not_after_wall_ms = NOW_MS + DAY_MS };
	struct x509_request leaf = below;
	struct x509_key *key = NULL;
	struct buf authority, forged;

	buf_init(&authority, X509_CHAIN_MAX);
	buf_init(&forged, X509_CHAIN_MAX);
	assert_int_equal(x509_key_new(&key), 0);
	assert_int_equal(x509_key_new(&c.leaf_key), 0);
	assert_int_equal(x509_issue(&below, key, buf_span(&c.middle), c.middle_key, &authority, NULL), 0);
	leaf.use = X509_USE_LEAF;
	leaf.common_name = "mallory";
	assert_int_equal(x509_issue(&leaf, c.leaf_key, buf_span(&authority), key, &forged, NULL), 0);
	assert_int_equal(buf_add_span(&forged, buf_span(&authority)), 0);
	assert_int_equal(buf_add_span(&forged, buf_span(&c.middle)), 0);
	assert_int_equal(x509_verify(buf_span(&forged), buf_span(&c.root), true, NULL, NOW_MS + 1, NULL),
			 -EKEYREJECTED);
	x509_key_free(key);
	buf_done(&authority);
	buf_done(&forged);
	chain_free(&c);
}

static void a_missing_or_expired_intermediate_is_named(void **state)
{
	struct chain c = chain_new(true, false);
	struct x509_request r = { .use = X509_USE_LEAF,
				  .server = true,
				  .common_name = "hub",
				  .not_before_wall_ms = NOW_MS,
				  .not_after_wall_ms =
					  NOW_MS + 2000 * DAY_MS }; /* longer than what signs it */
	struct err err;

	assert_int_equal(x509_key_new(&c.leaf_key), 0);
	assert_int_equal(x509_issue(&r, c.leaf_key, buf_span(&c.middle), c.middle_key, &c.leaf, NULL), 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, NULL, NOW_MS + 1, &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "signed by another authority"));
	assert_int_equal(buf_add_span(&c.leaf, buf_span(&c.middle)), 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, NULL, NOW_MS + 1, &err), 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, NULL, NOW_MS + 1500 * DAY_MS,
				     &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "expired"));
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), false, NULL, NOW_MS + 1, &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "not meant for this use"));
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, "elsewhere", NOW_MS + 1,
				     &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "another name"));
	chain_free(&c);
}

static void a_cross_certificate_leads_from_one_root_to_the_next(void **state)
{
	struct chain old = chain_new(true, false), new = { .root_key = NULL };
	struct x509_request root = { .use = X509_USE_ROOT,
				     .common_name = "test root 2",
				     .not_before_wall_ms = NOW_MS,
				     .not_after_wall_ms = NOW_MS + 9000 * DAY_MS };
	struct x509_request cross = root;
	size_t leaf_len;

	buf_init(&new.root, X509_CHAIN_MAX);
	buf_init(&new.middle, X509_CHAIN_MAX);
	buf_init(&new.leaf, X509_CHAIN_MAX);
	assert_int_equal(x509_key_new(&new.root_key), 0);
	assert_int_equal(x509_issue(&root, new.root_key, SPAN(""), new.root_key, &new.root, NULL), 0);
	issue_middle(&new, true, false);
	assert_int_equal(issue_leaf(&new, "hub", NULL, NULL, true, false), 0);
	assert_int_equal(x509_verify(buf_span(&new.leaf), buf_span(&old.root), true, NULL, NOW_MS + 1, NULL),
			 -EKEYREJECTED);
	leaf_len = new.leaf.len;
	cross.use = X509_USE_CROSS;
	assert_int_equal(x509_issue(&cross, new.root_key, buf_span(&old.root), old.root_key, &new.leaf, NULL),
			 0);
	assert_true(new.leaf.len > leaf_len);
	assert_int_equal(x509_verify(buf_span(&new.leaf), buf_span(&old.root), true, NULL, NOW_MS + 1, NULL),
			 0);
	assert_int_equal(x509_verify(buf_span(&new.leaf), buf_span(&new.root), true, NULL, NOW_MS + 1, NULL),
			 0);
	chain_free(&old);
	chain_free(&new);
}

static void addresses_become_addresses(void **state)
{
	static const char *const names[] = { "127.0.0.1", "fd00::1", "node.example", NULL };
	struct chain c = chain_new(true, false);

	assert_int_equal(issue_leaf(&c, "hub", NULL, names, true, false), 0);
	assert_int_equal(x509_verify(buf_span(&c.leaf), buf_span(&c.root), true, "node.example", NOW_MS + 1,
				     NULL),
			 0);
	chain_free(&c);
}

static void names_that_could_deceive_are_refused(void **state)
{
	static const char *const bad[] = { "",	   "a,O=system:masters", "a\nb", "a\"b",
					   "a\\b", "caf\xc3\xa9",	 "a=b",	 "a+b" };
	struct chain c = chain_new(false, true);
	char longest[X509_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const organizations[] = { bad[i], NULL };

		assert_int_equal(issue_leaf(&c, bad[i], NULL, NULL, false, true), -EINVAL);
		assert_int_equal(issue_leaf(&c, "jo", organizations, NULL, false, true), -EINVAL);
		assert_int_equal(issue_leaf(&c, "jo", NULL, organizations, false, true), -EINVAL);
	}
	memset(longest, 'x', sizeof(longest));
	longest[X509_NAME_MAX + 1] = '\0';
	assert_int_equal(issue_leaf(&c, longest, NULL, NULL, false, true), -EINVAL);
	longest[X509_NAME_MAX] = '\0';
	assert_int_equal(issue_leaf(&c, longest, NULL, NULL, false, true), 0);
	chain_free(&c);
}

static void garbage_is_an_error(void **state)
{
	static const char *const garbage[] = {
		"", "x", "-----BEGIN CERTIFICATE-----",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
	};
	struct x509_key *key = NULL;
	struct x509_facts facts;

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		assert_int_equal(x509_key_parse(span_of(garbage[i]), &key, NULL), -EINVAL);
		assert_int_equal(x509_csr_key(span_of(garbage[i]), &key, NULL), -EINVAL);
		assert_int_equal(x509_read(span_of(garbage[i]), &facts, NULL), -EINVAL);
		assert_int_not_equal(x509_verify(span_of(garbage[i]), span_of(garbage[i]), true, NULL, NOW_MS,
						 NULL),
				     0);
	}
	assert_null(key);
}

static void dates_after_2049_are_kept(void **state)
{
	struct x509_request r = { .use = X509_USE_ROOT,
				  .common_name = "far",
				  .not_before_wall_ms = NOW_MS,
				  .not_after_wall_ms = NOW_MS + 30 * 365 * DAY_MS };
	struct x509_key *key = NULL;
	struct x509_facts facts;
	struct buf pem;

	buf_init(&pem, X509_PEM_MAX);
	assert_int_equal(x509_key_new(&key), 0);
	assert_int_equal(x509_issue(&r, key, SPAN(""), key, &pem, NULL), 0);
	assert_int_equal(x509_read(buf_span(&pem), &facts, NULL), 0);
	assert_true(facts.not_after_wall_ms == NOW_MS + 30 * 365 * DAY_MS);
	assert_true(facts.is_authority);
	x509_key_free(key);
	buf_done(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_survive_a_round_trip),
		cmocka_unit_test(two_keys_are_never_the_same),
		cmocka_unit_test(a_request_gives_its_key_and_nothing_else),
		cmocka_unit_test(a_request_changed_anywhere_is_refused),
		cmocka_unit_test(a_certificate_says_what_was_asked_for),
		cmocka_unit_test(serials_differ),
		cmocka_unit_test(a_chain_verifies_by_name_use_and_time),
		cmocka_unit_test(another_root_is_not_trusted),
		cmocka_unit_test(an_intermediate_cannot_lend_a_use_it_lacks),
		cmocka_unit_test(a_leaf_cannot_sign),
		cmocka_unit_test(an_intermediate_signs_leaves_only),
		cmocka_unit_test(a_missing_or_expired_intermediate_is_named),
		cmocka_unit_test(a_cross_certificate_leads_from_one_root_to_the_next),
		cmocka_unit_test(addresses_become_addresses),
		cmocka_unit_test(names_that_could_deceive_are_refused),
		cmocka_unit_test(garbage_is_an_error),
		cmocka_unit_test(dates_after_2049_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

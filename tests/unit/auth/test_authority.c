#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/authority.h"
#include "auth/pkidir.h"
#include "base/text.h"
#include "tests/tools/tempdir.h"

#define NOW_MS 1790000000000
#define DAY_MS (24 * 3600000ll)

struct place {
	char base[64], pki[80];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->base, sizeof(place->base), "/tmp/holdfast-authority-XXXXXX");
	if (!mkdtemp(place->base))
		return -1;
	(void)snprintf(place->pki, sizeof(place->pki), "%s/pki", place->base);
	*state = place;
	return 0;
}

static void remove_tree(const char *path)
{
	char command_path[256];
	static const char *const names[] = { "pki/root.crt",	 "pki/root.key",     "pki/hubs.crt",
					     "pki/hubs.key",	 "pki/nodes.crt",    "pki/nodes.key",
					     "pki/clients.crt",	 "pki/clients.key",  "pki.lock",
					     "admin.kubeconfig", "pki.new/root.crt", "pki.new/junk" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(command_path, sizeof(command_path), "%s/%s", path, names[i]);
		(void)unlink(command_path);
	}
	(void)snprintf(command_path, sizeof(command_path), "%s/pki", path);
	(void)rmdir(command_path);
	(void)snprintf(command_path, sizeof(command_path), "%s/pki.new", path);
	(void)rmdir(command_path);
	(void)rmdir(path);
}

static int teardown(void **state)
{
	struct place *place = *state;

	remove_tree(place->base);
	free(place);
	return 0;
}

static struct authority *open_ok(struct place *place)
{
	struct authority *a = NULL;
	struct err err = { 0 };
	int rc = authority_open(place->pki, NULL, NOW_MS, &a, &err);

	if (rc)
		fail_msg("%s", err.msg);
	return a;
}

static void the_same_authority_comes_back(void **state)
{
	struct authority *first = open_ok(*state), *second = open_ok(*state);

	assert_memory_equal(authority_pin(first), authority_pin(second), X509_SHA256_SIZE);
	assert_true(span_eq(authority_root_pem(first), authority_root_pem(second)));
	authority_free(first);
	authority_free(second);
}

static void keys_are_for_their_owner_only(void **state)
{
	struct place *place = *state;
	char path[160];
	struct stat st;

	authority_free(open_ok(place));
	assert_int_equal(stat(place->pki, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	(void)snprintf(path, sizeof(path), "%s/nodes.key", place->pki);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static struct vault *open_vault(const struct place *place)
{
	struct vault_settings settings = { .data_dir = place->base, .wrap = "file" };
	struct vault *vault = NULL;

	assert_int_equal(vault_open_data(&settings, &vault, NULL), 0);
	return vault;
}

static void close_vault(const struct place *place, struct vault *vault)
{
	char dir[96];

	vault_free(vault);
	(void)snprintf(dir, sizeof(dir), "%s/vault", place->base);
	assert_int_equal(tempdir_remove(dir), 0);
}

static size_t plain_keys(const struct place *place)
{
	static const char *const keys[] = { "root.key", "hubs.key", "nodes.key", "clients.key" };
	size_t plain = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct buf text;

		buf_init(&text, X509_PEM_MAX);
		assert_int_equal(pkidir_read(place->pki, keys[i], &text, NULL), 0);
		plain += memmem(text.data, text.len, "PRIVATE KEY", 11) != NULL;
		buf_done(&text);
	}
	return plain;
}

static void no_key_lies_there_in_plain(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_vault(place);
	struct authority *a = NULL;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(authority_open(place->pki, vault, NOW_MS, &a, NULL), 0);
		assert_int_equal(plain_keys(place), 0);
		authority_free(a);
	}
	close_vault(place, vault);
}

static void keys_that_an_earlier_release_left_in_plain_are_sealed(void **state)
{
	struct place *place = *state;
	struct vault *vault = open_vault(place);
	struct authority *before = open_ok(place), *after = NULL;

	assert_int_equal(plain_keys(place), 4);
	assert_int_equal(authority_open(place->pki, vault, NOW_MS, &after, NULL), 0);
	assert_int_equal(plain_keys(place), 0);
	assert_memory_equal(authority_pin(before), authority_pin(after), X509_SHA256_SIZE);
	authority_free(before);
	authority_free(after);
	close_vault(place, vault);
}

static void processes_that_start_together_agree(void **state)
{
	struct place *place = *state;
	uint8_t pins[4][X509_SHA256_SIZE];
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct authority *a = NULL;
			bool ok = !authority_open(place->pki, NULL, NOW_MS, &a, NULL) &&
				  write(pipes[1], authority_pin(a), X509_SHA256_SIZE) == X509_SHA256_SIZE;

			_exit(ok ? 0 : 1);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status = 0;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(read(pipes[0], pins[i], X509_SHA256_SIZE), X509_SHA256_SIZE);
		assert_memory_equal(pins[i], pins[0], X509_SHA256_SIZE);
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void an_attempt_cut_short_leaves_no_trace(void **state)
{
	struct place *place = *state;
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s.new", place->pki);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s.new/root.crt", place->pki);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	authority_free(open_ok(place));
}

static void a_damaged_authority_is_never_replaced(void **state)
{
	static const char *const files[] = { "root.crt", "hubs.crt", "nodes.key" };
	struct place *place = *state;
	struct authority *a = NULL;
	char path[160];
	struct err err;

	authority_free(open_ok(place));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char aside[176];

		(void)snprintf(path, sizeof(path), "%s/%s", place->pki, files[i]);
		(void)snprintf(aside, sizeof(aside), "%s.aside", path);
		assert_int_equal(rename(path, aside), 0);
		assert_int_equal(authority_open(place->pki, NULL, NOW_MS, &a, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, files[i]));
		assert_int_not_equal(access(path, F_OK), 0);
		assert_int_equal(rename(aside, path), 0);
	}
	authority_free(open_ok(place));
}

static void a_mixed_authority_is_refused(void **state)
{
	struct place *place = *state, *other = NULL;
	struct authority *a = NULL;
	char from[160], to[160];

	assert_int_equal(setup((void **)&other), 0);
	authority_free(open_ok(place));
	authority_free(open_ok(other));
	(void)snprintf(from, sizeof(from), "%s/nodes.crt", other->pki);
	(void)snprintf(to, sizeof(to), "%s/nodes.crt", place->pki);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(authority_open(place->pki, NULL, NOW_MS, &a, NULL), -EBADMSG);
	assert_int_equal(teardown((void **)&other), 0);
}

static void hubs_answer_to_their_fixed_and_advertised_names(void **state)
{
	static const char *const advertised[] = { "hub.example.com", "10.1.2.3", "localhost", NULL };
	static const char *const expected[] = { AUTHORITY_HUB_NAME,
						AUTHORITY_JOIN_NAME,
						"localhost",
						"kubernetes",
						"kubernetes.default.svc.cluster.local",
						"hub.example.com" };
	struct authority *a = open_ok(*state);
	struct x509_facts root;
	struct buf chain, key;
	struct span at;
	size_t certs = 0;

	buf_init(&chain, X509_CHAIN_MAX);
	buf_init(&key, X509_PEM_MAX);
	assert_int_equal(authority_issue_hub(a, advertised, NOW_MS, &chain, &key, NULL), 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(x509_verify(buf_span(&chain), authority_root_pem(a), true, expected[i],
					     NOW_MS, NULL),
				 0);
	assert_int_not_equal(x509_verify(buf_span(&chain), authority_root_pem(a), true, "elsewhere.com",
					 NOW_MS, NULL),
			     0);
	/* No root among them, and no cross certificate while there is one generation. */
	for (at = buf_span(&chain); at.len > 27; at.ptr++, at.len--)
		certs += strncmp(at.ptr, "-----BEGIN CERTIFICATE-----", 27) == 0;
	assert_int_equal(certs, 2);
	assert_int_equal(x509_read(authority_root_pem(a), &root, NULL), 0);
	assert_memory_equal(root.cert_sha256, authority_pin(a), X509_SHA256_SIZE);
	buf_done(&chain);
	buf_done(&key);
	authority_free(a);
}

static void nodes_get_our_name_whatever_they_ask_for(void **state)
{
	struct authority *a = open_ok(*state);
	struct x509_key *key = NULL;
	struct x509_facts facts;
	struct buf csr, chain;
	uint8_t digest[X509_SHA256_SIZE], expected[X509_SHA256_SIZE];

	buf_init(&csr, X509_PEM_MAX);
	buf_init(&chain, X509_CHAIN_MAX);
	assert_int_equal(x509_key_new(&key), 0);
	assert_int_equal(x509_csr_write(key, "kubernetes-admin", &csr), 0);
	assert_int_equal(authority_issue_node(a, buf_span(&csr), "edge-1", NOW_MS, &chain, digest, NULL), 0);
	assert_int_equal(x509_read(buf_span(&chain), &facts, NULL), 0);
	assert_string_equal(facts.common_name, "system:node:edge-1");
	assert_int_equal(facts.organization_count, 1);
	assert_string_equal(facts.organizations[0], "system:nodes");
	assert_int_equal(x509_key_digest(key, expected), 0);
	assert_memory_equal(digest, expected, sizeof(digest));
	assert_memory_equal(facts.key_sha256, expected, sizeof(digest));
	assert_true(facts.not_before_wall_ms < NOW_MS &&
		    facts.not_before_wall_ms >= NOW_MS - AUTHORITY_BACKDATE_MS - 1000);
	assert_int_equal(x509_verify(buf_span(&chain), authority_branch_pem(a, AUTHORITY_NODES), false, NULL,
				     NOW_MS, NULL),
			 0);
	x509_key_free(key);
	buf_done(&csr);
	buf_done(&chain);
	authority_free(a);
}

/* Each branch's certificates are strangers to those who trust another branch only, and none can pose as a hub. */
static void branches_do_not_vouch_for_each_other(void **state)
{
	struct authority *a = open_ok(*state);
	struct x509_key *node_key = NULL;
	struct buf csr, node, client, hub, key;

	buf_init(&csr, X509_PEM_MAX);
	buf_init(&node, X509_CHAIN_MAX);
	buf_init(&client, X509_CHAIN_MAX);
	buf_init(&hub, X509_CHAIN_MAX);
	buf_init(&key, X509_CHAIN_MAX);
	assert_int_equal(x509_key_new(&node_key), 0);
	assert_int_equal(x509_csr_write(node_key, "x", &csr), 0);
	assert_int_equal(authority_issue_node(a, buf_span(&csr), "edge-1", NOW_MS, &node, NULL, NULL), 0);
	assert_int_equal(authority_issue_client(a, "jo", NULL, NOW_MS, &client, &key, NULL), 0);
	assert_int_equal(authority_issue_hub(a, NULL, NOW_MS, &hub, &key, NULL), 0);
	assert_int_not_equal(x509_verify(buf_span(&client), authority_branch_pem(a, AUTHORITY_NODES), false,
					 NULL, NOW_MS, NULL),
			     0);
	assert_int_not_equal(x509_verify(buf_span(&node), authority_branch_pem(a, AUTHORITY_CLIENTS), false,
					 NULL, NOW_MS, NULL),
			     0);
	assert_int_not_equal(x509_verify(buf_span(&hub), authority_branch_pem(a, AUTHORITY_NODES), false,
					 NULL, NOW_MS, NULL),
			     0);
	assert_int_not_equal(x509_verify(buf_span(&node), authority_root_pem(a), true, NULL, NOW_MS, NULL),
			     0);
	assert_int_not_equal(x509_verify(buf_span(&client), authority_root_pem(a), true, NULL, NOW_MS, NULL),
			     0);
	assert_int_not_equal(x509_verify(buf_span(&hub), authority_root_pem(a), false, NULL, NOW_MS, NULL),
			     0);
	x509_key_free(node_key);
	buf_done(&csr);
	buf_done(&node);
	buf_done(&client);
	buf_done(&hub);
	buf_done(&key);
	authority_free(a);
}

static void a_client_never_becomes_a_node(void **state)
{
	static const char *const nodes[] = { "system:nodes", NULL };
	struct authority *a = open_ok(*state);
	struct buf chain, key;

	buf_init(&chain, X509_CHAIN_MAX);
	buf_init(&key, X509_PEM_MAX);
	assert_int_equal(authority_issue_client(a, "system:node:edge-1", NULL, NOW_MS, &chain, &key, NULL),
			 -EPERM);
	assert_int_equal(authority_issue_client(a, "jo", nodes, NOW_MS, &chain, &key, NULL), -EPERM);
	assert_int_equal(chain.len, 0);
	buf_done(&chain);
	buf_done(&key);
	authority_free(a);
}

static void nothing_outlives_what_signed_it(void **state)
{
	struct authority *a = open_ok(*state);
	struct x509_facts leaf, branch;
	struct buf chain, key;
	int64_t late = NOW_MS + (AUTHORITY_BRANCH_DAYS - 10) * DAY_MS;

	buf_init(&chain, X509_CHAIN_MAX);
	buf_init(&key, X509_PEM_MAX);
	assert_int_equal(authority_issue_client(a, "jo", NULL, late, &chain, &key, NULL), 0);
	assert_int_equal(x509_read(buf_span(&chain), &leaf, NULL), 0);
	assert_int_equal(x509_read(authority_branch_pem(a, AUTHORITY_CLIENTS), &branch, NULL), 0);
	assert_true(leaf.not_after_wall_ms == branch.not_after_wall_ms);
	buf_done(&chain);
	buf_done(&key);
	authority_free(a);
}

static void renewal_is_due_after_two_thirds(void **state)
{
	assert_true(authority_renew_at(0, 90) == 60);
	assert_true(authority_renew_at(1000, 1300) == 1200);
}

static void the_admin_kubeconfig_is_written_when_needed_only(void **state)
{
	struct place *place = *state;
	struct authority *a = open_ok(place);
	char path[160];
	bool written = false;
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/admin.kubeconfig", place->base);
	assert_int_equal(authority_admin_kubeconfig(a, path, "https://10.0.0.1:6443", NOW_MS, &written, NULL),
			 0);
	assert_true(written);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(authority_admin_kubeconfig(a, path, "https://10.0.0.1:6443", NOW_MS, &written, NULL),
			 0);
	assert_false(written);
	assert_int_equal(authority_admin_kubeconfig(a, path, "https://10.0.0.2:6443", NOW_MS, &written, NULL),
			 0);
	assert_true(written);
	assert_int_equal(authority_admin_kubeconfig(a, path, "https://10.0.0.2:6443", NOW_MS + 300 * DAY_MS,
						    &written, NULL),
			 0);
	assert_true(written);
	/* The clock was put back: what was made by the other one does not begin for a long time. */
	assert_int_equal(authority_admin_kubeconfig(a, path, "https://10.0.0.2:6443", NOW_MS, &written, NULL),
			 0);
	assert_true(written);
	authority_free(a);
}

static void a_kubeconfig_embeds_everything(void **state)
{
	struct kubeconfig config = { "c", "u", "https://h:1", SPAN("CA"), SPAN("CERT"), SPAN("KEY") };
	struct buf out;
	const char *text;

	buf_init(&out, 4096);
	assert_int_equal(kubeconfig_write(&config, &out), 0);
	text = buf_cstr(&out);
	assert_non_null(strstr(text, "certificate-authority-data: Q0E=\n"));
	assert_non_null(strstr(text, "client-certificate-data: Q0VSVA==\n"));
	assert_non_null(strstr(text, "client-key-data: S0VZ\n"));
	assert_non_null(strstr(text, "server: \"https://h:1\"\n"));
	assert_non_null(strstr(text, "current-context: \"c\"\n"));
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_authority_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_for_their_owner_only, setup, teardown),
		cmocka_unit_test_setup_teardown(no_key_lies_there_in_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_that_an_earlier_release_left_in_plain_are_sealed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(processes_that_start_together_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(an_attempt_cut_short_leaves_no_trace, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_authority_is_never_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(a_mixed_authority_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(hubs_answer_to_their_fixed_and_advertised_names, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nodes_get_our_name_whatever_they_ask_for, setup, teardown),
		cmocka_unit_test_setup_teardown(branches_do_not_vouch_for_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_never_becomes_a_node, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_outlives_what_signed_it, setup, teardown),
		cmocka_unit_test(renewal_is_due_after_two_thirds),
		cmocka_unit_test_setup_teardown(the_admin_kubeconfig_is_written_when_needed_only, setup,
						teardown),
		cmocka_unit_test(a_kubeconfig_embeds_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

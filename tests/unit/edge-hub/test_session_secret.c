#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"
#include "edge-hub/link/session_secret.h"
#include "tests/tools/tempdir.h"

struct world {
	char dir[64];
	struct vault *vault;
};

static int setup(void **state)
{
	static char vault_dir[96];
	struct world *w = calloc(1, sizeof(*w));
	struct vault_options options = { .dir = vault_dir, .wrap = VAULT_FILE };

	*state = w;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/holdfast-secret-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	(void)snprintf(vault_dir, sizeof(vault_dir), "%s/vault", w->dir);
	return vault_open(&options, &w->vault, NULL);
}

static int teardown(void **state)
{
	static const char *const dirs[] = { "/identity", "/vault", "" };
	struct world *w = *state;
	char path[128];
	int code = 0;

	vault_free(w->vault);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", w->dir, dirs[i]);
		if (access(path, F_OK) == 0)
			code |= tempdir_remove(path);
	}
	free(w);
	return code;
}

static struct session_secret *open_secret(struct world *w, int want)
{
	struct session_secret *secret = NULL;
	struct err err = { 0 };

	assert_int_equal(session_secret_open(w->vault, w->dir, &secret, &err), 0);
	assert_int_equal(err.code, want);
	return secret;
}

static void what_was_kept_is_presented_after_a_restart(void **state)
{
	uint8_t bytes[MESSAGE_SECRET_SIZE] = { 1, 2, 3 };
	struct session_secret *secret = open_secret(*state, 0);

	assert_int_equal(session_secret_peek(secret).len, 0);
	assert_int_equal(session_secret_keep(secret, span_make(bytes, sizeof(bytes))), 0);
	bytes[0] = 9;
	assert_int_equal(session_secret_keep(secret, span_make(bytes, sizeof(bytes))), 0);
	session_secret_free(secret);
	secret = open_secret(*state, 0);
	assert_memory_equal(session_secret_peek(secret).ptr, bytes, sizeof(bytes));
	session_secret_free(secret);
}

static void what_cannot_be_kept_changes_nothing(void **state)
{
	struct world *w = *state;
	uint8_t bytes[MESSAGE_SECRET_SIZE] = { 7 }, next[MESSAGE_SECRET_SIZE] = { 8 };
	struct session_secret *secret = open_secret(w, 0);

	assert_int_equal(session_secret_keep(secret, span_make(bytes, sizeof(bytes))), 0);
	assert_int_equal(session_secret_keep(secret, span_make(next, 5)), -EINVAL);
	assert_memory_equal(session_secret_peek(secret).ptr, bytes, sizeof(bytes));
	session_secret_free(secret);
}

static void a_damaged_file_is_said_and_nothing_is_presented(void **state)
{
	struct world *w = *state;
	char path[128];
	struct session_secret *secret;

	(void)snprintf(path, sizeof(path), "%s/" SESSION_SECRET_FILE, w->dir);
	assert_int_equal(file_write(path, SPAN("garbage"), 0600), 0);
	secret = open_secret(w, -EBADMSG);
	assert_int_equal(session_secret_peek(secret).len, 0);
	session_secret_free(secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_kept_is_presented_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_kept_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_said_and_nothing_is_presented, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

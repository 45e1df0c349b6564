/* Every allocation fails in turn: in the vault, and in a store that it seals. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/store_seal.h"
#include "base/files.h"
#include "cache/cache.h"
#include "tests/tools/failmalloc.h"
#include "tests/tools/tempdir.h"

#define PLAIN "what must not be lost"
#define NOW_MS 1790000000000

struct place {
	char base[64], vault[96], file[96], store[96];
	struct vault *kept; /* of the store's test */
	unsigned turn;
	struct cache_seal seal;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	(void)snprintf(p->base, sizeof(p->base), "/tmp/holdfast-vault-faults-XXXXXX");
	if (!mkdtemp(p->base))
		return -1;
	(void)snprintf(p->vault, sizeof(p->vault), "%s/vault", p->base);
	(void)snprintf(p->file, sizeof(p->file), "%s/file", p->base);
	(void)snprintf(p->store, sizeof(p->store), "%s/store.db", p->base);
	*state = p;
	return 0;
}

static void clear(struct place *p)
{
	(void)tempdir_remove(p->vault);
	(void)tempdir_remove(p->base);
}

static int teardown(void **state)
{
	struct place *p = *state;

	vault_free(p->kept);
	clear(p);
	free(p);
	return 0;
}

static int open_vault(const struct place *p, struct vault **out)
{
	struct vault_settings settings = { .data_dir = p->base, .wrap = "file" };
	struct err err = { 0 };

	return vault_open_data(&settings, out, &err);
}

static int use_files(const struct place *p, struct vault *vault)
{
	struct buf out;
	int code = file_write(p->file, SPAN(PLAIN), 0600);

	buf_init(&out, 4096);
	if (!code)
		code = vault_file_settle(vault, p->file);
	if (!code)
		code = vault_file_write(vault, p->file, SPAN(PLAIN));
	if (!code)
		code = vault_rotate_begin(vault, NULL);
	if (!code)
		code = vault_settle_files(vault, p->base, NULL, NULL);
	if (!code)
		code = vault_rotate_end(vault, NULL);
	if (!code)
		code = vault_file_read(vault, p->file, &out);
	if (!code && !span_is(buf_span(&out), PLAIN))
		code = -EBADMSG;
	buf_done(&out);
	return code;
}

/* As an operator does it; each key is another one. */
static int replace_key_file(struct place *p)
{
	char key[128], old[128], text[80];

	(void)snprintf(key, sizeof(key), "%s/key", p->vault);
	(void)snprintf(old, sizeof(old), "%s/key.old", p->vault);
	(void)snprintf(text, sizeof(text), "%064x\n", ++p->turn);
	return rename(key, old) ? -errno : file_write(key, span_of(text), 0600);
}

static int use_vault(void *ctx)
{
	struct place *p = ctx;
	struct vault *vault = NULL;
	int code = open_vault(p, &vault);

	vault_free(vault);
	vault = NULL;
	if (!code)
		code = replace_key_file(p);
	if (!code)
		code = open_vault(p, &vault);
	if (!code)
		code = use_files(p, vault);
	vault_free(vault);
	return code;
}

static void the_vault_gets_by_without_memory(void **state)
{
	struct place *p = *state;
	struct vault *vault = NULL;

	assert_true(failmalloc_walk(use_vault, p) > 20);
	/* Whatever was cut short on the way: it opens, and only one key is left. */
	assert_int_equal(open_vault(p, &vault), 0);
	assert_int_equal(use_files(p, vault), 0);
	vault_free(vault);
}

/* --- a sealed store --- */

static void note(void *ctx, const struct cache_result *result)
{
	*(int *)ctx = result->code;
}

static int run(struct cache *cache, struct cache_op *ops, size_t count)
{
	int result = -ENOTRECOVERABLE, code = cache_submit(cache, ops, count, note, &result);

	if (code < 0)
		return code;
	cache_dispatch(cache, NOW_MS);
	return result;
}

static int reseal(struct cache *cache)
{
	int result = -ENOTRECOVERABLE, code = cache_reseal(cache, 0, note, &result);

	if (code < 0)
		return code;
	cache_dispatch(cache, NOW_MS);
	return result;
}

static int read_back(struct cache *cache)
{
	struct key key = { "secrets", "ns", "a" };
	struct object *object = NULL;
	struct buf out;
	int code = cache_get(cache, &key, &object);

	buf_init(&out, 4096);
	if (!code && !span_is(object->body, PLAIN))
		code = -EBADMSG;
	object_unref(object);
	if (!code)
		code = cache_mark_get(cache, "outbox/entry/1", &out);
	if (!code && !span_is(buf_span(&out), PLAIN))
		code = -EBADMSG;
	buf_done(&out);
	return code;
}

static int use_store(void *ctx)
{
	struct place *p = ctx;
	struct cache_options options = { .path = p->store, .seal = &p->seal, .inline_commits = true };
	struct cache_op ops[2] = { { .type = CACHE_PUT },
				   { .type = CACHE_MARK, .mark = "outbox/entry/1", .value = SPAN(PLAIN) } };
	struct cache *cache = NULL;
	struct err err = { 0 };
	int code = cache_open(&options, &cache, &err);

	if (!code) {
		ops[0].object = object_new(
			&(struct object){ .key = { "secrets", "ns", "a" }, .uid = "u", .body = SPAN(PLAIN) });
		code = ops[0].object ? run(cache, ops, 2) : -ENOMEM;
	}
	if (!code)
		code = read_back(cache);
	if (!code)
		code = vault_rotate_begin(p->kept, NULL);
	if (!code)
		code = reseal(cache);
	if (!code)
		code = read_back(cache);
	cache_close(cache);
	return code;
}

static void a_sealed_store_loses_nothing_without_memory(void **state)
{
	struct place *p = *state;

	assert_int_equal(open_vault(p, &p->kept), 0);
	p->seal = store_seal(p->kept);
	assert_true(failmalloc_walk(use_store, p) > 20);
	assert_int_equal(use_store(p), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_vault_gets_by_without_memory),
		TEST(a_sealed_store_loses_nothing_without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

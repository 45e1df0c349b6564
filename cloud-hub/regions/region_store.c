/* region_store: Region objects, and the keys that lie beside them in the store: written in one transaction. */
#include "api/write.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/backup/restored.h"
#include "cloud-hub/regions/regions_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE REGIONS_MODULE
#define RESOURCE GRAPH_REGIONS
#define RETRY_MS 2000u
#define KEYS_MAX 4096u
/* So many keys and versions fit between two restores. */
#define RESTORE_SHIFT 20u
#define RESTORES_MAX 4000u
#define MARK_SIZE (sizeof(REGIONS_MARK_PREFIX) + ROSTER_REGION_SIZE)

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

/* --- the key that signs --- */

static int make_signer(struct regions *regions)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = REGIONS_SIGNER_MARK };
	struct buf pem;
	int code = x509_key_new(&regions->signer);

	buf_init(&pem, X509_PEM_MAX);
	if (!code)
		code = x509_key_write(regions->signer, &pem);
	op.value = buf_span(&pem);
	if (!code) /* before anything that it signs, which goes the same way */
		code = cache_submit(regions->cache, &op, 1, NULL, NULL);
	wipe(&pem);
	return code;
}

static int read_floor(struct regions *regions)
{
	struct buf text;
	uint64_t restores = 0;
	int code;

	buf_init(&text, 64);
	code = cache_mark_get(regions->cache, RESTORED_GENERATION_MARK, &text);
	if (!code)
		code = span_to_u64(buf_span(&text), &restores);
	buf_done(&text);
	if (restores > RESTORES_MAX)
		restores = RESTORES_MAX;
	regions->floor = (uint32_t)(restores << RESTORE_SHIFT);
	return code == -ENOENT ? 0 : code;
}

static int read_gone(struct regions *regions)
{
	struct buf text;
	int code;

	buf_init(&text, 64);
	code = cache_mark_get(regions->cache, REGIONS_GONE_MARK, &text);
	if (!code)
		code = span_to_u64(buf_span(&text), &regions->gone_version);
	buf_done(&text);
	return code == -ENOENT ? 0 : code;
}

int regions_open_signer(struct regions *regions)
{
	struct buf pem;
	int code = read_floor(regions);

	buf_init(&pem, X509_PEM_MAX);
	if (!code)
		code = read_gone(regions);
	if (!code) {
		code = cache_mark_get(regions->cache, REGIONS_SIGNER_MARK, &pem);
		if (!code)
			code = x509_key_parse(buf_span(&pem), &regions->signer, NULL);
		else if (code == -ENOENT)
			code = make_signer(regions);
	}
	wipe(&pem);
	return code ? code : x509_key_spki(regions->signer, &regions->signer_spki);
}

/* --- keys --- */

static void mark_of(const struct region *region, char out[MARK_SIZE])
{
	(void)snprintf(out, MARK_SIZE, REGIONS_MARK_PREFIX "%s", region->name);
}

int region_load_keys(struct region *region, const struct json *tree)
{
	char mark[MARK_SIZE];
	struct buf keys;
	int code;

	mark_of(region, mark);
	buf_init(&keys, CACHE_MARK_MAX);
	code = cache_mark_get(region->regions->cache, mark, &keys);
	if (!code || code == -ENOENT) {
		code = membership_load(region->membership, tree, buf_span(&keys));
		if (code == -EINVAL) {
			log_error(MODULE, "keys-damaged", "region=%s: it gets new ones", region->name);
			code = 0;
		}
	}
	wipe(&keys);
	return code;
}

/* --- writing --- */

/* A write under way. */
struct region_write {
	struct list_node node;
	struct regions *regions; /* NULL: gone */
	bool is_roster;
	char name[ROSTER_REGION_SIZE];
};

void regions_forget_writes(struct regions *regions)
{
	struct list_node *node;

	while ((node = list_pop(&regions->writes)))
		container_of(node, struct region_write, node)->regions = NULL;
}

static struct region_write *write_new(struct region *region, bool is_roster)
{
	struct region_write *write = calloc(1, sizeof(*write));

	if (!write)
		return NULL;
	write->regions = region->regions;
	write->is_roster = is_roster;
	memcpy(write->name, region->name, sizeof(write->name));
	list_push(&region->regions->writes, &write->node);
	region->is_writing = true;
	return write;
}

/* Returns when to go on. */
static uint64_t write_end(struct region_write *write, int code)
{
	struct regions *regions = write->regions;
	struct region *region = regions ? regions_find(regions, span_of(write->name)) : NULL;

	if (regions)
		list_remove(&regions->writes, &write->node);
	if (region) {
		region->is_writing = false;
		if (write->is_roster)
			membership_written(region->membership, code == 0);
		region->retry_ms = code ? regions_now(regions) + RETRY_MS : 0;
		if (code && code != -EEXIST && code != -ENOENT)
			log_warn(MODULE, "not-written", "region=%s error=%d", region->name, code);
	}
	free(write);
	return region ? region->retry_ms : TIMERQ_NEVER;
}

static void on_written(void *ctx, const struct api_written *written)
{
	struct region_write *write = ctx;
	struct region *region = write->regions ? regions_find(write->regions, span_of(write->name)) : NULL;
	uint64_t again = write_end(write, written->code);

	if (region)
		region_look(region, again);
}

static int fill(void *ctx, struct json *tree, const struct object *stored)
{
	const struct region_write *write = ctx;
	struct region *region = write->regions ? regions_find(write->regions, span_of(write->name)) : NULL;

	(void)stored;
	return region ? membership_write(region->membership, buf_span(&region->regions->signer_spki),
					 region->regions->floor, tree)
		      : 1;
}

static uint64_t write_roster(struct region *region)
{
	struct regions *regions = region->regions;
	const struct key key = { RESOURCE, "", region->name };
	struct region_write *write = write_new(region, true);
	char mark[MARK_SIZE], past_mark[REGIONS_MARK_SIZE];
	struct cache_op ops[] = { { .type = CACHE_MARK, .mark = mark },
				  { .type = CACHE_MARK, .mark = past_mark } };
	struct api_extra_ops extra = { ops, 2 };
	struct buf keys, past;
	int code;

	if (!write)
		return regions_now(regions) + RETRY_MS;
	mark_of(region, mark);
	(void)snprintf(past_mark, sizeof(past_mark), REGIONS_PAST_PREFIX "%s", region->name);
	buf_init(&keys, KEYS_MAX);
	buf_init(&past, ROSTER_PAST_BYTES_MAX);
	code = membership_write_keys(region->membership, &keys);
	if (!code)
		code = roster_past_write(membership_past(region->membership), &past);
	ops[0].value = buf_span(&keys);
	ops[1].value = buf_span(&past);
	if (!code)
		code = api_mutate(regions->options.api, &key, API_PART_STATUS, fill, &extra, NULL, on_written,
				  write);
	wipe(&keys);
	buf_done(&past);
	region->past_due = true;
	return code ? write_end(write, code == 1 ? 0 : code) : TIMERQ_NEVER;
}

static struct json *new_region(const char *name)
{
	struct json *tree = json_new_object();

	if (!tree || json_set_str(tree, "apiVersion", "health.holdfast.io/v1") ||
	    json_set_str(tree, "kind", "Region") ||
	    json_set_str(json_ensure(tree, "metadata"), "name", name) ||
	    json_set(tree, "spec", json_new_object())) {
		json_free(tree);
		return NULL;
	}
	return tree;
}

static uint64_t create(struct region *region)
{
	struct json *tree = new_region(region->name);
	struct region_write *write = tree ? write_new(region, false) : NULL;
	int code;

	if (!write) {
		json_free(tree);
		return regions_now(region->regions) + RETRY_MS;
	}
	code = api_create(region->regions->options.api, tree, NULL, NULL, on_written, write);
	return code ? write_end(write, code) : TIMERQ_NEVER;
}

/* A node that was left with one of its rosters must not take those of the next region of this name for older ones. */
static uint64_t remove_region(struct region *region)
{
	struct regions *regions = region->regions;
	const struct key key = { RESOURCE, "", region->name };
	struct region_write *write = write_new(region, false);
	char mark[MARK_SIZE], past_mark[REGIONS_MARK_SIZE], gone[32];
	struct cache_op ops[] = { { .type = CACHE_MARK, .mark = mark },
				  { .type = CACHE_MARK, .mark = past_mark },
				  { .type = CACHE_MARK, .mark = REGIONS_GONE_MARK } };
	struct api_extra_ops extra = { ops, 3 };
	int code;

	if (!write)
		return regions_now(regions) + RETRY_MS;
	if (membership_version(region->membership) > regions->gone_version)
		regions->gone_version = membership_version(region->membership);
	mark_of(region, mark);
	(void)snprintf(past_mark, sizeof(past_mark), REGIONS_PAST_PREFIX "%s", region->name);
	(void)snprintf(gone, sizeof(gone), "%llu", (unsigned long long)regions->gone_version);
	ops[2].value = span_of(gone);
	code = api_delete(regions->options.api, &key, NULL, &extra, NULL, on_written, write);
	return code ? write_end(write, code == 1 ? 0 : code) : TIMERQ_NEVER;
}

static int prepare(struct region *region)
{
	struct regions *regions = region->regions;
	uint32_t before = membership_generation(region->membership);
	int code = membership_prepare(region->membership, regions->signer, regions->floor,
				      MEMBERSHIP_SEALS_PER_STEP);

	region->figures.rotations += before && membership_generation(region->membership) > before;
	return code;
}

uint64_t region_store(struct region *region)
{
	struct regions *regions = region->regions;
	uint64_t now = regions_now(regions);
	int code;

	if (region->is_writing)
		return TIMERQ_NEVER;
	if (now < region->retry_ms)
		return region->retry_ms;
	if (!membership_count(region->membership) && !region->is_edited)
		return region->is_stored ? remove_region(region) : TIMERQ_NEVER;
	if (!region->is_stored)
		return membership_count(region->membership) ? create(region) : TIMERQ_NEVER;
	if (!membership_is_due(region->membership))
		return TIMERQ_NEVER;
	code = prepare(region);
	if (code < 0)
		log_error(MODULE, "keys-not-made", "region=%s error=%d", region->name, code);
	if (code)
		return code == 1 ? now : now + RETRY_MS;
	return write_roster(region);
}

#include "edge-hub/pods/volume_files.h"

#include <errno.h>

#include "edge-hub/pods/payload.h"

struct collecting {
	const struct pod_world *world;
	const struct volume_spec *volume;
	const struct volume_source *source;
	struct file_set *files;
	struct err *err;
};

static unsigned mode_of(const struct collecting *c, const struct opt_int *mode)
{
	unsigned bits = (unsigned)(mode && mode->set ? mode->value : c->volume->default_mode);

	return c->world->spec->security.fs_group.set ? bits | 0440 : bits;
}

static int add(const struct collecting *c, const char *path, struct span data, const struct opt_int *mode)
{
	int rc = file_set_add(c->files, path, data, mode_of(c, mode));

	return rc ? err_set(c->err, rc, "file \"%.80s\" cannot be made", path) : 0;
}

static int add_key(void *ctx, const char *key, struct span value)
{
	return add(ctx, key, value, NULL);
}

static int add_items(const struct collecting *c, const struct payload *payload)
{
	const struct key_path *items = c->source->items.v;
	struct buf value;
	int rc = 0;

	buf_init(&value, PAYLOAD_MAX);
	for (uint32_t i = 0; !rc && i < c->source->items.n; i++) {
		buf_reset(&value);
		rc = payload_value(payload, items[i].key, &value);
		if (rc == -ENOENT && c->source->optional)
			rc = 0;
		else if (rc)
			rc = err_set(c->err, rc, "references non-existent config key: %s", items[i].key);
		else
			rc = add(c, items[i].path, buf_span(&value), &items[i].mode);
	}
	if (value.data)
		explicit_bzero(value.data, value.cap);
	buf_done(&value);
	return rc;
}

static int add_object(struct collecting *c, bool secret)
{
	const struct object *object = NULL;
	struct payload payload;
	int rc = c->world->lookup(c->world->ctx, secret ? "secrets" : "configmaps", c->source->name, &object);

	if (rc == -ENOENT && c->source->optional)
		return 0;
	if (rc)
		return err_set(c->err, rc,
			       rc == -ENOENT ? "%s \"%s\" not found" : "%s \"%s\" is not known yet",
			       secret ? "secret" : "configmap", c->source->name);
	rc = payload_open(object, secret, &payload);
	object_unref(object);
	if (rc)
		return err_set(c->err, rc, "%s \"%s\" cannot be read", secret ? "secret" : "configmap",
			       c->source->name);
	rc = c->source->items.n ? add_items(c, &payload) : payload_each(&payload, true, add_key, c);
	payload_close(&payload);
	return rc;
}

static int downward_value(const struct collecting *c, const struct downward_item *item, struct buf *value)
{
	const struct container_spec *container =
		item->container[0] ? spec_container(c->world->spec, item->container) : NULL;

	if (item->field[0])
		return env_field(c->world, item->field, value);
	return container ? env_resource(c->world, container, item->resource, item->divisor_milli, value)
			 : -EINVAL;
}

static int add_downward(const struct collecting *c)
{
	const struct downward_item *items = c->source->downward.v;
	struct buf value;
	int rc = 0;

	buf_init(&value, PAYLOAD_MAX);
	for (uint32_t i = 0; !rc && i < c->source->downward.n; i++) {
		buf_reset(&value);
		if (downward_value(c, &items[i], &value))
			rc = err_set(c->err, -EINVAL,
				     "downward API file \"%.80s\" names nothing that can be given",
				     items[i].path);
		else
			rc = add(c, items[i].path, buf_span(&value), &items[i].mode);
	}
	buf_done(&value);
	return rc;
}

static int add_token(const struct collecting *c)
{
	struct buf value;
	int rc = c->world->token ? 0 : -ENOSYS;

	buf_init(&value, 64u * 1024);
	if (!rc)
		rc = c->world->token(c->world->ctx, c->source->token_audience, c->source->token_expiration_s,
				     &value);
	if (rc)
		rc = err_set(c->err, rc, "service account token is not available");
	else
		rc = add(c, c->source->token_path, buf_span(&value), NULL);
	if (value.data)
		explicit_bzero(value.data, value.cap);
	buf_done(&value);
	return rc;
}

static int add_source(struct collecting *c)
{
	switch (c->source->kind) {
	case SOURCE_CONFIG_MAP:
	case SOURCE_SECRET: return add_object(c, c->source->kind == SOURCE_SECRET);
	case SOURCE_DOWNWARD: return add_downward(c);
	case SOURCE_TOKEN: return add_token(c);
	default: return err_set(c->err, -EOPNOTSUPP, "source of files is not supported");
	}
}

int volume_files_collect(const struct pod_world *world, const struct volume_spec *volume,
			 struct file_set *out, struct err *err)
{
	const struct volume_source *sources = volume->sources.v;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < volume->sources.n; i++) {
		struct collecting c = {
			.world = world, .volume = volume, .source = &sources[i], .files = out, .err = err
		};

		rc = add_source(&c);
	}
	return rc;
}

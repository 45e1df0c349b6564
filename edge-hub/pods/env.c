#include "edge-hub/pods/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge-hub/pods/payload.h"

/* --- the list --- */
const char *env_get(const struct env_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, name) == 0)
			return list->v[i].value;
	return NULL;
}

static int grow(struct env_list *list)
{
	size_t cap = list->cap ? list->cap * 2 : 16;
	struct env_entry *v;

	if (list->n < list->cap)
		return 0;
	if (cap > ENV_VARS_MAX)
		return -E2BIG;
	v = realloc(list->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	list->v = v;
	list->cap = cap;
	return 0;
}

static int put(struct env_list *list, const char *name, struct span value)
{
	const char *copy =
		value.len && memchr(value.ptr, '\0', value.len) ? NULL : arena_str(&list->arena, value);
	int rc;

	if (!copy)
		return value.len && memchr(value.ptr, '\0', value.len) ? -EINVAL : list->arena.error;
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i].name, name) != 0)
			continue;
		list->v[i].value = copy;
		return 0;
	}
	rc = grow(list);
	if (rc)
		return rc;
	name = arena_str(&list->arena, span_of(name));
	if (!name)
		return list->arena.error;
	list->v[list->n++] = (struct env_entry){ name, copy };
	return 0;
}

void env_done(struct env_list *list)
{
	arena_done(&list->arena);
	free(list->v);
	*list = (struct env_list){ 0 };
}

/* --- expansion --- */
static int expand(struct span text, const struct env_list *list, bool known, struct buf *out)
{
	size_t i = 0;

	while (i < text.len) {
		const char *end, *value = NULL;
		char name[256];

		if (text.ptr[i] != '$' || i + 1 == text.len) {
			buf_add_char(out, text.ptr[i++]);
			continue;
		}
		if (text.ptr[i + 1] == '$') {
			buf_add_char(out, '$');
			i += 2;
			continue;
		}
		end = text.ptr[i + 1] == '(' ? memchr(text.ptr + i, ')', text.len - i) : NULL;
		if (!end) {
			buf_add(out, text.ptr + i, 2);
			i += 2;
			continue;
		}
		if (!span_copy(span_make(text.ptr + i + 2, (size_t)(end - (text.ptr + i + 2))), name,
			       sizeof(name)))
			value = env_get(list, name);
		if (!value && known)
			return -ENOENT;
		if (value)
			buf_add_str(out, value);
		else
			buf_add(out, text.ptr + i, (size_t)(end + 1 - (text.ptr + i)));
		i = (size_t)(end + 1 - text.ptr);
	}
	return buf_error(out);
}

int env_expand(struct span text, const struct env_list *list, struct buf *out)
{
	return expand(text, list, false, out);
}

int env_expand_known(struct span text, const struct env_list *list, struct buf *out)
{
	return expand(text, list, true, out);
}

/* --- fields of the pod --- */
static void add_quoted(struct buf *out, const char *s)
{
	buf_add_char(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_addf(out, "\\%c", *s);
		else if (*s == '\n')
			buf_add_str(out, "\\n");
		else if (*s == '\t')
			buf_add_str(out, "\\t");
		else if (*s == '\r')
			buf_add_str(out, "\\r");
		else
			buf_add_char(out, *s);
	}
	buf_add_char(out, '"');
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* key="value" lines, sorted: the form of metadata.labels in a file. */
static int add_map(const struct pair_list *map, struct buf *out)
{
	struct pair *sorted = calloc(map->n ? map->n : 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	if (map->n)
		memcpy(sorted, map->v, map->n * sizeof(*sorted));
	qsort(sorted, map->n, sizeof(*sorted), by_key);
	for (uint32_t i = 0; i < map->n; i++) {
		buf_addf(out, "%s%s=", i ? "\n" : "", sorted[i].key);
		add_quoted(out, sorted[i].value);
	}
	free(sorted);
	return buf_error(out);
}

static int map_field(const struct pair_list *map, struct span rest, struct buf *out)
{
	const char *value;
	char key[330];

	if (!rest.len)
		return add_map(map, out);
	if (rest.len < 5 || !span_has_prefix(rest, SPAN("['")) || !span_has_suffix(rest, SPAN("']")))
		return -EINVAL;
	if (span_copy(span_make(rest.ptr + 2, rest.len - 4), key, sizeof(key)))
		return -EINVAL;
	value = pair_list_get(map, key);
	return value ? buf_add_str(out, value) : 0;
}

int env_field(const struct pod_world *world, const char *path, struct buf *out)
{
	const struct pod_spec *spec = world->spec;
	const char *pod_ips = spec->host_network ? world->host_ip : world->pod_ips;
	struct span first, rest;
	const struct {
		const char *path, *value;
	} plain[] = {
		{ "metadata.name", spec->name },
		{ "metadata.namespace", spec->ns },
		{ "metadata.uid", spec->uid },
		{ "spec.nodeName", world->node_name },
		{ "spec.serviceAccountName", spec->service_account },
		{ "status.hostIP", world->host_ip },
		{ "status.hostIPs", world->host_ip },
		{ "status.podIPs", pod_ips },
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(plain[i].path, path) == 0)
			return buf_add_str(out, plain[i].value);
	if (strcmp(path, "status.podIP") == 0) {
		span_cut(span_of(pod_ips), ',', &first, &rest);
		return buf_add_span(out, first);
	}
	rest = span_of(path);
	if (span_has_prefix(rest, SPAN("metadata.labels")))
		return map_field(&spec->labels, span_of(path + 15), out);
	if (span_has_prefix(rest, SPAN("metadata.annotations")))
		return map_field(&spec->annotations, span_of(path + 20), out);
	return -EINVAL;
}

/* --- resources --- */
static int64_t round_up(int64_t value, int64_t unit)
{
	return unit > 0 ? value / unit + (value % unit > 0) : value;
}

static int64_t or_else(const struct opt_int *n, int64_t fallback)
{
	return n->set && n->value ? n->value : fallback;
}

int env_resource(const struct pod_world *world, const struct container_spec *container, const char *resource,
		 int64_t divisor_milli, struct buf *out)
{
	const struct resource_spec *r = &container->resources;
	const struct {
		const char *name;
		bool milli;
		int64_t value;
	} known[] = {
		{ "limits.cpu", true, or_else(&r->cpu_limit_milli, world->allocatable_cpu_milli) },
		{ "requests.cpu", true, or_else(&r->cpu_request_milli, 0) },
		{ "limits.memory", false, or_else(&r->memory_limit, world->allocatable_memory_bytes) },
		{ "requests.memory", false, or_else(&r->memory_request, 0) },
		{ "limits.ephemeral-storage", false, or_else(&r->storage_limit, 0) },
		{ "requests.ephemeral-storage", false, or_else(&r->storage_request, 0) },
	};
	int64_t divisor = divisor_milli > 0 ? divisor_milli : 1000;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, resource) != 0)
			continue;
		if (!known[i].milli)
			divisor = round_up(divisor, 1000);
		return buf_addf(out, "%lld", (long long)round_up(known[i].value, divisor));
	}
	return -EINVAL;
}

/* --- variables --- */
struct from {
	struct env_list *list;
	const char *prefix;
};

static int put_from(void *ctx, const char *key, struct span value)
{
	struct from *from = ctx;
	char name[512];

	snprintf(name, sizeof(name), "%s%s", from->prefix, key);
	return strchr(name, '=') ? 0 : put(from->list, name, value);
}

static int open_object(const struct pod_world *world, bool secret, const char *name, struct payload *out,
		       struct err *err)
{
	const struct object *object = NULL;
	int rc = world->lookup(world->ctx, secret ? "secrets" : "configmaps", name, &object);

	if (rc == -EAGAIN)
		return err_set(err, rc, "%s \"%s\" is not known yet", secret ? "secret" : "configmap", name);
	if (rc)
		return err_set(err, rc, "%s \"%s\" not found", secret ? "secret" : "configmap", name);
	rc = payload_open(object, secret, out);
	object_unref(object);
	return rc ? err_set(err, rc, "%s \"%s\" cannot be read", secret ? "secret" : "configmap", name) : 0;
}

static int resolve_from(const struct pod_world *world, const struct env_from *from, struct env_list *list,
			struct err *err)
{
	bool secret = from->secret[0] != '\0';
	struct from to = { list, from->prefix };
	struct payload payload;
	int rc = open_object(world, secret, secret ? from->secret : from->config_map, &payload, err);

	if (rc)
		return rc == -ENOENT && from->optional ? 0 : rc;
	rc = payload_each(&payload, false, put_from, &to);
	payload_close(&payload);
	return rc ? err_set(err, rc, "values of envFrom cannot be used") : 0;
}

static int resolve_key(const struct pod_world *world, const struct env_var *var, struct buf *value,
		       struct err *err)
{
	bool secret = var->source == ENV_SECRET;
	struct payload payload;
	int rc = open_object(world, secret, var->ref, &payload, err);

	if (rc)
		return rc;
	rc = payload_value(&payload, var->key, value);
	payload_close(&payload);
	return rc ? err_set(err, rc, "couldn't find key %s in %s %s/%s", var->key,
			    secret ? "Secret" : "ConfigMap", world->spec->ns, var->ref)
		  : 0;
}

static int resolve_value(const struct pod_world *world, const struct container_spec *container,
			 const struct env_var *var, const struct env_list *list, struct buf *value,
			 struct err *err)
{
	const struct container_spec *of = var->ref[0] && var->source == ENV_RESOURCE
						  ? spec_container(world->spec, var->ref)
						  : container;

	switch (var->source) {
	case ENV_VALUE: return env_expand(span_of(var->value), list, value);
	case ENV_FIELD:
		return env_field(world, var->key, value)
			       ? err_set(err, -EINVAL, "fieldPath \"%s\" of %s is not known", var->key,
					 var->name)
			       : 0;
	case ENV_RESOURCE:
		if (!of || env_resource(world, of, var->key, var->divisor_milli, value))
			return err_set(err, -EINVAL, "resource \"%s\" of %s is not known", var->key,
				       var->name);
		return 0;
	case ENV_CONFIG_MAP:
	case ENV_SECRET: return resolve_key(world, var, value, err);
	default: return err_set(err, -EINVAL, "the source of %s is not supported", var->name);
	}
}

static int resolve_all(const struct pod_world *world, const struct container_spec *container,
		       struct env_list *list, struct buf *value, struct err *err)
{
	const struct env_from *from = container->env_from.v;
	const struct env_var *vars = container->env.v;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < container->env_from.n; i++)
		rc = resolve_from(world, &from[i], list, err);
	for (uint32_t i = 0; !rc && i < container->env.n; i++) {
		buf_reset(value);
		rc = resolve_value(world, container, &vars[i], list, value, err);
		if (rc == -ENOENT && vars[i].optional)
			rc = 0;
		else if (!rc)
			rc = put(list, vars[i].name, buf_span(value));
	}
	return rc;
}

int env_resolve(const struct pod_world *world, const struct container_spec *container, struct env_list *out,
		struct err *err)
{
	struct buf value;
	int rc;

	*out = (struct env_list){ 0 };
	arena_init(&out->arena, ENV_BYTES_MAX);
	buf_init(&value, ENV_BYTES_MAX);
	rc = resolve_all(world, container, out, &value, err);
	if (value.data)
		explicit_bzero(value.data, value.cap);
	buf_done(&value);
	if (rc)
		env_done(out);
	if (rc && err && !err->code)
		err_set(err, rc, "the environment cannot be made");
	return rc;
}

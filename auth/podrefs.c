#include "auth/podrefs.h"

#include <errno.h>

/* Where a volume source names something: the path below the volume. k8s.io/api core/v1 VolumeSource, release 1.32. */
static const struct volume_ref {
	const char *path;
	enum graph_rank rank;
} volume_refs[] = {
	{ "secret.secretName", GRAPH_SECRET },
	{ "configMap.name", GRAPH_CONFIG_MAP },
	{ "persistentVolumeClaim.claimName", GRAPH_CLAIM },
	{ "csi.nodePublishSecretRef.name", GRAPH_SECRET },
	{ "flexVolume.secretRef.name", GRAPH_SECRET },
	{ "azureFile.secretName", GRAPH_SECRET },
	{ "cephfs.secretRef.name", GRAPH_SECRET },
	{ "cinder.secretRef.name", GRAPH_SECRET },
	{ "iscsi.secretRef.name", GRAPH_SECRET },
	{ "rbd.secretRef.name", GRAPH_SECRET },
	{ "scaleIO.secretRef.name", GRAPH_SECRET },
	{ "storageos.secretRef.name", GRAPH_SECRET },
};
static const struct volume_ref projected_refs[] = {
	{ "secret.name", GRAPH_SECRET },
	{ "configMap.name", GRAPH_CONFIG_MAP },
};
static const struct volume_ref env_refs[] = {
	{ "valueFrom.secretKeyRef.name", GRAPH_SECRET },
	{ "valueFrom.configMapKeyRef.name", GRAPH_CONFIG_MAP },
};
static const struct volume_ref env_from_refs[] = {
	{ "secretRef.name", GRAPH_SECRET },
	{ "configMapRef.name", GRAPH_CONFIG_MAP },
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct visit {
	int (*each)(void *ctx, enum graph_rank rank, const char *name);
	void *ctx;
};

static int visit_name(const struct visit *v, enum graph_rank rank, const struct json *value)
{
	const char *name = json_str(value, "");

	return *name ? v->each(v->ctx, rank, name) : 0;
}

static int visit_table(const struct visit *v, const struct json *item, const struct volume_ref *refs,
		       size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = visit_name(v, refs[i].rank, json_path(item, refs[i].path));
	return rc;
}

static int visit_list(const struct visit *v, const struct json *list, const struct volume_ref *refs,
		      size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(list); i++)
		rc = visit_table(v, json_at(list, i), refs, count);
	return rc;
}

static int visit_volumes(const struct visit *v, const struct json *volumes)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(volumes); i++) {
		const struct json *volume = json_at(volumes, i);

		rc = visit_table(v, volume, volume_refs, COUNT(volume_refs));
		if (!rc)
			rc = visit_list(v, json_path(volume, "projected.sources"), projected_refs,
					COUNT(projected_refs));
	}
	return rc;
}

static int visit_containers(const struct visit *v, const struct json *containers)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(containers); i++) {
		const struct json *container = json_at(containers, i);

		rc = visit_list(v, json_get(container, "env"), env_refs, COUNT(env_refs));
		if (!rc)
			rc = visit_list(v, json_get(container, "envFrom"), env_from_refs,
					COUNT(env_from_refs));
	}
	return rc;
}

static int visit_pull_secrets(const struct visit *v, const struct json *secrets)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(secrets); i++)
		rc = visit_name(v, GRAPH_SECRET, json_get(json_at(secrets, i), "name"));
	return rc;
}

static int visit_but_account(const struct visit *v, const struct json *spec)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	int rc = visit_pull_secrets(v, json_get(spec, "imagePullSecrets"));

	if (!rc)
		rc = visit_volumes(v, json_get(spec, "volumes"));
	for (size_t i = 0; !rc && i < COUNT(lists); i++)
		rc = visit_containers(v, json_get(spec, lists[i]));
	return rc;
}

static const char *account_of(const struct json *spec)
{
	const char *name = json_str(json_get(spec, "serviceAccountName"), "");

	return *name ? name : json_str(json_get(spec, "serviceAccount"), "");
}

bool podrefs_is_mirror(const struct json *pod)
{
	return json_get(json_path(pod, "metadata.annotations"), PODREFS_MIRROR) != NULL;
}

int podrefs_each(const struct json *pod, int (*each)(void *ctx, enum graph_rank rank, const char *name),
		 void *ctx)
{
	const struct visit v = { each, ctx };
	const struct json *spec = json_get(pod, "spec");
	const char *account = account_of(spec);
	/* A mirror of a static pod has no account, not even the default one: nodes make mirrors in any namespace. */
	bool has_account = *account || !podrefs_is_mirror(pod);
	int rc = has_account ? each(ctx, GRAPH_SERVICE_ACCOUNT, *account ? account : "default") : 0;

	return rc ? rc : visit_but_account(&v, spec);
}

static int name_first(void *ctx, enum graph_rank rank, const char *name)
{
	static const char *const kinds[GRAPH_RANKS] = {
		[GRAPH_SERVICE_ACCOUNT] = "service account",
		[GRAPH_CONFIG_MAP] = "config map",
		[GRAPH_SECRET] = "secret",
		[GRAPH_CLAIM] = "persistent volume claim",
	};

	(void)buf_addf(ctx, "%s %s", kinds[rank], name);
	return 1;
}

bool podrefs_any(const struct json *pod, struct buf *out_what)
{
	const struct visit v = { name_first, out_what };
	const struct json *spec = json_get(pod, "spec");
	const char *account = account_of(spec);

	if (*account)
		return name_first(out_what, GRAPH_SERVICE_ACCOUNT, account) == 1;
	return visit_but_account(&v, spec) == 1;
}

/* Images: present, pulled, or why not. A registry that cannot be reached is no reason to keep a pod down when its image
 * is on this machine: that is what living without a cloud means, also under imagePullPolicy Always. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "edge-hub/pods/agent_internal.h"
#include "edge-hub/pods/payload.h"

#define PULL_WHEN_PRESENT_MS 20000u

/* --- names --- */
static bool has_tag(const char *image)
{
	const char *slash = strrchr(image, '/');

	return strchr(slash ? slash : image, ':') || strchr(image, '@');
}

static const char *full_name(struct op *op)
{
	const char *image = op_container(op)->image;
	char text[600];

	if (has_tag(image))
		return image;
	snprintf(text, sizeof(text), "%.500s:latest", image);
	return arena_str(&op->arena, span_of(text));
}

static enum pull_policy policy_of(const struct container_spec *c)
{
	struct span image = span_of(c->image);

	if (c->pull_policy != PULL_UNSET)
		return (enum pull_policy)c->pull_policy;
	return !has_tag(c->image) || span_has_suffix(image, SPAN(":latest")) ? PULL_ALWAYS
									     : PULL_IF_NOT_PRESENT;
}

static void tell(struct op *op, bool warning, const char *reason, const char *fmt, const char *detail)
{
	char text[700];

	snprintf(text, sizeof(text), fmt, op_container(op)->image, detail);
	if (!op->pod->detached)
		agent_event_of(op->pod, op_container(op)->name, warning, reason, text);
}

/* --- what the runtime has --- */
static bool take_image(struct op *op, const Runtime__V1__Image *image)
{
	struct pod_container *c = &op->pod->containers[op->action.slot];
	char *id = strdup(image->id);

	if (!id)
		return false;
	free(c->image);
	c->image = id;
	c->image_root = image->uid ? image->uid->value == 0
				   : image->username[0] == '\0' || strcmp(image->username, "root") == 0;
	return true;
}

static int ask_status(struct op *op, void (*on_answer)(void *ctx, const struct cri_answer *answer))
{
	Runtime__V1__ImageStatusRequest request = RUNTIME__V1__IMAGE_STATUS_REQUEST__INIT;
	Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
	const char *name = full_name(op);

	if (!name)
		return -E2BIG;
	spec.image = (char *)(uintptr_t)name;
	request.image = &spec;
	return op_call(op, CRI_IMAGE_STATUS, &request, 0, on_answer);
}

/* --- credentials: kubernetes.io/dockerconfigjson of imagePullSecrets --- */
static struct span registry_of(const char *image)
{
	struct span head, rest;
	bool cut = span_cut(span_of(image), '/', &head, &rest);

	if (!cut || (!memchr(head.ptr, '.', head.len) && !memchr(head.ptr, ':', head.len) &&
		     !span_is(head, "localhost")))
		return SPAN("docker.io");
	return head;
}

static bool is_for(struct span registry, const char *entry)
{
	struct span host = span_of(entry), rest;

	if (span_has_prefix(host, SPAN("https://")))
		host = span_make(host.ptr + 8, host.len - 8);
	else if (span_has_prefix(host, SPAN("http://")))
		host = span_make(host.ptr + 7, host.len - 7);
	span_cut(host, '/', &host, &rest);
	return span_eq(host, registry) ||
	       (span_is(host, "index.docker.io") && span_is(registry, "docker.io"));
}

static bool split_auth(struct op *op, const char *auth, Runtime__V1__AuthConfig *out)
{
	struct span user, password;
	struct buf plain;
	bool good;

	buf_init(&plain, 8192);
	good = !text_unbase64(&plain, span_of(auth)) && span_cut(buf_span(&plain), ':', &user, &password);
	if (good) {
		out->username = arena_str(&op->arena, user);
		out->password = arena_str(&op->arena, password);
		good = out->username && out->password;
	}
	if (plain.data)
		explicit_bzero(plain.data, plain.cap);
	buf_done(&plain);
	return good;
}

static bool auth_of_config(struct op *op, struct span config, Runtime__V1__AuthConfig *out)
{
	struct json *tree = NULL;
	struct json_iter it;
	bool found = false;

	if (json_parse(config, &tree, NULL))
		return false;
	it = json_iter(json_get(tree, "auths"));
	while (!found && json_next(&it)) {
		const char *auth = json_str(json_get(it.value, "auth"), "");
		const char *user = json_str(json_get(it.value, "username"), "");

		if (!is_for(registry_of(op_container(op)->image), it.key))
			continue;
		if (user[0]) {
			out->username = arena_str(&op->arena, span_of(user));
			out->password =
				arena_str(&op->arena, span_of(json_str(json_get(it.value, "password"), "")));
			found = out->username && out->password;
		} else {
			found = split_auth(op, auth, out);
		}
	}
	json_free(tree);
	return found;
}

static bool find_auth(struct op *op, Runtime__V1__AuthConfig *out)
{
	const struct pod_spec *spec = lifecycle_spec(op->pod->lc);
	const struct pair *secrets = spec->pull_secrets.v;
	bool found = false;

	for (uint32_t i = 0; !found && i < spec->pull_secrets.n; i++) {
		const struct object *object = NULL;
		struct payload payload;
		struct buf config;

		if (op->agent->callbacks.lookup(op->agent->ctx, "secrets", spec->ns, secrets[i].key, &object))
			continue; /* as a kubelet: a missing one is passed over */
		buf_init(&config, PAYLOAD_MAX);
		if (!payload_open(object, true, &payload)) {
			if (!payload_value(&payload, ".dockerconfigjson", &config))
				found = auth_of_config(op, buf_span(&config), out);
			payload_close(&payload);
		}
		if (config.data)
			explicit_bzero(config.data, config.cap);
		buf_done(&config);
		object_unref(object);
	}
	return found;
}

/* --- pulling --- */
static void on_pulled_status(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	const Runtime__V1__ImageStatusResponse *response = answer->body;

	if (answer->code || !response->image || !take_image(op, response->image)) {
		op_done(op, answer->code ? answer->code : -ENOENT, "ErrImagePull",
			answer->code ? answer->message : "image is not there after its pull");
		return;
	}
	tell(op, false, "Pulled", "Successfully pulled image \"%s\"%s", "");
	op_done(op, 0, "", "");
}

/* Words of the network in what a runtime says of a failed pull. An answer of the registry itself has none of them. */
static bool is_unreachable(const struct cri_answer *answer)
{
	static const char *const words[] = {
		"dial tcp",
		"no such host",
		"connection refused",
		"i/o timeout",
		"network is unreachable",
		"no route to host",
		"TLS handshake timeout",
		"context deadline exceeded",
		"connection reset",
		"server misbehaving",
		"Client.Timeout",
	};

	if (answer->code == -ETIMEDOUT || answer->code == -ETIME)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(answer->message, words[i]))
			return true;
	return false;
}

static void on_pulled(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	bool present = op->pod->containers[op->action.slot].image != NULL && op->extra != NULL;

	if (!answer->code) {
		int rc = ask_status(op, on_pulled_status);

		if (rc)
			op_done(op, rc, "ErrImagePull", "the runtime cannot be asked");
		return;
	}
	if (present && is_unreachable(answer)) {
		tell(op, false, "Pulled",
		     "Registry of image \"%s\" cannot be reached; using the one already present on machine%s",
		     "");
		op_done(op, 0, "", "");
		return;
	}
	op_done(op, answer->code == -ETIMEDOUT || answer->code == -ETIME ? -EREMOTEIO : answer->code,
		"ErrImagePull", answer->message);
}

static void pull(struct op *op, bool present)
{
	Runtime__V1__PullImageRequest request = RUNTIME__V1__PULL_IMAGE_REQUEST__INIT;
	Runtime__V1__AuthConfig auth = RUNTIME__V1__AUTH_CONFIG__INIT;
	Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
	const char *name = full_name(op);
	int rc = -E2BIG;

	op->extra = present ? op : NULL; /* only whether */
	spec.image = (char *)(uintptr_t)name;
	request.image = &spec;
	request.auth = find_auth(op, &auth) ? &auth : NULL;
	tell(op, false, "Pulling", "Pulling image \"%s\"%s", "");
	if (name)
		rc = op_call(op, CRI_PULL_IMAGE, &request, present ? PULL_WHEN_PRESENT_MS : 0, on_pulled);
	if (rc)
		op_done(op, rc, "ErrImagePull", "the runtime cannot be asked");
}

static void on_present(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	const Runtime__V1__ImageStatusResponse *response = answer->body;
	const Runtime__V1__Image *image = answer->code ? NULL : response->image;
	enum pull_policy policy = policy_of(op_container(op));
	char message[400];

	if (answer->code) {
		op_done(op, answer->code, "ImageInspectError", answer->message);
		return;
	}
	if (image && !take_image(op, image)) {
		op_done(op, -ENOMEM, "ErrImagePull", "no memory");
		return;
	}
	if (image && policy != PULL_ALWAYS) {
		tell(op, false, "Pulled", "Container image \"%s\" already present on machine%s", "");
		op_done(op, 0, "", "");
	} else if (!image && policy == PULL_NEVER) {
		snprintf(message, sizeof(message),
			 "Container image \"%.300s\" is not present with pull policy of Never",
			 op_container(op)->image);
		op_done(op, -ENOENT, "ErrImageNeverPull", message);
	} else {
		pull(op, image != NULL);
	}
}

void op_pull(struct op *op)
{
	int rc;

	if (!op_container(op)->image[0] || strlen(op_container(op)->image) > 500) {
		op_done(op, -EINVAL, "InvalidImageName", "the image has no usable name");
		return;
	}
	rc = ask_status(op, on_present);
	if (rc)
		op_done(op, rc, "ErrImagePull", "the runtime cannot be asked");
}

/* --- the list for the Node object --- */
#define IMAGES_TOLD 50u

struct asking {
	struct list_node node; /* in agent->loose; first */
	struct agent *agent;
	void (*done)(void *ctx, const struct agent_image *images, size_t count);
	void *ctx;
};

/* Largest first. Runtimes list in any order, another one each time: it must not look like a change. */
static int by_size(const void *a, const void *b)
{
	const Runtime__V1__Image *x = *(Runtime__V1__Image *const *)a, *y = *(Runtime__V1__Image *const *)b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return strcmp(x->id, y->id);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t copy_images(const Runtime__V1__ListImagesResponse *list, struct arena *arena,
			  struct agent_image *out)
{
	size_t count = list->n_images < IMAGES_TOLD ? list->n_images : IMAGES_TOLD;

	qsort(list->images, list->n_images, sizeof(*list->images), by_size);
	for (size_t i = 0; i < count; i++) {
		const Runtime__V1__Image *image = list->images[i];
		const char **names =
			arena_alloc(arena, (image->n_repo_tags + image->n_repo_digests + 1) * sizeof(*names));

		if (!names)
			return i;
		for (size_t k = 0; k < image->n_repo_digests; k++)
			names[k] = image->repo_digests[k];
		for (size_t k = 0; k < image->n_repo_tags; k++)
			names[image->n_repo_digests + k] = image->repo_tags[k];
		qsort(names, image->n_repo_digests, sizeof(*names), by_name);
		qsort(names + image->n_repo_digests, image->n_repo_tags, sizeof(*names), by_name);
		out[i] = (struct agent_image){ names, image->n_repo_tags + image->n_repo_digests,
					       image->size };
	}
	return count;
}

static void on_images(void *ctx, const struct cri_answer *answer)
{
	struct asking *asking = ctx;
	struct agent_image images[IMAGES_TOLD];
	struct arena arena;
	size_t count;

	list_remove(&asking->agent->loose, &asking->node);
	arena_init(&arena, 1u << 20);
	count = answer->code ? 0 : copy_images(answer->body, &arena, images);
	asking->done(asking->ctx, images, count);
	arena_done(&arena);
	free(asking);
}

int agent_images(struct agent *agent, void (*done)(void *ctx, const struct agent_image *images, size_t count),
		 void *ctx)
{
	Runtime__V1__ListImagesRequest request = RUNTIME__V1__LIST_IMAGES_REQUEST__INIT;
	struct asking *asking = calloc(1, sizeof(*asking));
	int rc;

	if (!asking)
		return -ENOMEM;
	*asking = (struct asking){ .agent = agent, .done = done, .ctx = ctx };
	rc = cri_call(agent->cri, CRI_LIST_IMAGES, &request, 0, on_images, asking);
	if (rc)
		free(asking);
	else
		list_push(&agent->loose, &asking->node);
	return rc;
}

#include "control/service_index.h"

#include <errno.h>
#include <stdlib.h>

#include "api/selector.h"

#define PODS_MAX 100000u /* of one Service */
#define SLICES_MAX 4096u

struct space {
	struct list services; /* of struct service.in_space */
	char name[];
};
struct service {
	struct space *space;
	struct list_node in_space;
	bool exists;		   /* else only slices carry its name */
	struct selector *selector; /* NULL: chooses nothing */
	struct buf wanted;	   /* the selector as text, to see whether it changed */
	struct map pods, slices;   /* names -> present */
	char name[];
};
struct service_index {
	struct map spaces;   /* namespace -> space */
	struct map services; /* "ns/name" -> service */
};

static char present;

int service_index_new(struct service_index **out)
{
	struct service_index *index = calloc(1, sizeof(*index));

	if (!index)
		return -ENOMEM;
	map_init(&index->spaces, SERVICE_INDEX_MAX);
	map_init(&index->services, SERVICE_INDEX_MAX);
	*out = index;
	return 0;
}

static void service_free(void *value)
{
	struct service *service = value;

	selector_free(service->selector);
	buf_done(&service->wanted);
	map_done(&service->pods, NULL);
	map_done(&service->slices, NULL);
	free(service);
}

void service_index_free(struct service_index *index)
{
	if (!index)
		return;
	map_done(&index->services, service_free);
	map_done(&index->spaces, free);
	free(index);
}

/* --- finding --- */

static struct service *find(const struct service_index *index, const char *ns, const char *name)
{
	struct service *service = NULL;
	struct buf key;

	buf_init(&key, 1024);
	if (!buf_addf(&key, "%s/%s", ns, name))
		service = map_get(&index->services, buf_span(&key));
	buf_done(&key);
	return service;
}

static struct space *want_space(struct service_index *index, const char *ns)
{
	struct space *space = map_get(&index->spaces, span_of(ns));
	size_t size = strlen(ns) + 1;

	if (space)
		return space;
	space = calloc(1, sizeof(*space) + size);
	if (!space)
		return NULL;
	list_init(&space->services);
	memcpy(space->name, ns, size);
	if (!map_put(&index->spaces, span_of(ns), space, NULL))
		return space;
	free(space);
	return NULL;
}

static void release_space(struct service_index *index, struct space *space)
{
	if (space->services.count)
		return;
	(void)map_remove(&index->spaces, span_of(space->name));
	free(space);
}

static struct service *service_new(const char *name)
{
	size_t size = strlen(name) + 1;
	struct service *service = calloc(1, sizeof(*service) + size);

	if (!service)
		return NULL;
	memcpy(service->name, name, size);
	buf_init(&service->wanted, JSON_MAX_BYTES);
	map_init(&service->pods, PODS_MAX);
	map_init(&service->slices, SLICES_MAX);
	return service;
}

static struct service *want(struct service_index *index, const char *ns, const char *name)
{
	struct service *service = find(index, ns, name);
	struct space *space;
	struct buf key;
	int rc;

	if (service)
		return service;
	space = want_space(index, ns);
	service = space ? service_new(name) : NULL;
	if (!service) {
		if (space)
			release_space(index, space);
		return NULL;
	}
	buf_init(&key, 1024);
	rc = buf_addf(&key, "%s/%s", ns, name);
	if (!rc)
		rc = map_put(&index->services, buf_span(&key), service, NULL);
	buf_done(&key);
	if (rc) {
		service_free(service);
		release_space(index, space);
		return NULL;
	}
	service->space = space;
	list_push(&space->services, &service->in_space);
	return service;
}

static void release(struct service_index *index, struct service *service)
{
	struct space *space = service->space;
	struct buf key;

	if (service->exists || service->slices.count)
		return;
	buf_init(&key, 1024);
	if (!buf_addf(&key, "%s/%s", space->name, service->name))
		(void)map_remove(&index->services, buf_span(&key));
	buf_done(&key);
	list_remove(&space->services, &service->in_space);
	service_free(service);
	release_space(index, space);
}

/* --- services --- */

static void choose_nothing(struct service *service)
{
	selector_free(service->selector);
	service->selector = NULL;
	buf_reset(&service->wanted);
	map_done(&service->pods, NULL);
	map_init(&service->pods, PODS_MAX);
}

static int choose_pods(struct service *service, const struct cluster *cluster)
{
	const char *ns = service->space->name;
	struct span key;
	void *value;
	size_t cursor = 0;
	int rc = 0;

	while (!rc && map_next(&cluster->pods, &cursor, &key, &value)) {
		const struct pod_view *view = ((struct cluster_pod *)value)->view;

		if (!strcmp(view->ns, ns) && selector_match(service->selector, view->labels))
			rc = map_put(&service->pods, span_of(view->name), &present, NULL);
	}
	return rc;
}

int service_index_see(struct service_index *index, const char *ns, const char *name,
		      const struct json *selector, const struct cluster *cluster)
{
	struct service *service = want(index, ns, name);
	struct buf wanted;
	int rc = service ? 0 : -ENOMEM;

	if (rc)
		return rc;
	service->exists = true;
	buf_init(&wanted, JSON_MAX_BYTES);
	if (json_count(selector))
		rc = json_write(selector, &wanted);
	if (!rc && span_eq(buf_span(&wanted), buf_span(&service->wanted))) {
		buf_done(&wanted);
		return 0;
	}
	choose_nothing(service);
	if (!rc && json_count(selector))
		rc = selector_of_map(selector, &service->selector);
	if (!rc && service->selector)
		rc = choose_pods(service, cluster);
	/* Said last: after a failure the next change tries again. */
	if (!rc)
		rc = buf_add_span(&service->wanted, buf_span(&wanted));
	buf_done(&wanted);
	return rc;
}

void service_index_lose(struct service_index *index, const char *ns, const char *name)
{
	struct service *service = find(index, ns, name);

	if (!service)
		return;
	service->exists = false;
	choose_nothing(service);
	release(index, service);
}

/* --- pods --- */

int service_index_pod(struct service_index *index, const char *ns, const char *pod, bool gone,
		      struct span labels, service_concerned_fn *concerned, void *ctx)
{
	struct space *space = map_get(&index->spaces, span_of(ns));
	int rc = 0;

	if (!space)
		return 0;
	list_for_each(&space->services, at) {
		struct service *service = container_of(at, struct service, in_space);
		bool is = !gone && service->selector && selector_match(service->selector, labels);
		bool was = map_get(&service->pods, span_of(pod)) != NULL;

		if (is && !was && map_put(&service->pods, span_of(pod), &present, NULL))
			rc = -ENOMEM;
		if (was && !is)
			(void)map_remove(&service->pods, span_of(pod));
		if (was || is)
			concerned(ctx, ns, service->name);
	}
	return rc;
}

void service_index_each(const struct service_index *index, const char *ns, const char *pod,
			service_concerned_fn *concerned, void *ctx)
{
	struct space *space = map_get(&index->spaces, span_of(ns));

	if (!space)
		return;
	list_for_each(&space->services, at) {
		const struct service *service = container_of(at, struct service, in_space);

		if (map_get(&service->pods, span_of(pod)))
			concerned(ctx, ns, service->name);
	}
}

void service_index_each_mirrored(const struct service_index *index, service_concerned_fn *concerned,
				 void *ctx)
{
	size_t cursor = 0;
	struct span key;
	void *value;

	while (map_next(&index->services, &cursor, &key, &value)) {
		const struct service *service = value;

		if (service->exists && !service->selector && service->slices.count)
			concerned(ctx, service->space->name, service->name);
	}
}

/* --- slices --- */

int service_index_slice(struct service_index *index, const char *ns, const char *name, const char *slice,
			bool gone)
{
	struct service *service = gone ? find(index, ns, name) : want(index, ns, name);

	if (!service)
		return gone ? 0 : -ENOMEM;
	if (!gone)
		return map_put(&service->slices, span_of(slice), &present, NULL);
	(void)map_remove(&service->slices, span_of(slice));
	release(index, service);
	return 0;
}

bool service_index_next_pod(const struct service_index *index, const char *ns, const char *name,
			    size_t *cursor, struct span *out)
{
	const struct service *service = find(index, ns, name);
	void *value;

	return service && map_next(&service->pods, cursor, out, &value);
}

bool service_index_next_slice(const struct service_index *index, const char *ns, const char *name,
			      size_t *cursor, struct span *out)
{
	const struct service *service = find(index, ns, name);
	void *value;

	return service && map_next(&service->slices, cursor, out, &value);
}

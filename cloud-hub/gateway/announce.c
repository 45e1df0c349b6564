#include "cloud-hub/gateway/announce.h"

#include "api/write.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <stdio.h>

#define MODULE "announce"
#define NAME_MAX_BYTES 256u

static void on_event(void *ctx, const struct api_written *written)
{
	(void)ctx;
	if (written->code)
		log_warn(MODULE, "event-not-written", "error=\"%s\"", written->status->message);
}

static int set_texts(struct json *object, const char *const (*pairs)[2], size_t count)
{
	int code = object ? 0 : -ENOMEM;

	for (size_t i = 0; !code && i < count; i++)
		code = json_set_str(object, pairs[i][0], pairs[i][1]);
	return code;
}
#define SET_TEXTS(object, pairs) set_texts(object, pairs, sizeof(pairs) / sizeof((pairs)[0]))

static struct json *event_tree(const struct announcement *what)
{
	char name[NAME_MAX_BYTES], now[CLOCK_TEXT_SIZE];
	uint64_t number;
	struct json *tree = json_new_object();

	random_bytes(&number, sizeof(number));
	snprintf(name, sizeof(name), "%.200s.%016llx", what->name, (unsigned long long)number);
	clock_format(clock_wall_ms(), now);
	const char *const top[][2] = { { "apiVersion", "v1" },	     { "kind", "Event" },
				       { "type", what->type },	     { "reason", what->reason },
				       { "message", what->message }, { "firstTimestamp", now },
				       { "lastTimestamp", now },     { "reportingComponent", "cloud-hub" } };
	const char *const meta[][2] = { { "name", name }, { "namespace", what->ns } };
	const char *const about[][2] = { { "kind", what->kind },
					 { "name", what->name },
					 { "uid", what->uid ? what->uid : what->name } };
	const char *const about_ns[][2] = { { "namespace", what->about_ns } };
	const char *const source[][2] = { { "component", "cloud-hub" } };

	if (!tree || SET_TEXTS(tree, top) || SET_TEXTS(json_ensure(tree, "metadata"), meta) ||
	    SET_TEXTS(json_ensure(tree, "involvedObject"), about) ||
	    (what->about_ns && SET_TEXTS(json_ensure(tree, "involvedObject"), about_ns)) ||
	    SET_TEXTS(json_ensure(tree, "source"), source) || json_set_int(tree, "count", 1)) {
		json_free(tree);
		return NULL;
	}
	return tree;
}

void announce(struct api *api, const struct announcement *what)
{
	struct json *tree = event_tree(what);
	struct status status;
	int code;

	status_init(&status);
	code = tree ? api_create(api, tree, NULL, &status, on_event, NULL) : -ENOMEM;
	if (code)
		log_warn(MODULE, "event-not-written", "about=%s error=%d", what->name, code);
	status_done(&status);
}

#include "edge-hub/services/withdrawal.h"

#include <errno.h>
#include <stdio.h>

/* What is taken out of one slice: an object of endpoint number -> which conditions were true. */
struct notes {
	struct json *taken;
	bool changed;
};

static const struct json *annotation_of(const struct json *slice)
{
	return json_get(json_path(slice, "metadata.annotations"), WITHDRAWAL_ANNOTATION);
}

/* One that somebody made unreadable is as none: what it took out stays out until the cloud sends the slice again. */
static int read_notes(const struct json *slice, struct notes *out)
{
	const struct json *text = annotation_of(slice);
	int rc = text ? json_parse(json_span(text), &out->taken, NULL) : -ENOENT;

	if (!rc && json_is(out->taken, JSON_OBJECT))
		return 0;
	if (rc == -ENOMEM)
		return rc;
	json_free(out->taken);
	out->taken = json_new_object();
	return out->taken ? 0 : -ENOMEM;
}

static int write_notes(struct json *slice, const struct notes *notes)
{
	struct json *annotations = json_ensure(slice, "metadata.annotations");
	struct buf text;
	int rc = annotations ? 0 : -ENOMEM;

	if (!rc && !json_count(notes->taken)) {
		(void)json_remove(annotations, WITHDRAWAL_ANNOTATION);
		if (!json_count(annotations))
			(void)json_remove(json_get(slice, "metadata"), "annotations");
		return 0;
	}
	buf_init(&text, WITHDRAWAL_TEXT_MAX);
	if (!rc)
		rc = json_write(notes->taken, &text);
	if (!rc)
		rc = json_set(annotations, WITHDRAWAL_ANNOTATION, json_new_span(buf_span(&text)));
	buf_done(&text);
	return rc;
}

static int take_out(struct json *conditions, struct notes *notes, const char *number)
{
	/* Absent means true to those who read slices. */
	bool ready = json_bool(json_get(conditions, "ready"), true),
	     serving = json_bool(json_get(conditions, "serving"), ready);
	int rc;

	if (!ready && !serving)
		return 0;
	rc = json_set_str(notes->taken, number, ready && serving ? "rs" : ready ? "r" : "s");
	if (!rc)
		rc = json_set_bool(conditions, "ready", false);
	if (!rc)
		rc = json_set_bool(conditions, "serving", false);
	notes->changed = true;
	return rc;
}

static int put_back(struct json *conditions, struct notes *notes, const char *number, const char *were)
{
	int rc = json_set_bool(conditions, "ready", strchr(were, 'r') != NULL);

	if (!rc)
		rc = json_set_bool(conditions, "serving", strchr(were, 's') != NULL);
	(void)json_remove(notes->taken, number);
	notes->changed = true;
	return rc;
}

static int look_at(struct json *endpoint, size_t index, struct notes *notes, withdrawal_fn *decide, void *ctx)
{
	const char *node = json_str(json_get(endpoint, "nodeName"), ""), *were;
	struct json *conditions = json_get(endpoint, "conditions");
	char number[24];

	if (!node[0] || (conditions && !json_is(conditions, JSON_OBJECT)))
		return 0;
	(void)snprintf(number, sizeof(number), "%zu", index);
	were = json_str(json_get(notes->taken, number), "");
	switch (decide(ctx, node)) {
	case WITHDRAWAL_KEEP: return 0;
	case WITHDRAWAL_TAKE_OUT:
		if (were[0])
			return 0;
		conditions = json_ensure(endpoint, "conditions");
		return conditions ? take_out(conditions, notes, number) : -ENOMEM;
	case WITHDRAWAL_PUT_BACK:
		if (!were[0])
			return 0;
		conditions = json_ensure(endpoint, "conditions");
		return conditions ? put_back(conditions, notes, number, were) : -ENOMEM;
	}
	return 0;
}

int withdrawal_apply(struct json *slice, withdrawal_fn *decide, void *ctx)
{
	struct json *endpoints = json_get(slice, "endpoints");
	const struct json *annotations = json_path(slice, "metadata.annotations");
	struct notes notes = { .taken = NULL };
	bool sound = json_is(json_get(slice, "metadata"), JSON_OBJECT) &&
		     (!annotations || json_is(annotations, JSON_OBJECT));
	int rc = sound ? read_notes(slice, &notes) : -EINVAL;

	for (size_t i = 0; !rc && i < json_count(endpoints); i++)
		rc = look_at(json_at(endpoints, i), i, &notes, decide, ctx);
	if (!rc && notes.changed)
		rc = write_notes(slice, &notes);
	json_free(notes.taken);
	return rc ? rc : notes.changed;
}

size_t withdrawal_count(const struct json *slice)
{
	struct json *taken = NULL;
	size_t count = 0;

	if (annotation_of(slice) && !json_parse(json_span(annotation_of(slice)), &taken, NULL))
		count = json_count(taken);
	json_free(taken);
	return count;
}

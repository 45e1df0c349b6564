/* Objects as clients ask to see them: as stored, as rows of a Table, as metadata only. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/server_internal.h"

static int default_name_cell(const struct json *object, int64_t now_wall_ms, struct buf *out)
{
	return buf_add_json_str(out, span_of(json_path_str(object, "metadata.name", "")));
}

static const struct column default_columns[] = {
	{ "Name", "string", "name", 0, "Name must be unique within a namespace.", default_name_cell },
};

static const struct column *columns_of(const struct kind *kind, size_t *count)
{
	*count = kind->column_count ? kind->column_count : 1;
	return kind->column_count ? kind->columns : default_columns;
}

bool render_is_raw(const struct render *render)
{
	return render->accept->form == FORM_JSON && !render->kind->from_storage;
}

static int add_columns(const struct kind *kind, struct buf *out)
{
	size_t count;
	const struct column *columns = columns_of(kind, &count);

	for (size_t i = 0; i < count; i++) {
		buf_add_str(out, i ? ",{\"name\":" : "{\"name\":");
		buf_add_json_str(out, span_of(columns[i].name));
		buf_add_str(out, ",\"type\":");
		buf_add_json_str(out, span_of(columns[i].type));
		buf_add_str(out, ",\"format\":");
		buf_add_json_str(out, span_of(columns[i].format ? columns[i].format : ""));
		buf_add_str(out, ",\"description\":");
		buf_add_json_str(out, span_of(columns[i].description ? columns[i].description : ""));
		buf_addf(out, ",\"priority\":%d}", columns[i].priority);
	}
	return buf_error(out);
}

static int add_table_head(const struct render *render, bool with_columns, struct buf *out)
{
	buf_addf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"columnDefinitions\":",
		 render->accept->version);
	if (with_columns) {
		buf_add_char(out, '[');
		add_columns(render->kind, out);
		buf_add_char(out, ']');
	} else {
		buf_add_str(out, "null");
	}
	return buf_add_str(out, ",\"rows\":[");
}

static int add_partial(const struct render *render, const struct json *tree, struct buf *out)
{
	buf_addf(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":",
		 render->accept->version);
	json_write(json_get(tree, "metadata"), out);
	return buf_add_char(out, '}');
}

static int add_row(const struct render *render, const struct json *tree, struct buf *out)
{
	size_t count;
	const struct column *columns = columns_of(render->kind, &count);

	buf_add_str(out, "{\"cells\":[");
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_add_char(out, ',');
		size_t before = out->len;
		int err = columns[i].cell(tree, render->now_wall_ms, out);

		if (err)
			return err;
		if (out->len == before)
			buf_add_str(out, "null");
	}
	buf_add_str(out, "],\"object\":");
	if (render->include == INCLUDE_OBJECT)
		json_write(tree, out);
	else if (render->include == INCLUDE_METADATA)
		add_partial(render, tree, out);
	else
		buf_add_str(out, "null");
	return buf_add_char(out, '}');
}

static int add_tree(const struct render *render, const struct json *tree, struct buf *out)
{
	switch (render->accept->form) {
	case FORM_TABLE: return add_row(render, tree, out);
	case FORM_PARTIAL: return add_partial(render, tree, out);
	default: return json_write(tree, out);
	}
}

int render_item(const struct render *render, const struct object *object, struct buf *out)
{
	struct json *tree = NULL;

	if (render_is_raw(render))
		return object_write(object, out);
	int err = object_to_json(object, &tree);

	if (!err)
		err = object_convert(render->kind, tree);
	if (!err)
		err = add_tree(render, tree, out);
	json_free(tree);
	return err ? err : buf_error(out);
}

int render_object(const struct render *render, const struct object *object, bool with_columns,
		  struct buf *out)
{
	if (render->accept->form != FORM_TABLE)
		return render_item(render, object, out);
	add_table_head(render, with_columns, out);
	int err = render_item(render, object, out);

	buf_addf(out, "],\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"}}", object->revision);
	return err ? err : buf_error(out);
}

int render_list_head(const struct render *render, struct buf *out)
{
	if (render->accept->form == FORM_TABLE)
		return add_table_head(render, true, out);
	if (render->accept->form == FORM_PARTIAL)
		return buf_addf(out,
				"{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/"
				"%s\",\"items\":[",
				render->accept->version);
	buf_addf(out, "{\"kind\":\"%s\",\"apiVersion\":\"", render->kind->list_kind);
	kind_api_version(render->kind, out);
	return buf_add_str(out, "\",\"items\":[");
}

int render_bookmark(const struct render *render, uint64_t revision, bool initial_end, struct buf *out)
{
	const char *note = initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "";

	if (render->accept->form == FORM_TABLE) {
		add_table_head(render, false, out);
		return buf_addf(out,
				"{\"cells\":[],\"object\":{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":"
				"\"meta.k8s.io/%s\","
				"\"metadata\":{\"resourceVersion\":\"%" PRIu64
				"\"%s}}}],\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"}}",
				render->accept->version, revision, note, revision);
	}
	if (render->accept->form == FORM_PARTIAL) {
		buf_addf(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\"",
			 render->accept->version);
	} else {
		buf_addf(out, "{\"kind\":\"%s\",\"apiVersion\":\"", render->kind->kind);
		kind_api_version(render->kind, out);
		buf_add_char(out, '"');
	}
	return buf_addf(out,
			",\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\",\"creationTimestamp\":null%s}}",
			revision, note);
}

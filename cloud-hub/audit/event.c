#include "cloud-hub/audit/event.h"

#include "auth/authn.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

/* --- the policy --- */

static bool text_in(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(text, *list) == 0)
			return true;
	return false;
}

static bool is_read(const char *verb)
{
	static const char *const reads[] = { "get", "list", "watch", "head", "options", NULL };

	return text_in(verb, reads);
}

/* Questions are created and not stored. */
static bool is_question(const struct api_attributes *what)
{
	static const char *const groups[] = { "authorization.k8s.io", "authentication.k8s.io", NULL };

	return what->is_resource && text_in(what->group, groups);
}

/* What a node says of itself all day long. */
static bool is_report(const struct api_attributes *what)
{
	static const char *const resources[] = { "leases", "events", NULL };

	return what->identity && identity_node(what->identity) &&
	       (text_in(what->resource, resources) || strcmp(what->subresource, "status") == 0);
}

bool event_is_wanted(enum audit_level level, const struct api_outcome *outcome)
{
	const struct api_attributes *what = outcome->what;
	static const char *const health[] = { "/healthz", "/livez", "/readyz" };

	for (size_t i = 0; i < sizeof(health) / sizeof(health[0]); i++)
		if (span_has_prefix(outcome->request->path, span_of(health[i])))
			return false;
	if (level != AUDIT_WRITES)
		return level == AUDIT_ALL;
	if (outcome->code == 401 || outcome->code == 403)
		return true;
	if (is_read(what->verb) || !what->verb[0])
		return what->is_resource && !*what->group && strcmp(what->resource, "secrets") == 0;
	return !is_question(what) && !is_report(what);
}

/* --- the text --- */

/* Text from outside: cut, and what is not printable ASCII shown as '?', so that no byte of it fails the line. */
static void add_text(struct buf *out, struct span text, size_t most)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < text.len && i < most; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '"' || c == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, c < 0x20 || c > 0x7e ? '?' : (char)c);
	}
	buf_add_char(out, '"');
}

static void add_field_of(struct buf *out, const char *key, const char *value, size_t most)
{
	if (!value || !*value)
		return;
	if (out->len && out->data[out->len - 1] != '{')
		buf_add_char(out, ',');
	buf_addf(out, "\"%s\":", key);
	add_text(out, span_of(value), most);
}

static void add_field(struct buf *out, const char *key, const char *value)
{
	add_field_of(out, key, value, EVENT_REASON_MAX);
}

static void add_list(struct buf *out, const char *const *texts)
{
	buf_add_char(out, '[');
	for (size_t i = 0; texts && texts[i]; i++) {
		if (i)
			buf_add_char(out, ',');
		add_text(out, span_of(texts[i]), EVENT_REASON_MAX);
	}
	buf_add_char(out, ']');
}

static void add_identity(struct buf *out, const char *key, const struct api_identity *identity)
{
	buf_addf(out, ",\"%s\":{", key);
	if (identity) {
		add_field(out, "username", identity->user);
		add_field(out, "uid", identity->uid);
		buf_add_str(out, ",\"groups\":");
		add_list(out, identity->groups);
	}
	for (const struct api_extra *extra = identity ? identity->extra : NULL; extra && extra->key;
	     extra++) {
		buf_add_str(out, extra == identity->extra ? ",\"extra\":{" : ",");
		add_text(out, span_of(extra->key), EVENT_REASON_MAX);
		buf_add_char(out, ':');
		add_list(out, extra->values);
	}
	buf_add_str(out, identity && identity->extra && identity->extra->key ? "}}" : "}");
}

static void add_head(struct buf *out, const char *id, const char *stage)
{
	buf_addf(out,
		 "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":"
		 "\"%s\",\"stage\":\"%s\"",
		 id, stage);
}

/* "10.0.0.7:4711", "[fd00::7]:4711", or an address alone. */
static struct span without_port(const char *source)
{
	struct span text = span_of(source), address, rest;

	if (text.len && text.ptr[0] == '[' &&
	    span_cut(span_make(text.ptr + 1, text.len - 1), ']', &address, &rest))
		return address;
	if (span_cut(text, ':', &address, &rest) && !memchr(rest.ptr, ':', rest.len))
		return address;
	return text;
}

static void add_source(struct buf *out, const char *source)
{
	buf_add_str(out, ",\"sourceIPs\":[");
	if (source && *source)
		add_text(out, without_port(source), EVENT_REASON_MAX);
	buf_add_char(out, ']');
}

static void add_code(struct buf *out, int code)
{
	buf_addf(out, ",\"responseStatus\":{\"metadata\":{},%s\"code\":%d}",
		 code >= 400 ? "\"status\":\"Failure\"," : "", code);
}

static void add_times(struct buf *out, int64_t received_wall_ms, int64_t now_wall_ms)
{
	char received[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE];

	clock_format_micro(received_wall_ms * 1000, received);
	clock_format_micro(now_wall_ms * 1000, now);
	buf_addf(out, ",\"requestReceivedTimestamp\":\"%s\",\"stageTimestamp\":\"%s\"", received, now);
}

static void add_lost(struct buf *out, uint64_t lost)
{
	char text[24];

	if (!lost)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)lost);
	add_field(out, "holdfast.io/lines-lost-before", text);
}

static void add_object(struct buf *out, const struct api_outcome *outcome)
{
	const struct api_attributes *what = outcome->what;

	if (!what->is_resource)
		return;
	buf_add_str(out, ",\"objectRef\":{");
	add_field(out, "resource", what->resource);
	add_field(out, "namespace", what->ns);
	add_field(out, "name", outcome->name);
	add_field(out, "apiGroup", what->group);
	add_field(out, "apiVersion", what->version);
	add_field(out, "subresource", what->subresource);
	buf_add_char(out, '}');
}

/* The node that speaks, or on which a pod speaks with a token bound to it. */
static const char *node_behind(const struct api_identity *identity)
{
	const char *node = identity ? identity_node(identity) : NULL;

	return node || !identity ? node : identity_extra(identity, "authentication.kubernetes.io/node-name");
}

static void add_annotations(struct buf *out, const struct api_outcome *outcome, uint64_t lost)
{
	const struct api_identity *identity = outcome->what->identity;

	buf_add_str(out, ",\"annotations\":{");
	if (outcome->decided) {
		add_field(out, "authorization.k8s.io/decision", outcome->allowed ? "allow" : "forbid");
		add_field(out, "authorization.k8s.io/reason", outcome->reason);
	}
	add_field(out, "holdfast.io/node", node_behind(identity && identity->by ? identity->by : identity));
	if (!outcome->code)
		add_field(out, "holdfast.io/answer", "none: the client went away before it");
	add_lost(out, lost);
	buf_add_str(out, "}}");
}

static void add_uri(struct buf *out, const struct api_request *request)
{
	struct buf uri;

	buf_init(&uri, EVENT_URI_MAX + 1);
	/* Cut where it is too long: the first part says which resource. */
	if (buf_add(&uri, request->path.ptr,
		    request->path.len < EVENT_URI_MAX ? request->path.len : EVENT_URI_MAX) == 0 &&
	    request->query.len && uri.len + 1 + request->query.len <= EVENT_URI_MAX) {
		buf_add_char(&uri, '?');
		buf_add_span(&uri, request->query);
	}
	buf_add_str(out, ",\"requestURI\":");
	add_text(out, buf_span(&uri), EVENT_URI_MAX);
	buf_done(&uri);
}

int event_of_outcome(const struct api_outcome *outcome, const char *id, int64_t now_wall_ms, uint64_t lost,
		     struct buf *out)
{
	const struct api_attributes *what = outcome->what;
	const struct api_identity *identity = what->identity;
	bool begins = strcmp(what->verb, "watch") == 0 && outcome->code == 200;

	add_head(out, id, begins ? "ResponseStarted" : "ResponseComplete");
	add_uri(out, outcome->request);
	add_field(out, "verb", what->verb);
	add_identity(out, "user", identity && identity->by ? identity->by : identity);
	if (identity && identity->by)
		add_identity(out, "impersonatedUser", identity);
	add_source(out, outcome->request->source);
	if (outcome->request->user_agent.len) {
		buf_add_str(out, ",\"userAgent\":");
		add_text(out, outcome->request->user_agent, EVENT_AGENT_MAX);
	}
	add_object(out, outcome);
	add_code(out, outcome->code);
	add_times(out, outcome->received_wall_ms, now_wall_ms);
	add_annotations(out, outcome, lost);
	return buf_error(out);
}

int event_of_note(const struct audit_note *note, const char *id, int64_t now_wall_ms, uint64_t lost,
		  struct buf *out)
{
	add_head(out, id, "ResponseComplete");
	add_field(out, "verb", note->verb);
	buf_add_str(out, ",\"user\":{");
	add_field(out, "username", note->user);
	buf_add_char(out, '}');
	add_source(out, note->source);
	if (note->resource) {
		buf_add_str(out, ",\"objectRef\":{");
		add_field(out, "resource", note->resource);
		add_field(out, "namespace", note->ns);
		add_field(out, "name", note->name);
		buf_add_char(out, '}');
	}
	add_code(out, note->code);
	add_times(out, now_wall_ms, now_wall_ms);
	buf_add_str(out, ",\"annotations\":{");
	add_field(out, "holdfast.io/node", note->node);
	add_field(out, "holdfast.io/reason", note->reason);
	add_field_of(out, "holdfast.io/evidence", note->evidence, EVENT_EVIDENCE_MAX);
	add_lost(out, lost);
	buf_add_str(out, "}}");
	return buf_error(out);
}

#include <errno.h>
#include <strings.h>

#include "api/server_internal.h"

/* One media range of an Accept header, its parameters cut out. */
struct range {
	struct span type, as, version, group;
};

static struct span next_part(struct span *rest, char sep)
{
	struct span head;

	span_cut(*rest, sep, &head, rest);
	return span_trim(head);
}

static bool same_word(struct span s, const char *word)
{
	return s.len == strlen(word) && !strncasecmp(s.ptr, word, s.len);
}

static struct range parse_range(struct span text)
{
	struct range range = { .type = next_part(&text, ';') };

	while (text.len) {
		struct span name, value, part = next_part(&text, ';');

		span_cut(part, '=', &name, &value);
		name = span_trim(name);
		value = span_trim(value);
		if (same_word(name, "as"))
			range.as = value;
		else if (same_word(name, "v"))
			range.version = value;
		else if (same_word(name, "g"))
			range.group = value;
	}
	return range;
}

static const struct {
	enum accept_set set;
	const char *as, *group;
	enum accept_form form;
	const char *versions[3];
} forms[] = {
	{ ACCEPT_OBJECTS, "Table", "meta.k8s.io", FORM_TABLE, { "v1", "v1beta1", NULL } },
	{ ACCEPT_OBJECTS, "PartialObjectMetadata", "meta.k8s.io", FORM_PARTIAL, { "v1", "v1beta1", NULL } },
	{ ACCEPT_OBJECTS,
	  "PartialObjectMetadataList",
	  "meta.k8s.io",
	  FORM_PARTIAL,
	  { "v1", "v1beta1", NULL } },
	{ ACCEPT_DISCOVERY,
	  "APIGroupDiscoveryList",
	  "apidiscovery.k8s.io",
	  FORM_DISCOVERY,
	  { "v2", "v2beta1", NULL } },
};

static bool choose_form(const struct range *range, enum accept_set offered, struct accept *out)
{
	if (!range->as.len) {
		out->form = FORM_JSON;
		return true;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (forms[i].set != offered || !span_is(range->as, forms[i].as) ||
		    !span_is(range->group, forms[i].group))
			continue;
		for (size_t v = 0; forms[i].versions[v]; v++) {
			if (!span_is(range->version, forms[i].versions[v]))
				continue;
			out->form = forms[i].form;
			memcpy(out->version, forms[i].versions[v], strlen(forms[i].versions[v]) + 1);
			return true;
		}
	}
	return false;
}

static bool is_openapi_protobuf(struct span type)
{
	return same_word(type, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf") ||
	       same_word(type, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
}

static bool choose(const struct range *range, enum accept_set offered, struct accept *out)
{
	if (offered == ACCEPT_OPENAPI && is_openapi_protobuf(range->type)) {
		out->form = FORM_OPENAPI_PROTOBUF;
		return true;
	}
	if (!same_word(range->type, "application/json") && !same_word(range->type, "*/*") &&
	    !same_word(range->type, "application/*"))
		return false;
	return choose_form(range, offered, out);
}

int accept_choose(struct span header, enum accept_set offered, struct accept *out)
{
	memset(out, 0, sizeof(*out));
	header = span_trim(header);
	if (!header.len)
		return 0;
	while (header.len) {
		struct range range = parse_range(next_part(&header, ','));

		if (choose(&range, offered, out))
			return 0;
	}
	return -ENOTSUP;
}

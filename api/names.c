#include "api/names.h"

#define LOWER (1u << 0)
#define UPPER (1u << 1)
#define DIGIT (1u << 2)
#define DASH (1u << 3)
#define DOT (1u << 4)
#define UNDER (1u << 5)
#define ALNUM (LOWER | UPPER | DIGIT)

/* A character's class; 0 for what no name may hold. */
static unsigned class_of(char c)
{
	if (c >= 'a' && c <= 'z')
		return LOWER;
	if (c >= 'A' && c <= 'Z')
		return UPPER;
	if (c >= '0' && c <= '9')
		return DIGIT;
	return c == '-' ? DASH : c == '.' ? DOT : c == '_' ? UNDER : 0;
}

static bool all_of(struct span s, unsigned classes)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(class_of(s.ptr[i]) & classes))
			return false;
	return true;
}

/* Not empty, of `classes`, beginning and ending with `ends`. */
static bool is_framed(struct span s, unsigned classes, unsigned first, unsigned last)
{
	return s.len && all_of(s, classes) && (class_of(s.ptr[0]) & first) &&
	       (class_of(s.ptr[s.len - 1]) & last);
}

const char *name_dns_label(struct span s)
{
	if (s.len > NAME_LABEL_MAX)
		return "must be no more than 63 characters";
	if (is_framed(s, LOWER | DIGIT | DASH, LOWER | DIGIT, LOWER | DIGIT))
		return NULL;
	if (!name_dns_subdomain(s))
		return "must not contain dots";
	return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
	       "must start and end "
	       "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
	       "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
}

const char *name_dns1035_label(struct span s)
{
	if (s.len > NAME_LABEL_MAX)
		return "must be no more than 63 characters";
	if (is_framed(s, LOWER | DIGIT | DASH, LOWER, LOWER | DIGIT))
		return NULL;
	return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
	       "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
	       "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
}

static bool is_subdomain(struct span s)
{
	bool more = true;
	struct span part;

	while (more) {
		more = span_cut(s, '.', &part, &s);
		if (!is_framed(part, LOWER | DIGIT | DASH, LOWER | DIGIT, LOWER | DIGIT))
			return false;
	}
	return true;
}

const char *name_dns_subdomain(struct span s)
{
	if (s.len > NAME_SUBDOMAIN_MAX)
		return "must be no more than 253 characters";
	if (is_subdomain(s))
		return NULL;
	return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
	       "'.', and must start "
	       "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
	       "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
}

const char *name_qualified(struct span s)
{
	struct span prefix, name = s;
	const char *reason;

	if (span_cut(s, '/', &prefix, &name)) {
		if (memchr(name.ptr, '/', name.len))
			return "a qualified name must consist of alphanumeric characters, '-', '_' or '.', "
			       "and must start and "
			       "end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
			       "'123-abc', regex used "
			       "for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an "
			       "optional DNS subdomain "
			       "prefix and '/' (e.g. 'example.com/MyName')";
		reason = name_dns_subdomain(prefix);
		if (!prefix.len)
			return "prefix part must be non-empty";
		if (reason && prefix.len > NAME_SUBDOMAIN_MAX)
			return "prefix part must be no more than 253 characters";
		if (reason)
			return "prefix part a lowercase RFC 1123 subdomain must consist of lower case "
			       "alphanumeric characters, "
			       "'-' or '.', and must start and end with an alphanumeric character (e.g. "
			       "'example.com', regex "
			       "used for validation is "
			       "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
	} else {
		name = s;
	}
	if (!name.len)
		return "name part must be non-empty";
	if (name.len > NAME_LABEL_MAX)
		return "name part must be no more than 63 characters";
	if (is_framed(name, ALNUM | DASH | DOT | UNDER, ALNUM, ALNUM))
		return NULL;
	return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
	       "with an alphanumeric "
	       "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
	       "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
}

const char *name_label_value(struct span s)
{
	if (s.len > NAME_LABEL_MAX)
		return "must be no more than 63 characters";
	if (!s.len || is_framed(s, ALNUM | DASH | DOT | UNDER, ALNUM, ALNUM))
		return NULL;
	return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
	       "'.', and must start and "
	       "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
	       "for validation is "
	       "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
}

const char *name_env_var(struct span s)
{
	if (!s.len)
		return "environment variable name must be non-empty";
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e || s.ptr[i] == '=')
			return "a valid environment variable name must consist only of printable ASCII "
			       "characters other than '='";
	return NULL;
}

/* "." and "..", and names beginning with "..", could leave the directory that the key becomes a file of. */
static const char *climbs(struct span s)
{
	if (span_is(s, "."))
		return "must not be '.'";
	if (span_is(s, ".."))
		return "must not be '..'";
	return span_has_prefix(s, SPAN("..")) ? "must not start with '..'" : NULL;
}

const char *name_config_key(struct span s)
{
	if (s.len > NAME_SUBDOMAIN_MAX)
		return "must be no more than 253 characters";
	if (!s.len || !all_of(s, ALNUM | DASH | DOT | UNDER))
		return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
		       "'key.name',  or "
		       "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
	return climbs(s);
}

const char *name_path_segment(struct span s)
{
	if (span_is(s, "."))
		return "may not be '.'";
	if (span_is(s, ".."))
		return "may not be '..'";
	if (memchr(s.ptr, '/', s.len))
		return "may not contain '/'";
	return memchr(s.ptr, '%', s.len) ? "may not contain '%'" : NULL;
}

const char *name_http_header(struct span s)
{
	if (s.len && all_of(s, ALNUM | DASH))
		return NULL;
	return "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', "
	       "regex used for "
	       "validation is '[-A-Za-z0-9]+')";
}

const char *name_port(struct span s)
{
	bool letter = false;

	if (s.len > 15)
		return "must be no more than 15 characters";
	if (!all_of(s, LOWER | DIGIT | DASH))
		return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
	for (size_t i = 0; i < s.len; i++) {
		letter = letter || class_of(s.ptr[i]) == LOWER;
		if (i && s.ptr[i] == '-' && s.ptr[i - 1] == '-')
			return "must not contain consecutive hyphens";
	}
	if (!letter)
		return "must contain at least one letter (a-z)";
	if (s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
		return "must not begin or end with a hyphen";
	return NULL;
}

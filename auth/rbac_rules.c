#include "auth/rbac_rules.h"

#include <errno.h>
#include <stdlib.h>

#include "base/map.h"

static const char *const all[] = { RBAC_ALL, NULL }, *const none[] = { NULL };
const struct rbac_rule rbac_everything[2] = {
	{ .verbs = all, .groups = all, .resources = all, .names = none, .urls = none },
	{ .verbs = all, .groups = none, .resources = none, .names = none, .urls = all },
};

/* --- parsing: measured, then written into one block --- */

static const char *const members[] = { "verbs", "apiGroups", "resources", "resourceNames",
				       "nonResourceURLs" };
#define MEMBERS (sizeof(members) / sizeof(members[0]))

struct measure {
	size_t rules, strings, bytes;
};

static int measure_list(const struct json *list, struct measure *m)
{
	if (list && !json_is(list, JSON_ARRAY) && !json_is(list, JSON_NULL))
		return -EBADMSG;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);

		if (!json_is(item, JSON_STRING))
			return -EBADMSG;
		m->strings++;
		m->bytes += strlen(json_str(item, "")) + 1;
	}
	m->strings++; /* the NULL at the end */
	return 0;
}

static int measure(const struct json *rules, struct measure *m)
{
	int rc = 0;

	if (rules && !json_is(rules, JSON_ARRAY) && !json_is(rules, JSON_NULL))
		return -EBADMSG;
	for (size_t i = 0; !rc && i < json_count(rules); i++) {
		const struct json *rule = json_at(rules, i);

		if (!json_is(rule, JSON_OBJECT))
			return -EBADMSG;
		m->rules++;
		for (size_t k = 0; !rc && k < MEMBERS; k++)
			rc = measure_list(json_get(rule, members[k]), m);
	}
	return rc;
}

struct filling {
	const char **string;
	char *text;
};

static const char *const *fill_list(const struct json *list, struct filling *f)
{
	const char **start = f->string;

	for (size_t i = 0; i < json_count(list); i++) {
		const char *text = json_str(json_at(list, i), "");
		size_t len = strlen(text) + 1;

		memcpy(f->text, text, len);
		*f->string++ = f->text;
		f->text += len;
	}
	*f->string++ = NULL;
	return start;
}

int rbac_rules_of_json(const struct json *json, struct rbac_rules **out)
{
	struct measure m = { 0 };
	struct rbac_rules *rules;
	struct filling f;
	int rc = measure(json, &m);

	if (rc)
		return rc;
	rules = calloc(1, sizeof(*rules) + m.rules * sizeof(struct rbac_rule) + m.strings * sizeof(char *) +
				  m.bytes);
	if (!rules)
		return -ENOMEM;
	rules->count = m.rules;
	rules->at = (struct rbac_rule *)(rules + 1);
	f.string = (const char **)(rules->at + m.rules);
	f.text = (char *)(f.string + m.strings);
	for (size_t i = 0; i < m.rules; i++) {
		const struct json *rule = json_at(json, i);

		rules->at[i].verbs = fill_list(json_get(rule, members[0]), &f);
		rules->at[i].groups = fill_list(json_get(rule, members[1]), &f);
		rules->at[i].resources = fill_list(json_get(rule, members[2]), &f);
		rules->at[i].names = fill_list(json_get(rule, members[3]), &f);
		rules->at[i].urls = fill_list(json_get(rule, members[4]), &f);
	}
	*out = rules;
	return 0;
}

void rbac_rules_free(struct rbac_rules *rules)
{
	free(rules);
}

/* --- allowing --- */

static bool has(const char *const *list, const char *text)
{
	for (; *list; list++)
		if (strcmp(*list, text) == 0)
			return true;
	return false;
}

static bool has_or_all(const char *const *list, const char *text)
{
	return has(list, RBAC_ALL) || has(list, text);
}

/* "pods", "pods/log", and of the latter also what any resource's "*\/log" says. */
static bool is_resource(const char *said, const char *resource, const char *subresource)
{
	size_t len = strlen(resource);

	if (strcmp(said, RBAC_ALL) == 0)
		return true;
	if (!*subresource)
		return strcmp(said, resource) == 0;
	if (strncmp(said, "*/", 2) == 0 && strcmp(said + 2, subresource) == 0)
		return true;
	return strncmp(said, resource, len) == 0 && said[len] == '/' &&
	       strcmp(said + len + 1, subresource) == 0;
}

static bool has_resource(const char *const *list, const char *resource, const char *subresource)
{
	for (; *list; list++)
		if (is_resource(*list, resource, subresource))
			return true;
	return false;
}

/* Stars at the end stand for any tail. */
static bool url_covers(const char *said, const char *path)
{
	size_t len = strlen(said);

	if (strcmp(said, path) == 0)
		return true;
	if (!len || said[len - 1] != '*')
		return false;
	while (len && said[len - 1] == '*')
		len--;
	return strncmp(said, path, len) == 0;
}

static bool has_url(const char *const *list, const char *path)
{
	for (; *list; list++)
		if (url_covers(*list, path))
			return true;
	return false;
}

bool rbac_rule_allows(const struct rbac_rule *rule, const struct api_attributes *what, const char *name)
{
	if (!has_or_all(rule->verbs, what->verb))
		return false;
	if (!what->is_resource)
		return has_url(rule->urls, what->path);
	return has_or_all(rule->groups, what->group) &&
	       has_resource(rule->resources, what->resource, what->subresource) &&
	       (!rule->names[0] || has(rule->names, name));
}

/* --- covering --- */

/* One combination out of a rule: a verb on a resource, maybe of a name, or on a path. */
struct atom {
	const char *verb, *group, *resource, *name, *url; /* name NULL: any; url NULL: a resource */
};

static bool resource_covered(const char *const *held, const char *resource)
{
	const char *slash = strchr(resource, '/');

	if (has_or_all(held, resource))
		return true;
	for (; slash && *held; held++)
		if (strncmp(*held, "*/", 2) == 0 && strcmp(*held + 2, slash + 1) == 0)
			return true;
	return false;
}

static bool covers(const struct rbac_rule *held, const struct atom *atom)
{
	if (!has_or_all(held->verbs, atom->verb))
		return false;
	if (atom->url)
		return has_url(held->urls, atom->url);
	return has_or_all(held->groups, atom->group) && resource_covered(held->resources, atom->resource) &&
	       (!held->names[0] || (atom->name && has(held->names, atom->name)));
}

/* What is missing of one resource and name, or of one path and verb. */
struct gap {
	struct buf verbs; /* `"get" "list"` */
	char *line;
};
struct missing {
	const struct rbac_rule *const *held;
	size_t held_count, combinations;
	struct map gaps; /* "group\0resource\0name" -> gap */
};
#define GAPS_MAX 4096u
#define GAP_KEY_MAX (16u * 1024)
#define GAP_TEXT_MAX (16u * 1024)

static void gap_free(void *value)
{
	struct gap *gap = value;

	buf_done(&gap->verbs);
	free(gap->line);
	free(gap);
}

/* Upstream merges the verbs of one resource, but not those of one path. */
static int gap_key(const struct atom *atom, struct buf *key)
{
	if (atom->url)
		return buf_addf(key, "u%s %s", atom->url, atom->verb);
	return buf_addf(key, "r%s %s %s%s", atom->group, atom->resource, atom->name ? "n" : "",
			atom->name ? atom->name : "");
}

static int gap_want(struct missing *m, struct span key, struct gap **out)
{
	struct gap *gap = map_get(&m->gaps, key);
	int rc;

	*out = gap;
	if (gap)
		return 0;
	gap = calloc(1, sizeof(*gap));
	if (!gap)
		return -ENOMEM;
	buf_init(&gap->verbs, GAP_TEXT_MAX);
	rc = map_put(&m->gaps, key, gap, NULL);
	if (rc) {
		gap_free(gap);
		return rc == -ENOSPC ? -E2BIG : rc;
	}
	*out = gap;
	return 0;
}

static int add_list(struct buf *line, const char *title, struct span items)
{
	return buf_addf(line, "%s%s:[%.*s]", line->len > 1 ? ", " : "", title, (int)items.len,
			items.len ? items.ptr : "");
}

static int add_one(struct buf *line, const char *title, const char *text)
{
	struct buf item;
	int rc;

	buf_init(&item, GAP_TEXT_MAX);
	rc = buf_add_json_str(&item, span_of(text));
	if (!rc)
		rc = add_list(line, title, buf_span(&item));
	buf_done(&item);
	return rc;
}

/* All but the verbs, which are not all known yet. */
static int start_line(struct gap *gap, const struct atom *atom)
{
	struct buf line;
	int rc;

	buf_init(&line, GAP_TEXT_MAX);
	rc = buf_add_char(&line, '{');
	if (!rc && !atom->url)
		rc = add_one(&line, "APIGroups", atom->group);
	if (!rc && !atom->url)
		rc = add_one(&line, "Resources", atom->resource);
	if (!rc && atom->url)
		rc = add_one(&line, "NonResourceURLs", atom->url);
	if (!rc && atom->name)
		rc = add_one(&line, "ResourceNames", atom->name);
	if (!rc)
		gap->line = buf_cstr(&line) ? span_dup(buf_span(&line)) : NULL;
	buf_done(&line);
	return rc ? rc : gap->line ? 0 : -ENOMEM;
}

static int note_gap(struct missing *m, const struct atom *atom)
{
	struct gap *gap = NULL;
	struct buf key;
	int rc;

	buf_init(&key, GAP_KEY_MAX);
	rc = gap_key(atom, &key);
	if (!rc)
		rc = gap_want(m, buf_span(&key), &gap);
	buf_done(&key);
	if (!rc && !gap->line)
		rc = start_line(gap, atom);
	if (!rc && gap->verbs.len)
		rc = buf_add_char(&gap->verbs, ' ');
	return rc ? rc : buf_add_json_str(&gap->verbs, span_of(atom->verb));
}

static int look_at(struct missing *m, const struct atom *atom)
{
	if (++m->combinations > RBAC_COMBINATIONS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < m->held_count; i++)
		if (covers(m->held[i], atom))
			return 0;
	return note_gap(m, atom);
}

static int each_name(struct missing *m, const struct rbac_rule *rule, struct atom *atom)
{
	int rc = 0;

	atom->name = NULL;
	if (!rule->names[0])
		return look_at(m, atom);
	for (const char *const *name = rule->names; !rc && *name; name++) {
		atom->name = *name;
		rc = look_at(m, atom);
	}
	return rc;
}

static int each_verb(struct missing *m, const struct rbac_rule *rule, struct atom *atom)
{
	int rc = 0;

	for (const char *const *verb = rule->verbs; !rc && *verb; verb++) {
		atom->verb = *verb;
		rc = atom->url ? look_at(m, atom) : each_name(m, rule, atom);
	}
	return rc;
}

static int each_atom(struct missing *m, const struct rbac_rule *rule)
{
	struct atom atom = { 0 };
	int rc = 0;

	for (const char *const *group = rule->groups; !rc && *group; group++)
		for (const char *const *resource = rule->resources; !rc && *resource; resource++) {
			atom.group = *group;
			atom.resource = *resource;
			rc = each_verb(m, rule, &atom);
		}
	for (const char *const *url = rule->urls; !rc && *url; url++) {
		atom.url = *url;
		rc = each_verb(m, rule, &atom);
	}
	return rc;
}

static int compare_gaps(const void *a, const void *b)
{
	return strcmp((*(struct gap *const *)a)->line, (*(struct gap *const *)b)->line);
}

static int write_gaps(struct missing *m, struct buf *out)
{
	struct gap **sorted = calloc(m->gaps.count, sizeof(struct gap *));
	size_t cursor = 0, count = 0;
	struct span key;
	void *value;
	int rc = 0;

	if (!sorted)
		return -ENOMEM;
	while (map_next(&m->gaps, &cursor, &key, &value))
		sorted[count++] = value;
	qsort(sorted, count, sizeof(struct gap *), compare_gaps);
	for (size_t i = 0; !rc && i < count; i++)
		rc = buf_addf(out, "%s%s, Verbs:[%.*s]}", i ? "\n" : "", sorted[i]->line,
			      SPAN_ARG(buf_span(&sorted[i]->verbs)));
	free(sorted);
	return rc;
}

int rbac_rules_missing(const struct rbac_rule *const *held, size_t held_count, const struct rbac_rule *wanted,
		       size_t wanted_count, struct buf *out)
{
	struct missing m = { .held = held, .held_count = held_count };
	int rc = 0;

	map_init(&m.gaps, GAPS_MAX);
	for (size_t i = 0; !rc && i < wanted_count; i++)
		rc = each_atom(&m, &wanted[i]);
	if (!rc && m.gaps.count) {
		rc = write_gaps(&m, out);
		rc = rc ? rc : 1;
	}
	map_done(&m.gaps, gap_free);
	return rc;
}

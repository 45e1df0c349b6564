#include <errno.h>
#include <time.h>

#include "rbac_helper.h"

#include "base/random.h"

static const char *const ops_groups[] = { "ops", "system:authenticated", NULL };
static const struct api_identity jo = { .user = "jo", .groups = ops_groups, .uid = "" };
static const struct api_identity al = { .user = "al", .uid = "" };
static const struct api_identity robot = { .user = "system:serviceaccount:shop:robot", .uid = "" };

static struct rbac *fresh(void)
{
	struct rbac *rbac = NULL;

	assert_int_equal(rbac_new(&rbac), 0);
	return rbac;
}

static bool may(const struct rbac *rbac, const struct api_attributes what, const char *why)
{
	char reason[512] = "x";
	bool allowed = rbac_allows(rbac, &what, reason, sizeof(reason));

	if (why)
		assert_string_equal(reason, why);
	return allowed;
}

static bool get_pod(const struct rbac *rbac, const struct api_identity *who, const char *ns)
{
	return may(rbac, about(who, "get", "", "pods", "", ns, "p"), NULL);
}

static void nothing_is_allowed_without_a_binding(void **state)
{
	struct rbac *rbac = fresh();

	add_role(rbac, "", "view", PODS);
	assert_false(may(rbac, about(&jo, "get", "", "pods", "", "shop", "p"), ""));
	rbac_free(rbac);
}

static void a_binding_in_a_namespace_counts_there(void **state)
{
	struct rbac *rbac = fresh();

	add_role(rbac, "", "view", PODS);
	add_binding(rbac, "shop", "b", "ClusterRole", "view", "User", "jo", "");
	assert_true(may(rbac, about(&jo, "get", "", "pods", "", "shop", "p"),
			"RBAC: allowed by RoleBinding \"b/shop\" of ClusterRole \"view\" to User \"jo\""));
	assert_true(may(rbac, about(&jo, "get", "", "pods", "log", "shop", "p"), NULL));
	assert_false(may(rbac, about(&jo, "delete", "", "pods", "", "shop", "p"), NULL));
	assert_false(may(rbac, about(&jo, "get", "", "pods", "exec", "shop", "p"), NULL));
	assert_false(may(rbac, about(&jo, "get", "apps", "pods", "", "shop", "p"), NULL));
	assert_false(get_pod(rbac, &jo, "other"));
	assert_false(get_pod(rbac, &jo, ""));
	assert_false(get_pod(rbac, &al, "shop"));
	rbac_free(rbac);
}

static void a_cluster_wide_binding_counts_everywhere(void **state)
{
	struct rbac *rbac = fresh();

	add_role(rbac, "", "view", PODS);
	add_binding(rbac, "", "b", "ClusterRole", "view", "Group", "ops", "");
	assert_true(
		may(rbac, about(&jo, "list", "", "pods", "", "", ""),
		    "RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"view\" to Group \"ops\""));
	assert_true(get_pod(rbac, &jo, "shop"));
	assert_false(get_pod(rbac, &al, "shop"));
	rbac_free(rbac);
}

static void service_accounts_are_users_of_a_namespace(void **state)
{
	struct rbac *rbac = fresh();

	add_role(rbac, "other", "r", PODS);
	add_binding(rbac, "other", "b", "Role", "r", "ServiceAccount", "robot", "shop");
	assert_true(may(
		rbac, about(&robot, "get", "", "pods", "", "other", "p"),
		"RBAC: allowed by RoleBinding \"b/other\" of Role \"r\" to ServiceAccount \"robot/shop\""));
	assert_false(get_pod(rbac, &robot, "shop"));
	/* Without a namespace it is the binding's own. */
	add_role(rbac, "shop", "r", PODS);
	add_binding(rbac, "shop", "own", "Role", "r", "ServiceAccount", "robot", "");
	assert_true(get_pod(rbac, &robot, "shop"));
	rbac_free(rbac);
}

static void a_missing_role_is_named(void **state)
{
	struct rbac *rbac = fresh();

	add_role(rbac, "", "r", PODS); /* of another kind than the binding means */
	add_binding(rbac, "shop", "b", "Role", "r", "User", "jo", "");
	assert_false(may(rbac, about(&jo, "get", "", "pods", "", "shop", "p"),
			 "RBAC: role.rbac.authorization.k8s.io \"r\" not found"));
	add_role(rbac, "shop", "r", PODS);
	assert_true(get_pod(rbac, &jo, "shop"));
	drop(rbac, "roles", "shop", "r");
	assert_false(get_pod(rbac, &jo, "shop"));
	rbac_free(rbac);
}

static void what_rules_say(void **state)
{
	static const struct {
		const char *rule, *verb, *group, *resource, *subresource, *name;
		bool allowed;
	} cases[] = {
		{ "[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]", "delete", "apps", "x", "scale", "n",
		  true },
		{ "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"*/log\"]", "get", "", "pods", "log", "n",
		  true },
		{ "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"*/log\"]", "get", "", "pods", "", "n",
		  false },
		{ "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"*/log\"]", "get", "", "pods", "catalog",
		  "n", false },
		{ "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]", "get", "", "pods", "log", "n",
		  false },
		{ "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods/log\"]", "get", "", "pod", "s/log",
		  "n", false },
		{ "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\",\"b\"]",
		  "get", "", "pods", "", "b", true },
		{ "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]", "get",
		  "", "pods", "", "ab", false },
		{ "[\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]",
		  "list", "", "pods", "", "", false },
		{ "[],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]", "get", "", "pods", "", "n", false },
		{ "[\"get\"],\"nonResourceURLs\":[\"*\"]", "get", "", "pods", "", "n", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rbac *rbac = fresh();
		char rule[512];

		(void)snprintf(rule, sizeof(rule), "{\"verbs\":%s}", cases[i].rule);
		add_role(rbac, "", "r", rule);
		add_binding(rbac, "", "b", "ClusterRole", "r", "User", "jo", "");
		if (may(rbac,
			about(&jo, cases[i].verb, cases[i].group, cases[i].resource, cases[i].subresource,
			      "ns", cases[i].name),
			NULL) != cases[i].allowed)
			fail_msg("case %zu: %s", i, rule);
		rbac_free(rbac);
	}
}

static void a_selector_for_one_name_counts_as_the_name(void **state)
{
	struct api_attributes what = about(&jo, "watch", "", "pods", "", "ns", "");
	struct rbac *rbac = fresh();
	struct selector *one = NULL, *other = NULL;

	add_role(rbac, "", "r",
		 "{\"verbs\":[\"watch\",\"create\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],"
		 "\"resourceNames\":[\"a\"]}");
	add_binding(rbac, "", "b", "ClusterRole", "r", "User", "jo", "");
	assert_int_equal(selector_parse_fields(SPAN("metadata.name=a"), &one, NULL), 0);
	assert_int_equal(selector_parse_fields(SPAN("metadata.name!=a"), &other, NULL), 0);
	assert_false(may(rbac, what, NULL));
	what.fields = one;
	assert_true(may(rbac, what, NULL));
	what.fields = other;
	assert_false(may(rbac, what, NULL));
	what.fields = one;
	what.verb = "create";
	assert_false(may(rbac, what, NULL));
	selector_free(one);
	selector_free(other);
	rbac_free(rbac);
}

static void paths_are_granted_cluster_wide_only(void **state)
{
	struct rbac *rbac = fresh();

	add_role(rbac, "", "r", "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/metrics\",\"/logs/*\"]}");
	add_binding(rbac, "shop", "b", "ClusterRole", "r", "User", "jo", "");
	assert_false(may(rbac, about_path(&jo, "/metrics"), NULL));
	add_binding(rbac, "", "b", "ClusterRole", "r", "User", "jo", "");
	assert_true(may(rbac, about_path(&jo, "/metrics"), NULL));
	assert_true(may(rbac, about_path(&jo, "/logs/a/b"), NULL));
	assert_true(may(rbac, about_path(&jo, "/logs/"), NULL));
	assert_false(may(rbac, about_path(&jo, "/logs"), NULL));
	assert_false(may(rbac, about_path(&jo, "/metrics/x"), NULL));
	rbac_free(rbac);
}

static void what_is_damaged_grants_nothing(void **state)
{
	static const char *const roles[] = { "{", "{\"rules\":{}}", "{\"rules\":[1]}",
					     "{\"rules\":[{\"verbs\":[1]}]}",
					     "{\"rules\":[{\"verbs\":\"get\"}]}" };
	static const char *const bindings[] = {
		"{}", "{\"roleRef\":{\"kind\":\"ClusterRole\"}}",
		"{\"roleRef\":{\"kind\":\"Role\",\"name\":\"view\"},\"subjects\":[{\"kind\":\"Robot\","
		"\"name\":\"jo\"}]}",
		"{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"view\"},\"subjects\":{}}"
	};
	struct rbac *rbac = fresh();
	struct rbac_stats stats;

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		add_role(rbac, "", "view", PODS);
		add_binding(rbac, "shop", "b", "ClusterRole", "view", "User", "jo", "");
		assert_true(get_pod(rbac, &jo, "shop"));
		assert_int_equal(feed(rbac, "clusterroles", "", "view", roles[i]), -EBADMSG);
		assert_false(get_pod(rbac, &jo, "shop"));
	}
	add_role(rbac, "", "view", PODS);
	for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++) {
		add_binding(rbac, "shop", "b", "ClusterRole", "view", "User", "jo", "");
		assert_true(get_pod(rbac, &jo, "shop"));
		assert_int_equal(feed(rbac, "rolebindings", "shop", "b", bindings[i]), -EBADMSG);
		assert_false(get_pod(rbac, &jo, "shop"));
	}
	rbac_stats(rbac, &stats);
	assert_int_equal(stats.roles, 1);
	assert_int_equal(stats.bindings + stats.subjects, 0);
	rbac_free(rbac);
}

static void removal_leaves_nothing_behind(void **state)
{
	struct rbac *rbac = fresh();
	struct rbac_stats stats;

	add_role(rbac, "", "view", PODS);
	add_binding(rbac, "shop", "b", "ClusterRole", "view", "User", "jo", "");
	add_binding(rbac, "shop", "b", "ClusterRole", "view", "User", "al", ""); /* somebody else now */
	assert_false(get_pod(rbac, &jo, "shop"));
	assert_true(get_pod(rbac, &al, "shop"));
	drop(rbac, "rolebindings", "shop", "b");
	drop(rbac, "rolebindings", "shop", "b");
	assert_false(get_pod(rbac, &al, "shop"));
	drop(rbac, "clusterroles", "", "view");
	rbac_stats(rbac, &stats);
	assert_int_equal(stats.roles + stats.bindings + stats.subjects, 0);
	rbac_free(rbac);
}

/* --- against an evaluator that anybody would write first: all of it, every time --- */

#define WORLD_ROLES 12
#define WORLD_BINDINGS 24
static const char *const namespaces[] = { "", "n1", "n2" };
static const char *const verbs[] = { "get", "list", "delete", "*" };
static const char *const groups[] = { "", "apps", "*" };
static const char *const resources[] = { "pods", "pods/log", "secrets", "*/log", "*" };
static const char *const names[] = { "a", "b" };
static const char *const urls[] = { "/x", "/x/*", "*", "/y" };
static const char *const users[] = { "u1", "u2", "system:serviceaccount:n1:sa" };
static const char *const user_groups[] = { "g1", "g2" };

struct world {
	struct rng rng;
	struct {
		const char *ns;
		char name[8];
		struct json *tree; /* NULL: not there */
	} roles[WORLD_ROLES], bindings[WORLD_BINDINGS];
};

#define PICK(w, list) list[rng_below(&(w)->rng, sizeof(list) / sizeof((list)[0]))]

static void put_list(struct world *w, struct json *rule, const char *member, const char *const *from,
		     size_t count, size_t least)
{
	struct json *list = json_new_array();
	size_t n = least + rng_below(&w->rng, 2);

	while (n--)
		assert_int_equal(json_append(list, json_new_str(from[rng_below(&w->rng, count)])), 0);
	assert_int_equal(json_set(rule, member, list), 0);
}
#define PUT(w, rule, member, from, least) \
	put_list(w, rule, member, from, sizeof(from) / sizeof((from)[0]), least)

static struct json *random_role(struct world *w)
{
	struct json *tree = json_new_object(), *rules = json_new_array();

	for (uint64_t n = rng_below(&w->rng, 3); n--;) {
		struct json *rule = json_new_object();

		PUT(w, rule, "verbs", verbs, 1);
		if (rng_below(&w->rng, 4)) {
			PUT(w, rule, "apiGroups", groups, 1);
			PUT(w, rule, "resources", resources, 1);
			if (!rng_below(&w->rng, 3))
				PUT(w, rule, "resourceNames", names, 1);
		} else {
			PUT(w, rule, "nonResourceURLs", urls, 1);
		}
		assert_int_equal(json_append(rules, rule), 0);
	}
	assert_int_equal(json_set(tree, "rules", rules), 0);
	return tree;
}

static struct json *random_binding(struct world *w, const char *ns)
{
	struct json *tree = json_new_object(), *ref = json_ensure(tree, "roleRef"), *list = json_new_array();
	bool cluster = !*ns || rng_below(&w->rng, 2);

	assert_int_equal(json_set_str(ref, "kind", cluster ? "ClusterRole" : "Role"), 0);
	assert_int_equal(json_set_str(ref, "name", w->roles[rng_below(&w->rng, WORLD_ROLES)].name), 0);
	for (uint64_t n = rng_below(&w->rng, 3); n--;) {
		struct json *subject = json_new_object();
		uint64_t kind = rng_below(&w->rng, 3);

		assert_int_equal(json_set_str(subject, "kind",
					      kind == 0	  ? "User"
					      : kind == 1 ? "Group"
							  : "ServiceAccount"),
				 0);
		assert_int_equal(json_set_str(subject, "name",
					      kind == 0	  ? PICK(w, users)
					      : kind == 1 ? PICK(w, user_groups)
							  : "sa"),
				 0);
		if (kind == 2 && rng_below(&w->rng, 2))
			assert_int_equal(json_set_str(subject, "namespace", PICK(w, namespaces)), 0);
		assert_int_equal(json_append(list, subject), 0);
	}
	assert_int_equal(json_set(tree, "subjects", list), 0);
	return tree;
}

static bool has(const struct json *list, const char *text)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_at(list, i), ""), text) == 0)
			return true;
	return false;
}

static bool naive_url(const struct json *list, const char *path)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *said = json_str(json_at(list, i), "");
		size_t len = strlen(said);

		if (strcmp(said, path) == 0 || (said[len - 1] == '*' && strncmp(said, path, len - 1) == 0))
			return true;
	}
	return false;
}

static bool naive_rule(const struct json *rule, const struct api_attributes *what)
{
	const struct json *wanted = json_get(rule, "resources"), *only = json_get(rule, "resourceNames");
	char full[64], any[64];

	if (!has(json_get(rule, "verbs"), what->verb) && !has(json_get(rule, "verbs"), "*"))
		return false;
	if (!what->is_resource)
		return naive_url(json_get(rule, "nonResourceURLs"), what->path);
	(void)snprintf(full, sizeof(full), "%s%s%s", what->resource, *what->subresource ? "/" : "",
		       what->subresource);
	(void)snprintf(any, sizeof(any), "*/%s", what->subresource);
	return (has(json_get(rule, "apiGroups"), what->group) || has(json_get(rule, "apiGroups"), "*")) &&
	       (has(wanted, full) || has(wanted, "*") || (*what->subresource && has(wanted, any))) &&
	       (!json_count(only) || has(only, what->name));
}

static bool naive_subject(const struct json *subject, const char *binding_ns, const struct api_identity *who)
{
	const char *kind = json_path_str(subject, "kind", ""), *name = json_path_str(subject, "name", "");
	const char *ns = json_path_str(subject, "namespace", "");
	char user[64];

	if (strcmp(kind, "User") == 0)
		return strcmp(name, who->user) == 0;
	if (strcmp(kind, "Group") == 0) {
		for (const char *const *group = who->groups; *group; group++)
			if (strcmp(*group, name) == 0)
				return true;
		return false;
	}
	(void)snprintf(user, sizeof(user), "system:serviceaccount:%s:%s", *ns ? ns : binding_ns, name);
	return strcmp(user, who->user) == 0;
}

static bool naive_binding(const struct world *w, size_t at, const struct api_attributes *what)
{
	const struct json *tree = w->bindings[at].tree, *subjects = json_get(tree, "subjects");
	const char *ns = w->bindings[at].ns;
	bool cluster = strcmp(json_path_str(tree, "roleRef.kind", ""), "ClusterRole") == 0, named = false;

	if (!tree || (*ns && (!what->is_resource || strcmp(ns, what->ns) != 0)))
		return false;
	for (size_t i = 0; i < json_count(subjects); i++)
		named = named || naive_subject(json_at(subjects, i), ns, what->identity);
	for (size_t r = 0; named && r < WORLD_ROLES; r++) {
		const struct json *rules = json_get(w->roles[r].tree, "rules");

		if (strcmp(w->roles[r].name, json_path_str(tree, "roleRef.name", "")) != 0 ||
		    strcmp(w->roles[r].ns, cluster ? "" : ns) != 0)
			continue;
		for (size_t i = 0; i < json_count(rules); i++)
			if (naive_rule(json_at(rules, i), what))
				return true;
	}
	return false;
}

static bool naive(const struct world *w, const struct api_attributes *what)
{
	for (size_t i = 0; i < WORLD_BINDINGS; i++)
		if (naive_binding(w, i, what))
			return true;
	return false;
}

static void tell(struct rbac *rbac, const char *resource, const char *ns, const char *name,
		 const struct json *tree)
{
	struct buf body;

	if (!tree) {
		drop(rbac, resource, ns, name);
		return;
	}
	buf_init(&body, 1 << 20);
	assert_int_equal(json_write(tree, &body), 0);
	assert_int_equal(feed(rbac, resource, ns, name, buf_cstr(&body)), 0);
	buf_done(&body);
}

static void change_something(struct world *w, struct rbac *rbac)
{
	if (rng_below(&w->rng, 2)) {
		size_t i = rng_below(&w->rng, WORLD_ROLES);

		json_free(w->roles[i].tree);
		w->roles[i].tree = rng_below(&w->rng, 4) ? random_role(w) : NULL;
		tell(rbac, *w->roles[i].ns ? "roles" : "clusterroles", w->roles[i].ns, w->roles[i].name,
		     w->roles[i].tree);
	} else {
		size_t i = rng_below(&w->rng, WORLD_BINDINGS);

		json_free(w->bindings[i].tree);
		w->bindings[i].tree = rng_below(&w->rng, 4) ? random_binding(w, w->bindings[i].ns) : NULL;
		tell(rbac, *w->bindings[i].ns ? "rolebindings" : "clusterrolebindings", w->bindings[i].ns,
		     w->bindings[i].name, w->bindings[i].tree);
	}
}

static size_t ask_something(struct world *w, const struct rbac *rbac)
{
	const char *mine[3] = { PICK(w, user_groups), rng_below(&w->rng, 2) ? "g3" : NULL, NULL };
	const struct api_identity who = { .user = PICK(w, users), .groups = mine, .uid = "" };
	static const char *const kinds[] = { "pods", "secrets" }, *const subs[] = { "", "log" },
				 *const paths[] = { "/x", "/x/z", "/y", "/q" };
	struct api_attributes what = about(&who, PICK(w, verbs), PICK(w, groups), PICK(w, kinds),
					   PICK(w, subs), PICK(w, namespaces), PICK(w, names));
	char reason[256];
	bool expected;

	if (!rng_below(&w->rng, 4)) {
		what = about_path(&who, PICK(w, paths));
		what.verb = PICK(w, verbs);
	}
	expected = naive(w, &what);
	if (rbac_allows(rbac, &what, reason, sizeof(reason)) != expected)
		fail_msg("%s %s/%s %s %s by %s: %s", what.verb, what.resource, what.subresource, what.ns,
			 what.path, who.user, expected ? "should be allowed" : reason);
	return expected;
}

static void it_agrees_with_a_naive_evaluator(void **state)
{
	struct world w = { 0 };
	struct rbac *rbac = fresh();
	struct rbac_stats stats;
	size_t allowed = 0;
	uint64_t seed;

	random_bytes(&seed, sizeof(seed));
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&w.rng, seed);
	for (size_t i = 0; i < WORLD_ROLES; i++) {
		w.roles[i].ns = namespaces[i % 3];
		(void)snprintf(w.roles[i].name, sizeof(w.roles[i].name), "r%zu", i % 5);
	}
	for (size_t i = 0; i < WORLD_BINDINGS; i++) {
		w.bindings[i].ns = namespaces[i % 3];
		(void)snprintf(w.bindings[i].name, sizeof(w.bindings[i].name), "b%zu", i);
	}
	for (size_t round = 0; round < 3000; round++) {
		change_something(&w, rbac);
		for (size_t i = 0; i < 10; i++)
			allowed += ask_something(&w, rbac);
	}
	print_message("%zu of 30000 allowed\n", allowed);
	assert_in_range(allowed, 1000, 29000); /* else it shows little */
	for (size_t i = 0; i < WORLD_ROLES; i++) {
		json_free(w.roles[i].tree);
		drop(rbac, *w.roles[i].ns ? "roles" : "clusterroles", w.roles[i].ns, w.roles[i].name);
	}
	for (size_t i = 0; i < WORLD_BINDINGS; i++) {
		json_free(w.bindings[i].tree);
		drop(rbac, *w.bindings[i].ns ? "rolebindings" : "clusterrolebindings", w.bindings[i].ns,
		     w.bindings[i].name);
	}
	rbac_stats(rbac, &stats);
	assert_int_equal(stats.roles + stats.bindings + stats.subjects, 0);
	rbac_free(rbac);
}

/* --- many --- */

#define MANY 10000
#define QUESTIONS 100000

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ten_thousand_bindings_cost_a_look_up(void **state)
{
	struct rbac *rbac = fresh();
	double start = seconds(), filled;
	char ns[32], name[32];
	size_t allowed = 0;

	add_role(rbac, "", "view", PODS);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(ns, sizeof(ns), "ns-%d", i % 1000);
		(void)snprintf(name, sizeof(name), "user-%d", i);
		add_binding(rbac, ns, name, "ClusterRole", "view", "User", name, "");
	}
	filled = seconds();
	for (int i = 0; i < QUESTIONS; i++) {
		const struct api_identity who = { .user = name, .groups = ops_groups, .uid = "" };

		(void)snprintf(ns, sizeof(ns), "ns-%d", i % 1000);
		(void)snprintf(name, sizeof(name), "user-%d", i % (MANY + 1000));
		allowed += get_pod(rbac, &who, ns);
	}
	print_message("%d bindings in %.0f ms, then %.2f us for a question\n", MANY, (filled - start) * 1e3,
		      (seconds() - filled) * 1e6 / QUESTIONS);
	assert_int_equal(allowed, QUESTIONS / (MANY + 1000) * MANY + QUESTIONS % (MANY + 1000));
	rbac_free(rbac);
}

static int count_rule(void *ctx, const struct rbac_rule *rule)
{
	size_t *count = ctx;

	++*count;
	return rule->verbs[0] && strcmp(rule->verbs[0], "stop") == 0 ? -EINTR : 0;
}

static void held_rules_are_those_of_the_namespace_and_of_the_cluster(void **state)
{
	struct rbac *rbac = fresh();
	size_t count = 0;

	add_role(rbac, "", "two", PODS "," PODS);
	add_role(rbac, "shop", "one", "{\"verbs\":[\"stop\"]}");
	add_binding(rbac, "", "a", "ClusterRole", "two", "Group", "ops", "");
	add_binding(rbac, "", "gone", "ClusterRole", "none", "User", "jo", "");
	assert_int_equal(rbac_rules_held(rbac, &jo, "", count_rule, &count), 0);
	assert_int_equal(count, 2);
	count = 0;
	add_binding(rbac, "shop", "b", "Role", "one", "User", "jo", "");
	assert_int_equal(rbac_rules_held(rbac, &jo, "shop", count_rule, &count), -EINTR);
	assert_int_equal(count, 3);
	assert_non_null(rbac_role(rbac, "shop", "one"));
	assert_null(rbac_role(rbac, NULL, "one"));
	rbac_free(rbac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allowed_without_a_binding),
		cmocka_unit_test(a_binding_in_a_namespace_counts_there),
		cmocka_unit_test(a_cluster_wide_binding_counts_everywhere),
		cmocka_unit_test(service_accounts_are_users_of_a_namespace),
		cmocka_unit_test(a_missing_role_is_named),
		cmocka_unit_test(what_rules_say),
		cmocka_unit_test(a_selector_for_one_name_counts_as_the_name),
		cmocka_unit_test(paths_are_granted_cluster_wide_only),
		cmocka_unit_test(what_is_damaged_grants_nothing),
		cmocka_unit_test(removal_leaves_nothing_behind),
		cmocka_unit_test(held_rules_are_those_of_the_namespace_and_of_the_cluster),
		cmocka_unit_test(it_agrees_with_a_naive_evaluator),
		cmocka_unit_test(ten_thousand_bindings_cost_a_look_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

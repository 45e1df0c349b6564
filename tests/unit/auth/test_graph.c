#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/graph.h"
#include "base/map.h"
#include "base/random.h"
#include "graph_model.h"

/* --- a listener that keeps each node's set as a replica would, and checks the order of what it is told --- */

struct listener {
	struct map have; /* "node|resource/ns/name" -> itself */
	struct buf log;	 /* what was told since the last look */
	const struct graph *graph;
	size_t broken; /* rules broken: entered twice, left or changed without having entered */
};

static char present;

static struct span entry(struct buf *text, const char *node, const struct key *key)
{
	(void)buf_addf(text, "%s|", node);
	(void)key_text(key, text);
	return buf_span(text);
}

static bool has(const struct listener *l, const char *node, const struct key *key)
{
	struct buf text;
	bool found;

	buf_init(&text, 1024);
	found = map_get(&l->have, entry(&text, node, key)) != NULL;
	buf_done(&text);
	return found;
}

static void set(struct listener *l, const char *node, const struct key *key, bool on)
{
	struct buf text;

	buf_init(&text, 1024);
	if (on)
		assert_int_equal(map_put(&l->have, entry(&text, node, key), &present, NULL), 0);
	else
		(void)map_remove(&l->have, entry(&text, node, key));
	buf_done(&text);
}

static void on_enter(void *ctx, const char *node, const struct key *key, enum graph_rank rank)
{
	struct listener *l = ctx;

	l->broken += has(l, node, key);
	set(l, node, key, true);
	(void)buf_addf(&l->log, "+%s:%s/%s ", node, key->resource, key->name);
}

static void on_leave(void *ctx, const char *node, const struct key *key)
{
	struct listener *l = ctx;

	l->broken += !has(l, node, key);
	set(l, node, key, false);
	(void)buf_addf(&l->log, "-%s:%s/%s ", node, key->resource, key->name);
}

static void on_changed(void *ctx, const char *node, const struct key *key, enum graph_rank rank)
{
	struct listener *l = ctx;

	l->broken += rank != GRAPH_NODE && !has(l, node, key);
	(void)buf_addf(&l->log, "~%s:%s/%s ", node, key->resource, key->name);
}

static void on_gone(void *ctx, const char *node, const struct key *key, const char *uid)
{
	struct listener *l = ctx;

	l->broken += strcmp(key->resource, "nodes") != 0 && !has(l, node, key);
	if (strcmp(key->resource, "pods") == 0 || strcmp(key->resource, GRAPH_SERVICES) == 0 ||
	    strcmp(key->resource, GRAPH_SLICES) == 0)
		set(l, node, key, false);
	(void)buf_addf(&l->log, "x%s:%s/%s(%s) ", node, key->resource, key->name, uid);
}

struct fixture {
	struct listener listener;
	struct graph *graph;
};

static int setup(void **state)
{
	static const struct graph_events events = { on_enter, on_leave, on_changed, on_gone };
	struct fixture *f = calloc(1, sizeof(*f));

	map_init(&f->listener.have, 1000000);
	buf_init(&f->listener.log, 1 << 24);
	*state = f;
	return graph_new(&events, &f->listener, &f->graph);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	graph_free(f->graph);
	map_done(&f->listener.have, NULL);
	buf_done(&f->listener.log);
	free(f);
	return 0;
}

static void told(struct fixture *f, const char *expected)
{
	assert_string_equal(buf_cstr(&f->listener.log), expected);
	assert_int_equal(f->listener.broken, 0);
	buf_reset(&f->listener.log);
}

static void feed(struct fixture *f, enum change_type type, const char *resource, const char *ns,
		 const char *name, const char *uid, const char *body)
{
	struct object object = { .key = { resource, ns, name }, .uid = uid, .body = span_of(body) };
	struct change change = { .type = type, .revision = 1, .object = &object };

	assert_int_equal(graph_apply(f->graph, &change), 0);
}

static void pod(struct fixture *f, enum change_type type, const char *name, const char *uid, const char *spec)
{
	struct buf body;

	buf_init(&body, 1 << 20);
	assert_int_equal(buf_addf(&body, "{\"spec\":%s}", spec), 0);
	feed(f, type, "pods", "default", name, uid, buf_cstr(&body));
	buf_done(&body);
}

#define WEB                                                                                                  \
	"{\"nodeName\":\"n1\",\"volumes\":[{\"configMap\":{\"name\":\"page\"}},{\"secret\":{\"secretName\":" \
	"\"tls\"}}]}"

static void references_enter_before_the_pod_that_names_them(void **state)
{
	pod(*state, CHANGE_ADDED, "web", "u1", WEB);
	told(*state, "+n1:namespaces/default +n1:serviceaccounts/default +n1:configmaps/page +n1:secrets/tls "
		     "+n1:pods/web ");
}

static void references_leave_after_the_pod_is_gone(void **state)
{
	pod(*state, CHANGE_ADDED, "web", "u1", WEB);
	buf_reset(&((struct fixture *)*state)->listener.log);
	pod(*state, CHANGE_DELETED, "web", "u1", WEB);
	told(*state, "xn1:pods/web(u1) -n1:secrets/tls -n1:configmaps/page -n1:serviceaccounts/default "
		     "-n1:namespaces/default ");
}

static void a_shared_reference_stays_until_its_last_pod_goes(void **state)
{
	struct fixture *f = *state;
	const struct key tls = { "secrets", "default", "tls" };

	pod(f, CHANGE_ADDED, "web", "u1", WEB);
	pod(f, CHANGE_ADDED, "web2", "u2", WEB);
	buf_reset(&f->listener.log);
	pod(f, CHANGE_DELETED, "web", "u1", WEB);
	told(f, "xn1:pods/web(u1) ");
	assert_true(graph_has(f->graph, "n1", &tls));
	pod(f, CHANGE_DELETED, "web2", "u2", WEB);
	assert_false(graph_has(f->graph, "n1", &tls));
}

static void a_changed_reference_is_told_to_the_nodes_that_need_it(void **state)
{
	struct fixture *f = *state;

	pod(f, CHANGE_ADDED, "web", "u1", WEB);
	pod(f, CHANGE_ADDED, "other", "u2", "{\"nodeName\":\"n2\"}");
	buf_reset(&f->listener.log);
	feed(f, CHANGE_MODIFIED, "configmaps", "default", "page", "c1", "{}");
	told(f, "~n1:configmaps/page ");
	feed(f, CHANGE_MODIFIED, "configmaps", "kube-system", "page", "c2", "{}");
	told(f, "");
	feed(f, CHANGE_MODIFIED, "namespaces", "", "default", "ns1", "{}");
	told(f, "~n1:namespaces/default ~n2:namespaces/default ");
	feed(f, CHANGE_MODIFIED, "nodes", "", "n2", "nu", "{}");
	told(f, "~n2:nodes/n2 ");
}

/* The reference may come before or after the object, which may be deleted and made anew, without leaving the set. */
static void a_key_is_in_the_set_whether_its_object_exists_or_not(void **state)
{
	struct fixture *f = *state;
	const struct key page = { "configmaps", "default", "page" };

	pod(f, CHANGE_ADDED, "web", "u1", WEB);
	assert_true(graph_has(f->graph, "n1", &page));
	buf_reset(&f->listener.log);
	feed(f, CHANGE_ADDED, "configmaps", "default", "page", "c1", "{}");
	feed(f, CHANGE_DELETED, "configmaps", "default", "page", "c1", "{}");
	feed(f, CHANGE_ADDED, "configmaps", "default", "page", "c2", "{}");
	told(f, "~n1:configmaps/page xn1:configmaps/page(c1) ~n1:configmaps/page ");
	assert_true(graph_has(f->graph, "n1", &page));
}

static void binding_makes_a_pod_enter(void **state)
{
	struct fixture *f = *state;
	const struct key key = { "pods", "default", "p" };

	pod(f, CHANGE_ADDED, "p", "u", "{}");
	told(f, "");
	pod(f, CHANGE_MODIFIED, "p", "u", "{\"nodeName\":\"n1\"}");
	told(f, "+n1:namespaces/default +n1:serviceaccounts/default +n1:pods/p ");
	assert_true(graph_has(f->graph, "n1", &key));
	assert_false(graph_has(f->graph, "n2", &key));
	pod(f, CHANGE_MODIFIED, "p", "u", "{\"nodeName\":\"n1\"}");
	told(f, "~n1:pods/p ");
}

static void changed_references_enter_first_and_leave_last(void **state)
{
	struct fixture *f = *state;

	pod(f, CHANGE_ADDED, "p", "u",
	    "{\"nodeName\":\"n1\",\"imagePullSecrets\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
	buf_reset(&f->listener.log);
	pod(f, CHANGE_MODIFIED, "p", "u",
	    "{\"nodeName\":\"n1\",\"imagePullSecrets\":[{\"name\":\"b\"},{\"name\":\"c\"}]}");
	told(f, "+n1:secrets/c ~n1:pods/p -n1:secrets/a ");
}

static void a_pod_of_the_same_name_is_another_pod(void **state)
{
	struct fixture *f = *state;

	pod(f, CHANGE_ADDED, "p", "u1", "{\"nodeName\":\"n1\"}");
	buf_reset(&f->listener.log);
	pod(f, CHANGE_MODIFIED, "p", "u2", "{\"nodeName\":\"n2\"}");
	told(f, "xn1:pods/p(u1) -n1:serviceaccounts/default -n1:namespaces/default "
		"+n2:namespaces/default +n2:serviceaccounts/default +n2:pods/p ");
}

static void forgetting_a_pod_is_no_deletion(void **state)
{
	struct fixture *f = *state;

	pod(f, CHANGE_ADDED, "p", "u1", "{\"nodeName\":\"n1\"}");
	buf_reset(&f->listener.log);
	pod(f, CHANGE_LEFT, "p", "u1", "{}");
	told(f, "-n1:pods/p -n1:serviceaccounts/default -n1:namespaces/default ");
}

static void a_node_always_has_itself_and_nothing_of_others(void **state)
{
	struct fixture *f = *state;
	const struct key self = { "nodes", "", "n1" }, other = { "nodes", "", "n2" },
			 sneaky = { "secrets", "default/x", "y" };

	assert_true(graph_has(f->graph, "n1", &self));
	assert_false(graph_has(f->graph, "n1", &other));
	assert_int_equal(graph_count(f->graph, "n1"), 1);
	pod(f, CHANGE_ADDED, "p", "u1",
	    "{\"nodeName\":\"n1\",\"imagePullSecrets\":[{\"name\":\"x/y\"},{\"name\":\"../y\"}]}");
	assert_false(graph_has(f->graph, "n1", &sneaky));
	assert_int_equal(graph_count(f->graph, "n1"), 4); /* node, namespace, account, pod */
}

static void tokens_are_for_accounts_that_run_here(void **state)
{
	struct fixture *f = *state;

	pod(f, CHANGE_ADDED, "p", "u1", "{\"nodeName\":\"n1\",\"serviceAccountName\":\"builder\"}");
	assert_true(graph_runs_as(f->graph, "n1", "default", "builder"));
	assert_false(graph_runs_as(f->graph, "n1", "default", "default"));
	assert_false(graph_runs_as(f->graph, "n1", "kube-system", "builder"));
	assert_false(graph_runs_as(f->graph, "n2", "default", "builder"));
}

static void a_damaged_pod_leaves_what_was_known(void **state)
{
	struct fixture *f = *state;
	struct object broken = { .key = { "pods", "default", "p" }, .uid = "u1", .body = SPAN("{\"spec\":") };
	const struct key key = { "pods", "default", "p" };

	pod(f, CHANGE_ADDED, "p", "u1", "{\"nodeName\":\"n1\"}");
	assert_int_not_equal(graph_put(f->graph, &broken), 0);
	assert_true(graph_has(f->graph, "n1", &key));
}

static void too_many_references_are_cut_not_followed(void **state)
{
	struct fixture *f = *state;
	struct graph_stats stats;
	struct buf spec;

	buf_init(&spec, 1 << 20);
	assert_int_equal(buf_add_str(&spec, "{\"nodeName\":\"n1\",\"imagePullSecrets\":["), 0);
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(buf_addf(&spec, "%s{\"name\":\"s%u\"}", i ? "," : "", i), 0);
	assert_int_equal(buf_add_str(&spec, "]}"), 0);
	pod(f, CHANGE_ADDED, "p", "u1", buf_cstr(&spec));
	graph_stats(f->graph, &stats);
	assert_int_equal(stats.edges, GRAPH_REFS_PER_POD_MAX);
	assert_int_equal(stats.refs_cut, 3002 - GRAPH_REFS_PER_POD_MAX);
	assert_int_equal(graph_count(f->graph, "n1"), 2 + GRAPH_REFS_PER_POD_MAX);
	pod(f, CHANGE_DELETED, "p", "u1", "{}");
	graph_stats(f->graph, &stats);
	assert_int_equal(stats.edges + stats.items + stats.pods + stats.nodes, 0);
	buf_done(&spec);
}

static int check_rank(void *ctx, const struct key *key, enum graph_rank rank)
{
	int *last = ctx;

	assert_true((int)rank >= *last);
	*last = (int)rank;
	return 0;
}

static int stop_at_once(void *ctx, const struct key *key, enum graph_rank rank)
{
	return -5;
}

static void a_walk_goes_by_rank(void **state)
{
	struct fixture *f = *state;
	int last = -1;

	pod(f, CHANGE_ADDED, "web", "u1", WEB);
	pod(f, CHANGE_ADDED, "p", "u2", "{\"nodeName\":\"n1\",\"serviceAccountName\":\"builder\"}");
	assert_int_equal(graph_walk(f->graph, "n1", check_rank, &last), 0);
	assert_int_equal(last, GRAPH_POD);
	assert_int_equal(graph_walk(f->graph, "n1", stop_at_once, NULL), -5);
}

/* --- regions --- */

static void node(struct fixture *f, enum change_type type, const char *name, const char *region)
{
	struct object object = { .key = { "nodes", "", name }, .uid = "nu", .body = SPAN("{}") };
	struct change change = { .type = type, .revision = 1, .object = &object };
	struct buf labels;

	buf_init(&labels, 1024);
	assert_int_equal(pairs_add(&labels, "kubernetes.io/hostname", name), 0);
	if (region)
		assert_int_equal(pairs_add(&labels, GRAPH_REGION_LABEL, region), 0);
	object.labels = buf_span(&labels);
	assert_int_equal(graph_apply(f->graph, &change), 0);
	buf_done(&labels);
}

static void a_node_has_the_region_of_its_label_and_no_other(void **state)
{
	struct fixture *f = *state;
	const struct key north = { GRAPH_REGIONS, "", "north" }, south = { GRAPH_REGIONS, "", "south" };

	node(f, CHANGE_ADDED, "n1", "north");
	told(f, "~n1:nodes/n1 +n1:regions.health.holdfast.io/north ");
	node(f, CHANGE_ADDED, "n2", "south");
	assert_true(graph_has(f->graph, "n1", &north) && !graph_has(f->graph, "n1", &south));
	assert_true(graph_has(f->graph, "n2", &south) && !graph_has(f->graph, "n2", &north));
	buf_reset(&f->listener.log);
	feed(f, CHANGE_MODIFIED, GRAPH_REGIONS, "", "north", "r1", "{}");
	told(f, "~n1:regions.health.holdfast.io/north ");
	node(f, CHANGE_MODIFIED, "n1", "north");
	told(f, "~n1:nodes/n1 ");
}

static void a_relabelled_node_changes_its_region(void **state)
{
	struct fixture *f = *state;
	const struct key north = { GRAPH_REGIONS, "", "north" };
	struct graph_stats stats;

	node(f, CHANGE_ADDED, "n1", "north");
	pod(f, CHANGE_ADDED, "web", "u1", "{\"nodeName\":\"n1\"}");
	buf_reset(&f->listener.log);
	node(f, CHANGE_MODIFIED, "n1", "south");
	told(f, "~n1:nodes/n1 +n1:regions.health.holdfast.io/south -n1:regions.health.holdfast.io/north ");
	assert_false(graph_has(f->graph, "n1", &north));
	node(f, CHANGE_MODIFIED, "n1", NULL);
	told(f, "~n1:nodes/n1 -n1:regions.health.holdfast.io/south ");
	node(f, CHANGE_MODIFIED, "n1", "north");
	buf_reset(&f->listener.log);
	node(f, CHANGE_DELETED, "n1", "north");
	told(f, "xn1:nodes/n1(nu) -n1:regions.health.holdfast.io/north ");
	node(f, CHANGE_MODIFIED, "n3", NULL);
	node(f, CHANGE_DELETED, "n3", NULL);
	pod(f, CHANGE_DELETED, "web", "u1", "{\"nodeName\":\"n1\"}");
	graph_stats(f->graph, &stats);
	assert_true(!stats.nodes && !stats.items && !stats.edges);
}

/* --- Services and slices --- */

static void slice(struct fixture *f, enum change_type type, const char *name, const char *region)
{
	char labels[128];
	size_t len =
		region ? (size_t)snprintf(labels, sizeof(labels), "%s%c%s", GRAPH_REGION_LABEL, 0, region) + 1
		       : 0;
	struct object object = { .key = { GRAPH_SLICES, "default", name },
				 .uid = "su",
				 .labels = span_make(labels, len),
				 .body = SPAN("{}") };
	struct change change = { .type = type, .revision = 1, .object = &object };

	assert_int_equal(graph_apply(f->graph, &change), 0);
}

static int next_rank(void *ctx, const struct key *key, enum graph_rank rank)
{
	enum graph_rank *last = ctx;

	assert_true(rank >= *last);
	*last = rank;
	return 0;
}

static void all_nodes_get_services_and_the_slices_of_their_region(void **state)
{
	struct fixture *f = *state;
	const struct key web = { GRAPH_SERVICES, "default", "web" }, west = { GRAPH_SLICES, "default", "w" };
	enum graph_rank last = GRAPH_NODE;
	struct graph_stats stats;

	feed(f, CHANGE_ADDED, GRAPH_SERVICES, "default", "web", "u", "{}");
	slice(f, CHANGE_ADDED, "w", "west");
	slice(f, CHANGE_ADDED, "any", NULL);
	told(f, "");
	pod(f, CHANGE_ADDED, "p", "u1", "{\"nodeName\":\"n1\"}");
	assert_false(graph_has(f->graph, "n1", &web)); /* there is no Node yet */
	buf_reset(&f->listener.log);
	node(f, CHANGE_ADDED, "n1", "west");
	told(f, "~n1:nodes/n1 +n1:regions.health.holdfast.io/west +n1:services/web "
		"+n1:endpointslices.discovery.k8s.io/any +n1:endpointslices.discovery.k8s.io/w ");
	assert_true(graph_has(f->graph, "n1", &web) && graph_has(f->graph, "n1", &west));
	node(f, CHANGE_ADDED, "n2", "east");
	assert_false(graph_has(f->graph, "n2", &west));
	assert_int_equal(graph_count(f->graph, "n2"), 4);
	assert_int_equal(graph_walk(f->graph, "n1", next_rank, &last), 0);
	assert_int_equal(last, GRAPH_POD);
	buf_reset(&f->listener.log);

	slice(f, CHANGE_MODIFIED, "w", "west");
	told(f, "~n1:endpointslices.discovery.k8s.io/w ");
	slice(f, CHANGE_MODIFIED, "w", NULL);
	told(f, "~n1:endpointslices.discovery.k8s.io/w +n2:endpointslices.discovery.k8s.io/w ");
	slice(f, CHANGE_MODIFIED, "w", "east");
	told(f, "~n2:endpointslices.discovery.k8s.io/w -n1:endpointslices.discovery.k8s.io/w ");
	node(f, CHANGE_MODIFIED, "n1", "east");
	told(f, "~n1:nodes/n1 +n1:regions.health.holdfast.io/east -n1:regions.health.holdfast.io/west "
		"+n1:endpointslices.discovery.k8s.io/w ");
	node(f, CHANGE_MODIFIED, "n1", NULL);
	told(f, "~n1:nodes/n1 -n1:endpointslices.discovery.k8s.io/w -n1:regions.health.holdfast.io/east ");

	feed(f, CHANGE_DELETED, GRAPH_SERVICES, "default", "web", "u", "{}");
	told(f, "xn1:services/web(u) xn2:services/web(u) ");
	assert_false(graph_has(f->graph, "n1", &web));
	slice(f, CHANGE_DELETED, "w", "east");
	slice(f, CHANGE_DELETED, "any", NULL);
	buf_reset(&f->listener.log);
	node(f, CHANGE_DELETED, "n1", NULL);
	node(f, CHANGE_DELETED, "n2", "east");
	pod(f, CHANGE_DELETED, "p", "u1", "{\"nodeName\":\"n1\"}");
	graph_stats(f->graph, &stats);
	assert_true(!stats.nodes && !stats.items && !stats.edges);
}

/* --- against the model --- */

static void model_body(const struct model_pod *p, struct buf *out)
{
	buf_reset(out);
	(void)buf_add_str(out, "{\"spec\":{");
	if (p->node >= 0)
		(void)buf_addf(out, "\"nodeName\":\"n%d\",", p->node);
	(void)buf_addf(out, "\"serviceAccountName\":\"a%d\",\"volumes\":[", p->account);
	for (size_t i = 0; i < p->ref_count; i++)
		(void)buf_addf(out,
			       p->refs[i].secret ? "%s{\"secret\":{\"secretName\":\"s%d\"}}"
						 : "%s{\"configMap\":{\"name\":\"c%d\"}}",
			       i ? "," : "", p->refs[i].name);
	(void)buf_add_str(out, "]}}");
	assert_int_equal(buf_error(out), 0);
}

static void model_shuffle(struct model_pod *p, struct rng *rng)
{
	p->account = (int)rng_below(rng, MODEL_NAMES);
	p->ref_count = rng_below(rng, MODEL_REFS + 1);
	for (size_t i = 0; i < p->ref_count; i++) {
		p->refs[i].secret = rng_below(rng, 2);
		p->refs[i].name = (int)rng_below(rng, MODEL_NAMES);
	}
}

static void model_step(struct fixture *f, struct model *m, struct rng *rng, struct buf *body)
{
	size_t at = rng_below(rng, MODEL_PODS);
	struct model_pod *p = &m->pods[at];
	enum change_type type = CHANGE_MODIFIED;
	char name[16], ns[16], uid[16];

	if (!p->exists) {
		*p = (struct model_pod){ .exists = true,
					 .uid = p->uid + 1,
					 .node = (int)rng_below(rng, MODEL_NODES + 1) - 1,
					 .ns = (int)rng_below(rng, MODEL_NAMESPACES) };
		model_shuffle(p, rng);
		type = CHANGE_ADDED;
	} else if (rng_below(rng, 3) == 0) {
		type = rng_below(rng, 4) ? CHANGE_DELETED : CHANGE_LEFT;
	} else if (p->node < 0) {
		p->node = (int)rng_below(rng, MODEL_NODES);
	} else {
		model_shuffle(p, rng);
		if (rng_below(rng, 20) == 0)
			p->node = (int)rng_below(rng, MODEL_NODES + 1) - 1;
	}
	/* Names repeat across namespaces, so that keys differ by namespace only. */
	(void)snprintf(name, sizeof(name), "p%zu", at);
	(void)snprintf(ns, sizeof(ns), "ns%d", p->ns);
	(void)snprintf(uid, sizeof(uid), "u%u", p->uid);
	model_body(p, body);
	feed(f, type, "pods", ns, name, uid, buf_cstr(body));
	if (type == CHANGE_DELETED || type == CHANGE_LEFT)
		p->exists = false;
}

static void compare_item(struct fixture *f, const struct model *m, int node, char kind, int ns, int name)
{
	static const struct {
		char kind;
		const char *resource;
	} kinds[] = {
		{ 'N', "namespaces" }, { 'a', "serviceaccounts" }, { 'c', "configmaps" }, { 's', "secrets" }
	};
	char ns_text[16], name_text[16], node_text[16];
	struct key key = { NULL, ns_text, name_text };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			key.resource = kinds[i].resource;
	(void)snprintf(node_text, sizeof(node_text), "n%d", node);
	(void)snprintf(ns_text, sizeof(ns_text), "ns%d", ns);
	(void)snprintf(name_text, sizeof(name_text), "%c%d", kind, name);
	if (kind == 'N') {
		(void)snprintf(name_text, sizeof(name_text), "ns%d", ns);
		key.ns = "";
	}
	assert_int_equal(graph_has(f->graph, node_text, &key), model_needs(m, node, kind, ns, name));
	assert_int_equal(has(&f->listener, node_text, &key), model_needs(m, node, kind, ns, name));
}

static void compare(struct fixture *f, const struct model *m)
{
	static const char kinds[] = "acs";

	for (int node = 0; node < MODEL_NODES; node++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "n%d", node);
		assert_int_equal(graph_count(f->graph, text), model_count(m, node));
		for (int ns = 0; ns < MODEL_NAMESPACES; ns++) {
			compare_item(f, m, node, 'N', ns, 0);
			for (int name = 0; name < MODEL_NAMES; name++)
				for (size_t k = 0; k < 3; k++)
					compare_item(f, m, node, kinds[k], ns, name);
		}
	}
	assert_int_equal(f->listener.broken, 0);
}

static void many_updates_agree_with_a_naive_model(void **state)
{
	struct fixture *f = *state;
	struct model m = { .pods = { { .exists = false } } };
	struct graph_stats stats;
	struct rng rng;
	struct buf body;
	const uint64_t seed = 20261120;

	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	buf_init(&body, 4096);
	for (unsigned step = 0; step < 20000; step++) {
		model_step(f, &m, &rng, &body);
		buf_reset(&f->listener.log);
		if (step % 50 == 0)
			compare(f, &m);
	}
	compare(f, &m);
	for (size_t i = 0; i < MODEL_PODS; i++) {
		char name[16], ns[16], uid[16];

		if (!m.pods[i].exists)
			continue;
		(void)snprintf(name, sizeof(name), "p%zu", i);
		(void)snprintf(ns, sizeof(ns), "ns%d", m.pods[i].ns);
		(void)snprintf(uid, sizeof(uid), "u%u", m.pods[i].uid);
		feed(f, CHANGE_DELETED, "pods", ns, name, uid, "{}");
	}
	graph_stats(f->graph, &stats);
	assert_int_equal(stats.edges + stats.items + stats.pods + stats.nodes, 0);
	assert_int_equal(f->listener.have.count, 0);
	buf_done(&body);
}

/* One node with everything, and one item on every node: neither makes the other slow. Ends by the test's time limit otherwise. */
static void lopsided_sets_stay_quick(void **state)
{
	struct fixture *f = *state;
	char name[32], spec[160];

	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(spec, sizeof(spec),
			       "{\"nodeName\":\"n%u\",\"imagePullSecrets\":[{\"name\":\"s%u\"}]}",
			       i % 2 ? 0 : i, i);
		pod(f, CHANGE_ADDED, name, name, spec);
	}
	assert_int_equal(graph_count(f->graph, "n0"), 1 + 2 + 10001 + 10001);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		pod(f, CHANGE_DELETED, name, name, "{}");
	}
	assert_int_equal(f->listener.have.count, 0);
}

int main(void)
{
#define WITH_FIXTURE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(references_enter_before_the_pod_that_names_them),
		WITH_FIXTURE(references_leave_after_the_pod_is_gone),
		WITH_FIXTURE(a_shared_reference_stays_until_its_last_pod_goes),
		WITH_FIXTURE(a_changed_reference_is_told_to_the_nodes_that_need_it),
		WITH_FIXTURE(a_key_is_in_the_set_whether_its_object_exists_or_not),
		WITH_FIXTURE(binding_makes_a_pod_enter),
		WITH_FIXTURE(changed_references_enter_first_and_leave_last),
		WITH_FIXTURE(a_pod_of_the_same_name_is_another_pod),
		WITH_FIXTURE(forgetting_a_pod_is_no_deletion),
		WITH_FIXTURE(a_node_always_has_itself_and_nothing_of_others),
		WITH_FIXTURE(tokens_are_for_accounts_that_run_here),
		WITH_FIXTURE(a_damaged_pod_leaves_what_was_known),
		WITH_FIXTURE(too_many_references_are_cut_not_followed),
		WITH_FIXTURE(a_walk_goes_by_rank),
		WITH_FIXTURE(a_node_has_the_region_of_its_label_and_no_other),
		WITH_FIXTURE(a_relabelled_node_changes_its_region),
		WITH_FIXTURE(all_nodes_get_services_and_the_slices_of_their_region),
		WITH_FIXTURE(many_updates_agree_with_a_naive_model),
		WITH_FIXTURE(lopsided_sets_stay_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

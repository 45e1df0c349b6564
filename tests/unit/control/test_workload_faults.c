/* Every allocation of the plans of ReplicaSets and Deployments fails once, and once for good. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/deployment.h"
#include "control/replicaset.h"
#include "control/template.h"
#include "tests/tools/failmalloc.h"
#include "views.h"

#define NOW_MS 1790000000000
#define SET(name, image, more)                                                                            \
	"{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'" name                           \
	"','namespace':'default','uid':'u-" name "','creationTimestamp':'2026-09-21T14:13:20Z','"         \
	"annotations':{'deployment.kubernetes.io/revision':'1'}},"                                        \
	"'spec':{'replicas':3,'selector':{'matchLabels':{'app':'d'}},'template':{'metadata':{'labels':{'" \
	"app':'d',"                                                                                       \
	"'pod-template-hash':'h'}},'spec':{'containers':[{'name':'c','image':'" image                     \
	"'}]}}},'status':{'replicas':3,"                                                                  \
	"'readyReplicas':3,'availableReplicas':3" more "}}"

/* --- ReplicaSet --- */

struct set_case {
	struct cluster cluster;
	struct json *tree;
};

static int plan_set(void *ctx)
{
	const struct set_case *c = ctx;
	const struct replicaset_now now = { .wall_ms = NOW_MS, .batch = 2 };
	const struct replicaset_failure failure = { "FailedCreate", "no room" };
	struct json *tree = json_copy(c->tree), *pod = NULL;
	struct replicaset_plan plan = { .count = 0 };
	struct replicaset *rs = NULL;
	int rc = tree ? replicaset_of(tree, &rs) : -ENOMEM;

	if (!rc)
		rc = replicaset_plan(rs, &c->cluster, &now, &plan);
	if (!rc) {
		rc = replicaset_write_status(tree, &plan.counts, rs->generation, failure, NOW_MS);
		rc = rc < 0 ? rc : 0;
	}
	if (!rc && !(pod = template_pod(tree, REPLICASET_API_VERSION, REPLICASET_KIND)))
		rc = -ENOMEM;
	json_free(pod);
	replicaset_plan_done(&plan);
	replicaset_free(rs);
	json_free(tree);
	return rc;
}

static void a_replicaset_survives_every_shortage(void **state)
{
	static const char *const wanted[] = { "1", "9" };
	struct set_case c = { .tree = NULL };
	char text[1024];

	cluster_init(&c.cluster);
	put_node(&c.cluster, "n1", "", "", "'cpu':'4','pods':'110'");
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(text, sizeof(text),
			       "{'metadata':{'name':'p%u','namespace':'default','uid':'u%u','labels':{'app':'"
			       "%s'}%s},"
			       "'spec':{'nodeName':'n1'},'status':{'phase':'%s'}}",
			       i, i, i % 7 ? "r" : "z",
			       i % 5 ? ",'ownerReferences':[{'kind':'ReplicaSet','name':'r','uid':'ru','"
				       "controller':true}]"
				     : "",
			       i % 3 ? "Running" : "Failed");
		assert_int_equal(cluster_put_pod(&c.cluster, make_pod(text)), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text),
			       "{'metadata':{'name':'r','namespace':'default','uid':'ru','generation':2},'"
			       "spec':{'replicas':%s,"
			       "'selector':{'matchLabels':{'app':'r'}},'template':{'metadata':{'labels':{'"
			       "app':'r'}},"
			       "'spec':{'containers':[{'name':'c','image':'i'}]}}}}",
			       wanted[i]);
		c.tree = quoted_json(text);
		assert_true(failmalloc_walk(plan_set, &c) > 0);
		json_free(c.tree);
	}
	cluster_done(&c.cluster);
}

/* --- Deployment --- */

struct deployment_case {
	struct json *tree;
	struct json *sets[3];
	size_t count;
};

static int plan_deployment(void *ctx)
{
	const struct deployment_case *c = ctx;
	const struct deployment_now now = { .wall_ms = NOW_MS };
	struct deployment_set sets[3] = { { .tree = NULL } };
	struct deployment_plan plan = { .create = NULL };
	struct json *tree = json_copy(c->tree);
	struct deployment *d = NULL;
	int rc = tree ? deployment_of(tree, &d) : -ENOMEM;

	for (size_t i = 0; i < c->count; i++) {
		sets[i].tree = json_copy(c->sets[i]);
		rc = sets[i].tree ? rc : -ENOMEM;
	}
	if (!rc)
		rc = deployment_plan(d, tree, sets, c->count, &now, &plan);
	deployment_plan_done(&plan);
	for (size_t i = 0; i < c->count; i++)
		json_free(sets[i].tree);
	deployment_free(d);
	json_free(tree);
	return rc;
}

static void a_deployment_survives_every_shortage(void **state)
{
	static const struct {
		const char *strategy;
		size_t sets;
	} cases[] = {
		{ "", 0 },
		{ "", 2 },
		{ "'paused':true,", 3 },
		{ "'strategy':{'type':'Recreate'},", 3 },
		{ "'progressDeadlineSeconds':60,'revisionHistoryLimit':0,", 3 },
	};
	struct deployment_case c = { .count = 0 };
	char text[1024];

	c.sets[0] = quoted_json(SET("a", "i1", ""));
	c.sets[1] = quoted_json(
		SET("b", "i2", ",'conditions':[{'type':'ReplicaFailure','status':'True','reason':'R'}]"));
	c.sets[2] = quoted_json(SET("c", "i3", ""));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(
			text, sizeof(text),
			"{'metadata':{'name':'d','namespace':'default','uid':'du','generation':2,'"
			"annotations':{'why':'so'}},"
			"'spec':{'replicas':4,'minReadySeconds':1,%s'selector':{'matchLabels':{'app':'d'}},"
			"'template':{'metadata':{'labels':{'app':'d'}},'spec':{'containers':[{'name':'c','"
			"image':'i3'}]}}}}",
			cases[i].strategy);
		c.tree = quoted_json(text);
		c.count = cases[i].sets;
		assert_true(failmalloc_walk(plan_deployment, &c) > 0);
		json_free(c.tree);
	}
	for (size_t i = 0; i < 3; i++)
		json_free(c.sets[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replicaset_survives_every_shortage),
		cmocka_unit_test(a_deployment_survives_every_shortage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

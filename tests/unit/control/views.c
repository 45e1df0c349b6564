#include "views.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct json *quoted_json(const char *quoted)
{
	char *text = strdup(quoted);
	struct json *tree = NULL;
	struct err err = { 0 };

	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	if (json_parse(span_of(text), &tree, &err))
		fail_msg("%s in %s", err.msg, text);
	free(text);
	return tree;
}

struct pod_view *make_pod(const char *quoted)
{
	struct json *tree = quoted_json(quoted);
	struct pod_view *view = NULL;

	assert_int_equal(pod_view_of(tree, &view), 0);
	json_free(tree);
	return view;
}

struct node_view *make_node(const char *quoted)
{
	struct json *tree = quoted_json(quoted);
	struct node_view *view = NULL;

	assert_int_equal(node_view_of(tree, &view), 0);
	json_free(tree);
	return view;
}

void put_node(struct cluster *cluster, const char *name, const char *labels, const char *spec,
	      const char *allocatable)
{
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'%s','uid':'u-%s','labels':{%s}},'spec':{%s},'status':{'"
		       "allocatable':{%s},"
		       "'conditions':[{'type':'Ready','status':'True'}]}}",
		       name, name, labels, spec, allocatable);
	assert_int_equal(cluster_put_node(cluster, make_node(text), NULL), 0);
}

void put_pod(struct cluster *cluster, const char *name, const char *node, const char *spec)
{
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'%s','namespace':'default','uid':'u-%s'},'spec':{%s%s%s%s%s}}",
		       name, name, *node ? "'nodeName':'" : "", node, *node ? "'" : "",
		       *node && *spec ? "," : "", spec);
	assert_int_equal(cluster_put_pod(cluster, make_pod(text)), 0);
}

/* path: where in an object a walk stands, "spec.containers[0].env[1].name". On the stack; what is longer than
 * PROBLEM_PATH_MAX is cut. Each step returns a mark, and path_back(mark) returns to where it was taken. */
#ifndef HOLDFAST_API_PATH_H
#define HOLDFAST_API_PATH_H

#include "api/problems.h"

struct path {
	char text[PROBLEM_PATH_MAX];
	size_t len;
};

void path_init(struct path *path, const char *text);
size_t path_field(struct path *path, const char *name); /* ".name" */
size_t path_index(struct path *path, size_t index);	/* "[3]" */
size_t path_key(struct path *path, const char *key);	/* "[key]" */
void path_back(struct path *path, size_t mark);

#endif

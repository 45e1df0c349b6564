/* In place of openapi_v2.c and openapi_v3.c in a build without them (HOLDFAST_OPENAPI). Discovery stays: clients need it to ask at all. */
#include "api/openapi.h"

#include <errno.h>

int openapi_v2_json(struct buf *out)
{
	(void)out;
	return -ENOSYS;
}

int openapi_v2_protobuf(struct buf *out)
{
	(void)out;
	return -ENOSYS;
}

int openapi_v3_index(struct buf *out)
{
	(void)out;
	return -ENOSYS;
}

int openapi_v3(struct span group, struct span version, struct buf *out)
{
	(void)group;
	(void)version;
	(void)out;
	return -ENOSYS;
}

/* openapi: the documents clients read before they talk: discovery and OpenAPI, rendered from the kind tables. Any thread.
 *
 * Cheap enough to render for each request (version 2: 150 KiB in under a millisecond), so nothing is kept. */
#ifndef HOLDFAST_API_OPENAPI_H
#define HOLDFAST_API_OPENAPI_H

#include "api/kind.h"

int discovery_api_versions(struct buf *out);			    /* /api */
int discovery_groups(struct buf *out);				    /* /apis */
int discovery_group(struct span group, struct buf *out) must_check; /* /apis/GROUP; -ENOENT */
int discovery_resources(struct span group, struct span version,
			struct buf *out) must_check; /* /api/v1, /apis/G/V; -ENOENT */
/* apidiscovery.k8s.io/v2 APIGroupDiscoveryList, for /api (legacy) or /apis. `version` "v2" or "v2beta1". */
int discovery_aggregated(bool legacy, const char *version, struct buf *out);
int discovery_version(struct buf *out); /* /version */

/* These four: -ENOSYS in a build without them (openapi_none.c). */
int openapi_v2_json(struct buf *out); /* /openapi/v2 */
/* The same as gnostic's openapi.v2.Document: kubectl reads nothing else. Clients ask for it as
 * "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", but the answer must be called OPENAPI_V2_PROTOBUF: Go's
 * parser of media types does not take the '@'. */
#define OPENAPI_V2_PROTOBUF "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
int openapi_v2_protobuf(struct buf *out);
int openapi_v3_index(struct buf *out); /* /openapi/v3: paths with hashes */
int openapi_v3(struct span group, struct span version, struct buf *out) must_check; /* -ENOENT */

#endif

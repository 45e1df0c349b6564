/* grpc_server: a gRPC server that misbehaves on request: the method names what it does. nghttp2 inside. */
#ifndef HOLDFAST_TESTS_NET_GRPC_SERVER_H
#define HOLDFAST_TESTS_NET_GRPC_SERVER_H

#include "tests/unit/net/fixture.h"

struct grpc_server;
struct grpc_server *grpc_server_new(struct loop *loop, const char *address);
const char *grpc_server_address(const struct grpc_server *server);
unsigned grpc_server_connections(const struct grpc_server *server); /* accepted so far */
unsigned grpc_server_resets(const struct grpc_server *server);	    /* streams the client has reset */
const char *grpc_server_timeout(const struct grpc_server *server);  /* the last grpc-timeout */
void grpc_server_goaway(struct grpc_server *server);
void grpc_server_cut(struct grpc_server *server); /* all connections */
void grpc_server_free(struct grpc_server *server);

#endif

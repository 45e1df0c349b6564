/* check_spec: the checks that an operator defines for a node, as its configuration file says: what is asked, how often, what its answer
 * weighs. Pure. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_CHECK_SPEC_H
#define HOLDFAST_EDGE_HUB_HEALTH_CHECK_SPEC_H

#include "base/config.h"

#define CHECKS_OWN_MAX 16u
#define CHECK_NAME_MAX 32u
#define CHECK_TARGET_SIZE 1024u /* of an HTTP request */
#define CHECK_ARGUMENTS_MAX 64u

enum check_kind { CHECK_TCP, CHECK_HTTP, CHECK_EXEC };

struct check_spec { /* an item of the list; see config.h */
	char *name;
	char *tcp, *http;
	struct config_list exec;
	uint64_t interval_ms, timeout_ms;
	int64_t threshold; /* results of a kind in a row */
	int64_t weight;
};
extern const struct config_items check_spec_items;

enum check_kind check_kind_of(const struct check_spec *spec);
/* A name has to be looked up for it. */
bool check_has_name(const struct check_spec *spec);
/* "http://HOST[:PORT][/PATH]": where to dial ("HOST:PORT") and what to ask for. -EINVAL with err. */
int check_http_parse(const char *url, char *out_address, size_t address_size,
		     char out_target[CHECK_TARGET_SIZE], struct err *err) must_check;

#endif

/* What a pod's resolv.conf says. Rules: k8s.io/api core/v1, DNSPolicy and PodDNSConfig. */
#include <stdio.h>

#include "edge-hub/pods/cri_config.h"

struct words {
	struct arena *arena;
	char **v;
	size_t n;
	bool failed;
};
#define WORDS_MAX 64u

static void words_add(struct words *w, struct span word, size_t max)
{
	char *copy;

	if (!word.len || w->n >= max || w->n >= WORDS_MAX)
		return;
	for (size_t i = 0; i < w->n; i++)
		if (span_is(word, w->v[i]))
			return;
	copy = arena_str(w->arena, word);
	w->failed |= !copy;
	if (copy)
		w->v[w->n++] = copy;
}

static void words_split(struct words *w, struct span text, char sep, size_t max)
{
	struct span head;
	bool more = true;

	while (more) {
		more = span_cut(text, sep, &head, &text);
		words_add(w, span_trim(head), max);
	}
}

struct dns {
	struct words servers, searches, options;
};
#define DNS_SERVERS_MAX 3u
#define DNS_SEARCHES_MAX 32u

/* resolv.conf(5): the last search or domain line counts. */
static void dns_of_host(struct dns *dns, struct span conf, bool servers)
{
	struct span line, word, rest;
	bool more = true;

	while (more) {
		more = span_cut(conf, '\n', &line, &conf);
		line = span_trim(line);
		span_cut(line, ' ', &word, &rest);
		if (span_is(word, "nameserver") && servers)
			words_add(&dns->servers, span_trim(rest), DNS_SERVERS_MAX);
		else if (span_is(word, "search") || span_is(word, "domain"))
			words_split(&dns->searches, rest, ' ', DNS_SEARCHES_MAX);
		else if (span_is(word, "options") && servers)
			words_split(&dns->options, rest, ' ', WORDS_MAX);
	}
}

static void dns_of_cluster(struct dns *dns, const struct config_options *o, const struct pod_spec *spec)
{
	char search[600];

	words_split(&dns->servers, span_of(o->cluster_dns), ',', DNS_SERVERS_MAX);
	snprintf(search, sizeof(search), "%s.svc.%s,svc.%s,%s", spec->ns, o->cluster_domain,
		 o->cluster_domain, o->cluster_domain);
	words_split(&dns->searches, span_of(search), ',', DNS_SEARCHES_MAX);
	dns_of_host(dns, o->resolv_conf, false);
	words_add(&dns->options, SPAN("ndots:5"), WORDS_MAX);
}

static void dns_of_pod(struct dns *dns, const struct pod_spec *spec)
{
	const struct pair *options = spec->dns.options.v;
	char text[300];

	for (uint32_t i = 0; i < spec->dns.servers.n; i++)
		words_add(&dns->servers, span_of(spec->dns.servers.v[i]), DNS_SERVERS_MAX);
	for (uint32_t i = 0; i < spec->dns.searches.n; i++)
		words_add(&dns->searches, span_of(spec->dns.searches.v[i]), DNS_SEARCHES_MAX);
	for (uint32_t i = 0; i < spec->dns.options.n; i++) {
		snprintf(text, sizeof(text), "%s%s%s", options[i].key, options[i].value[0] ? ":" : "",
			 options[i].value);
		words_add(&dns->options, span_of(text), WORDS_MAX);
	}
}

Runtime__V1__DNSConfig *config_dns(struct arena *arena, const struct config_options *o,
				   const struct pod_spec *spec)
{
	bool cluster = spec->dns_policy == DNS_CLUSTER_FIRST_HOST_NET ||
		       (spec->dns_policy == DNS_CLUSTER_FIRST && !spec->host_network);
	Runtime__V1__DNSConfig *out = arena_alloc(arena, sizeof(*out));
	struct dns dns = { { .arena = arena }, { .arena = arena }, { .arena = arena } };
	struct words *lists[] = { &dns.servers, &dns.searches, &dns.options };

	for (size_t i = 0; i < 3; i++) {
		lists[i]->v = arena_alloc(arena, WORDS_MAX * sizeof(char *));
		if (!lists[i]->v || !out)
			return NULL;
	}
	if (cluster && o->cluster_dns[0])
		dns_of_cluster(&dns, o, spec);
	else if (spec->dns_policy != DNS_NONE)
		dns_of_host(&dns, o->resolv_conf, true);
	dns_of_pod(&dns, spec);
	runtime__v1__dnsconfig__init(out);
	out->servers = dns.servers.v;
	out->n_servers = dns.servers.n;
	out->searches = dns.searches.v;
	out->n_searches = dns.searches.n;
	out->options = dns.options.v;
	out->n_options = dns.options.n;
	return dns.servers.failed || dns.searches.failed || dns.options.failed ? NULL : out;
}

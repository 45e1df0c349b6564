/* names: what may be a name, a label, a key. Pure.
 *
 * Each check returns NULL for good text, else upstream's sentence on what is wrong with it.
 * Rules and wording: k8s.io/apimachinery/pkg/util/validation. */
#ifndef HOLDFAST_API_NAMES_H
#define HOLDFAST_API_NAMES_H

#include "base/span.h"

#define NAME_LABEL_MAX 63u
#define NAME_SUBDOMAIN_MAX 253u
#define NAME_REASON_MAX 512u

const char *name_dns_label(struct span s);     /* RFC 1123 label, lower case */
const char *name_dns1035_label(struct span s); /* as above, but begins with a letter (Service) */
const char *name_dns_subdomain(struct span s); /* RFC 1123 subdomain, lower case */
const char *name_qualified(struct span s);     /* label key: [subdomain/]name */
const char *name_label_value(struct span s);
const char *name_env_var(struct span s);      /* relaxed, as 1.32: printable ASCII without '=' */
const char *name_config_key(struct span s);   /* keys of ConfigMap and Secret */
const char *name_path_segment(struct span s); /* may stand in a URL: not ".", "..", no '/' or '%' */
const char *name_http_header(struct span s);
const char *name_port(struct span s); /* IANA service name, of container ports */

#endif

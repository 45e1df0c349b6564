/* selector: label and field selectors, parsed once and matched often. Pure.
 * Grammar: k8s.io/apimachinery labels.Parse ("a=b,c!=d,e in (f,g),!h,i"), fields.ParseSelector ("a=b,c!=d", backslash escapes). */
#ifndef HOLDFAST_API_SELECTOR_H
#define HOLDFAST_API_SELECTOR_H

#include "base/json.h"

#define SELECTOR_TERMS_MAX 64u
struct selector;
int selector_parse_labels(struct span text, struct selector **out, struct err *err) must_check;
int selector_parse_fields(struct span text, struct selector **out, struct err *err) must_check;
/* metav1.LabelSelector {matchLabels, matchExpressions}. An empty object matches everything, an absent one nothing. */
int selector_of_json(const struct json *label_selector, struct selector **out, struct err *err) must_check;
/* metav1.LabelSelector as labels.Parse reads it: "a=b,c in (d,e),!f". */
int selector_write_json(const struct json *label_selector, struct buf *out) must_check;
/* A plain map of labels that must all be equal (nodeSelector). */
int selector_of_map(const struct json *map, struct selector **out) must_check;
/* A list of requirements [{key, operator, values}]: matchExpressions of a node selector term, Gt and Lt included. */
int selector_of_expressions(const struct json *expressions, struct selector **out,
			    struct err *err) must_check;
void selector_free(struct selector *s);
bool selector_is_empty(const struct selector *s); /* matches everything; NULL too */
/* `packed` as in cache/object.h. A field that is absent counts as "", as upstream has it; an absent label does not. */
bool selector_match(const struct selector *s, struct span packed);
/* A field selector, with the two fields that are not packed. */
bool selector_match_fields(const struct selector *s, const char *name, const char *ns, struct span packed);
bool selector_match_json(const struct selector *s, const struct json *labels);
/* The value a field selector demands of `key` with '=', for using an index; NULL when it does not. */
const char *selector_requires(const struct selector *s, const char *key);
/* Walks the keys named, for checking which are allowed. */
const char *selector_key(const struct selector *s, size_t index); /* NULL at the end */
/* Replaces the key found there (kind_field_key). */
int selector_rename(struct selector *s, size_t index, const char *key) must_check;

#endif

/* First byte: which kind of patch. Then a document, a NUL and the patch. A patch that was taken leaves a
 * document that can be written and parsed again; a merge patch applied twice is applied once. */
#include <errno.h>
#include <stdlib.h>

#include "api/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int apply(char how, struct json **tree, const struct json *patch)
{
	struct err err = { 0 };

	switch (how) {
	case 'j': return patch_json(tree, patch, &err);
	case 'm': return patch_merge(tree, patch, &err);
	case 'd': return patch_strategic(kind_of_storage("daemonsets.apps")->schema, tree, patch, &err);
	default: return patch_strategic(kind_of_storage("pods")->schema, tree, patch, &err);
	}
}

static void check(struct json *tree)
{
	struct buf text;
	struct json *again = NULL;

	buf_init(&text, 16 * JSON_MAX_BYTES);
	if (json_write(tree, &text))
		abort();
	int code = json_parse(buf_span(&text), &again, NULL);

	if (code && !(code == -E2BIG && text.len > JSON_MAX_BYTES))
		abort();
	json_free(again);
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_make(data + 1, size ? size - 1 : 0), document;
	struct json *tree = NULL, *patch = NULL;

	if (!size || !span_cut(rest, '\0', &document, &rest) || json_parse(document, &tree, NULL))
		return 0;
	if (!json_parse(rest, &patch, NULL)) {
		int code = apply((char)data[0], &tree, patch);

		if (!code)
			check(tree);
		if (!code && data[0] == 'm') {
			struct json *once = json_copy(tree);

			if (apply('m', &tree, patch) || !json_equal(once, tree))
				abort();
			json_free(once);
		}
	}
	json_free(tree);
	json_free(patch);
	return 0;
}

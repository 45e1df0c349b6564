/* Join tokens as somebody might type them, and the records of tokens and nodes as a damaged store might hold them. */
#include "auth/enrol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make(data, size);
	struct token token, again;
	struct token_grant grant, grant_again;
	struct enrolment enrolment, enrolment_again;
	struct err err;
	struct buf out;

	buf_init(&out, 1 << 16);
	if (!token_parse(text, &token, &err)) { /* what was understood is written the same way */
		assert_always(token_write(&token, &out) == 0);
		assert_always(token_parse(buf_span(&out), &again, NULL) == 0);
		assert_always(memcmp(&token, &again, sizeof(token)) == 0);
	}
	buf_reset(&out);
	if (!token_grant_parse(text, &grant, &err) && !token_grant_write(&grant, &out))
		assert_always(token_grant_parse(buf_span(&out), &grant_again, NULL) == 0);
	buf_reset(&out);
	if (!enrolment_parse(text, &enrolment, &err) && !enrolment_write(&enrolment, &out))
		assert_always(enrolment_parse(buf_span(&out), &enrolment_again, NULL) == 0);
	buf_done(&out);
	return 0;
}

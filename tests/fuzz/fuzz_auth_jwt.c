/* Bearer tokens as anybody may send them, and the records of users as a damaged store might hold them. */
#include "auth/jwt.h"
#include "auth/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make(data, size);
	struct user_cert cert, again;
	struct buf out;
	struct jwt jwt;

	if (!jwt_parse(text, &jwt,
		       NULL)) { /* what was taken has three parts, and an algorithm that is ours */
		assert_always(jwt.signed_part.len < size && jwt.key_id[0]);
		assert_always(json_is(jwt.claims, JSON_OBJECT));
	}
	jwt_done(&jwt);
	buf_init(&out, 1 << 16);
	if (!user_cert_parse(text, &cert, NULL) && !user_cert_write(&cert, &out)) {
		assert_always(user_cert_parse(buf_span(&out), &again, NULL) == 0);
		assert_always(strcmp(cert.name, again.name) == 0);
	}
	buf_done(&out);
	return 0;
}

#include "healthcheck/region_key.h"

#include <errno.h>

#include "base/bigend.h"
#include "net/crypt.h"

static int binding(const struct region_key_to *to, struct buf *out)
{
	(void)buf_add_str(out, "holdfast region key 1");
	(void)buf_add(out, to->region, strlen(to->region) + 1);
	(void)buf_add(out, to->member, strlen(to->member) + 1);
	(void)bigend_add(out, to->generation, 4);
	return buf_error(out);
}

static int wrapping_key(const struct x509_key *own, struct span peer_spki, struct span bound,
			uint8_t out[CRYPT_KEY_SIZE])
{
	uint8_t shared[X509_AGREED_SIZE];
	int rc = x509_agree(own, peer_spki, shared);

	if (!rc)
		rc = crypt_hmac_sha256(span_make(shared, sizeof(shared)), bound, out);
	explicit_bzero(shared, sizeof(shared));
	return rc;
}

/* What was signed: the binding, then all that comes before the signature. */
static int signed_text(struct span bound, struct span body, struct buf *out)
{
	(void)buf_add_span(out, bound);
	(void)buf_add_span(out, body);
	return buf_error(out);
}

static int seal_body(struct span bound, const uint8_t key[REGION_KEY_SIZE], struct span identity_spki,
		     struct buf *body)
{
	uint8_t wrapping[CRYPT_KEY_SIZE];
	struct x509_key *ephemeral = NULL;
	struct buf spki, sealed;
	int rc = x509_key_new(&ephemeral);

	buf_init(&spki, REGION_KEY_SEALED_MAX);
	buf_init(&sealed, REGION_KEY_SEALED_MAX);
	if (!rc)
		rc = x509_key_spki(ephemeral, &spki);
	if (!rc)
		rc = wrapping_key(ephemeral, identity_spki, bound, wrapping);
	if (!rc)
		rc = crypt_seal(wrapping, bound, span_make(key, REGION_KEY_SIZE), &sealed);
	if (!rc) {
		(void)bigend_add(body, spki.len, 2);
		(void)buf_add_span(body, buf_span(&spki));
		(void)bigend_add(body, sealed.len, 2);
		(void)buf_add_span(body, buf_span(&sealed));
		rc = buf_error(body);
	}
	explicit_bzero(wrapping, sizeof(wrapping));
	x509_key_free(ephemeral);
	buf_done(&spki);
	buf_done(&sealed);
	return rc;
}

int region_key_seal(const struct region_key_to *to, const uint8_t key[REGION_KEY_SIZE],
		    struct span identity_spki, const struct x509_key *signer, struct buf *out)
{
	struct buf bound, body, text;
	int rc;

	buf_init(&bound, 1024);
	buf_init(&body, REGION_KEY_SEALED_MAX);
	buf_init(&text, 2048);
	rc = binding(to, &bound);
	if (!rc)
		rc = seal_body(buf_span(&bound), key, identity_spki, &body);
	if (!rc)
		rc = signed_text(buf_span(&bound), buf_span(&body), &text);
	if (!rc) {
		(void)buf_add_span(out, buf_span(&body));
		rc = x509_sign(signer, buf_span(&text), out);
	}
	buf_done(&bound);
	buf_done(&body);
	buf_done(&text);
	return rc;
}

/* A piece with its length in front. */
static bool take(struct span *rest, struct span *out)
{
	uint64_t len;

	if (!bigend_take(rest, 2, &len) || len > rest->len)
		return false;
	*out = span_make(rest->ptr, (size_t)len);
	*rest = span_make(rest->ptr + len, rest->len - (size_t)len);
	return true;
}

static int open_body(struct span bound, struct span ephemeral, struct span sealed,
		     const struct x509_key *identity, uint8_t out_key[REGION_KEY_SIZE])
{
	uint8_t wrapping[CRYPT_KEY_SIZE];
	struct buf plain;
	int rc = wrapping_key(identity, ephemeral, bound, wrapping);

	buf_init(&plain, REGION_KEY_SEALED_MAX);
	if (!rc)
		rc = crypt_open(wrapping, bound, sealed, &plain);
	if (!rc && plain.len != REGION_KEY_SIZE)
		rc = -EBADMSG;
	if (!rc)
		memcpy(out_key, plain.data, REGION_KEY_SIZE);
	if (plain.data)
		explicit_bzero(plain.data, plain.cap);
	buf_done(&plain);
	explicit_bzero(wrapping, sizeof(wrapping));
	return rc == -EINVAL || rc == -EMSGSIZE ? -EBADMSG : rc;
}

int region_key_open(const struct region_key_to *to, struct span sealed, const struct x509_key *identity,
		    struct span signer_spki, uint8_t out_key[REGION_KEY_SIZE])
{
	struct span rest = sealed, ephemeral, inner, body;
	uint8_t digest[X509_SHA256_SIZE];
	struct buf bound, text;
	int rc;

	if (sealed.len > REGION_KEY_SEALED_MAX || !take(&rest, &ephemeral) || !take(&rest, &inner))
		return -EBADMSG;
	body = span_make(sealed.ptr, sealed.len - rest.len);
	buf_init(&bound, 1024);
	buf_init(&text, 2048);
	rc = binding(to, &bound);
	if (!rc)
		rc = signed_text(buf_span(&bound), body, &text);
	if (!rc)
		rc = x509_check_signature(signer_spki, buf_span(&text), rest, digest);
	if (rc == -EINVAL)
		rc = -EKEYREJECTED;
	if (!rc)
		rc = open_body(buf_span(&bound), ephemeral, inner, identity, out_key);
	buf_done(&bound);
	buf_done(&text);
	return rc;
}

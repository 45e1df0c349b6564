/* tpm2: a small secret sealed by this machine's TPM 2.0, so that no other machine opens it. The one wrapper of tss2-esys.
 *
 * The secret is an object under the storage primary of the owner hierarchy (ECC P-256, derived anew each time from the TPM's seed:
 * nothing is kept in the TPM), tied to the machine and not to the state that it booted. The libraries are loaded in a child
 * process that lives for one call: a hub never maps them. Blocking; for start-up, before there are threads. */
#ifndef HOLDFAST_AUTH_TPM2_H
#define HOLDFAST_AUTH_TPM2_H

#include "base/buf.h"

#define TPM2_SECRET_MAX 128u /* bytes that can be sealed: the specification's MAX_SYM_DATA */
#define TPM2_DEVICE "/dev/tpmrm0"

/* `tcti` as the TSS writes it ("device:/dev/tpmrm0", "swtpm:host=localhost,port=2321"); NULL: TPM2_DEVICE. Appends to out.
 * -ENODEV: no TPM answers there, or the libraries are missing; -EACCES: the owner hierarchy is locked by a password; -EIO. */
int tpm2_seal(const char *tcti, struct span secret, struct buf *out, struct err *err) must_check;
/* -ENOKEY: sealed by another TPM, or by this one before it was cleared; -EBADMSG: damaged; and as above. */
int tpm2_unseal(const char *tcti, struct span sealed, struct buf *out, struct err *err) must_check;
bool tpm2_is_likely(const char *tcti); /* worth a try: the device is there, or one was named */

#endif

"""Reading what a hub sealed, with the key file that lies beside it: AES-256-GCM without its tag is counter mode."""

import base64
import json
import pathlib
import subprocess

MAGIC = b"HfS\x01"
NONCE, TAG = 12, 16


def _decrypt(key, sealed):
    """AES-256-GCM's counter starts at 2 for the text (NIST SP 800-38D section 7.1)."""
    done = subprocess.run(["openssl", "enc", "-d", "-aes-256-ctr", "-K", key.hex(),
                           "-iv", (sealed[:NONCE] + (2).to_bytes(4, "big")).hex()],
                          input=sealed[NONCE:-TAG], capture_output=True, timeout=10, check=True)
    return done.stdout


def is_sealed(data):
    return data[:4] == MAGIC


def key_number(data):
    return int.from_bytes(data[4:8], "big")


def keyring(data_dir):
    """As it is on the disk. One that is replaced while it is read is overwritten with zeros, as it should be: then there is another."""
    text = "\0"
    while "\0" in text:
        text = (pathlib.Path(data_dir) / "vault" / "keyring").read_text(encoding="ascii")
    return json.loads(text)


def open_file(data_dir, path, key_file=None):
    """The plain bytes of a sealed file in this data directory; of a plain one as they are."""
    sealed = pathlib.Path(path).read_bytes()
    if not is_sealed(sealed):
        return sealed
    wrapping = bytes.fromhex(pathlib.Path(key_file or pathlib.Path(data_dir) / "vault" / "key").read_text().strip())
    wrapped = {entry["number"]: base64.b64decode(entry["wrapped"]) for entry in keyring(data_dir)["keys"]}
    return _decrypt(_decrypt(wrapping, wrapped[key_number(sealed)]), sealed[8:])

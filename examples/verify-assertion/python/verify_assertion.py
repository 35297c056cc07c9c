"""Verifies the header Mezite-Jwt-Assertion with the standard library and the openssl program.

Usage: verify_assertion.py ISSUER AUDIENCE APP < '{"keys": [...], "assertion": "..."}'
In a real service use PyJWT: jwt.decode(token, key, algorithms=["ES256"], issuer=..., audience=...), then check "app".
"""
import base64
import json
import subprocess
import sys
import tempfile
import time

SKEW_SECONDS = 30
# DER of a P-256 SubjectPublicKeyInfo up to the point.
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def integer(raw):
    raw = raw.lstrip(b"\0") or b"\0"
    raw = b"\0" + raw if raw[0] & 0x80 else raw
    return b"\x02" + bytes([len(raw)]) + raw


def verify(assertion, keys, issuer, audience, app, now=None):
    """Returns the claims. Raises ValueError unless this hub signed the assertion for this app within the last minutes."""
    head, body, signature = assertion.split(".")
    header = json.loads(decode(head))
    # The verifier chooses the algorithm, never the token; "jku" and similar headers are ignored.
    if header.get("alg") != "ES256" or {"crit", "jku", "jwk"} & set(header):
        raise ValueError("not an ES256 assertion")
    jwk = next((key for key in keys if key.get("kid") == header.get("kid")), None)
    if jwk is None:
        raise ValueError("unknown key")
    raw = decode(signature)
    if len(raw) != 64:
        raise ValueError("bad signature")
    pair = integer(raw[:32]) + integer(raw[32:])
    with tempfile.NamedTemporaryFile() as key_file, tempfile.NamedTemporaryFile() as signature_file:
        key_file.write(SPKI + decode(jwk["x"]) + decode(jwk["y"]))
        key_file.flush()
        signature_file.write(b"\x30" + bytes([len(pair)]) + pair)
        signature_file.flush()
        command = ["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", key_file.name,
                   "-signature", signature_file.name]
        done = subprocess.run(command, input=f"{head}.{body}".encode(), capture_output=True, timeout=10)
    if done.returncode != 0:
        raise ValueError("bad signature")
    claims = json.loads(decode(body))
    now = time.time() if now is None else now
    if claims.get("iss") != issuer or claims.get("aud") != audience or claims.get("app") != app:
        raise ValueError("for another hub, audience or app")
    if claims["exp"] + SKEW_SECONDS < now or claims["nbf"] - SKEW_SECONDS > now:
        raise ValueError("not valid now")
    return claims


if __name__ == "__main__":
    given = json.load(sys.stdin)
    try:
        print(json.dumps(verify(given["assertion"], given["keys"], *sys.argv[1:4])))
    except (ValueError, KeyError, TypeError) as error:
        print(f"refused: {error}", file=sys.stderr)
        sys.exit(1)

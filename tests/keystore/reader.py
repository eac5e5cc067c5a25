"""Opens a keystore without a line of the program's code: written from assets/keystore-format.md alone.

    reader.py FILE KIND < SECRET

KIND is passphrase, keyring, keyfile or recovery; SECRET is read whole, as bytes. Prints fingerprints and SHA-256 of what is
inside as JSON, never a key. Refuses with the name of the format page on the first line of stderr, and exit code 1.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

KINDS = ("passphrase", "keyring", "keyfile", "recovery")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Refused(Exception):
    pass


def need(holds, name, why=""):
    if not holds:
        raise Refused(f"{name}: {why}" if why else name)


def split(data):
    """The front with the header, the header alone, the nonce, the sealed content."""
    magic = b"BAOKEYS\n"
    if not data.startswith(magic):
        need(magic.startswith(data[:8]) and len(data) < 8, "not a keystore")
        raise Refused("truncated")
    need(len(data) <= 1 << 24, "too long")
    need(len(data) >= 10, "truncated")
    need(int.from_bytes(data[8:10], "big") == 1, "newer version")
    need(len(data) >= 18, "truncated")
    header, content = int.from_bytes(data[10:14], "big"), int.from_bytes(data[14:18], "big")
    need(header <= 1 << 20, "bad header", "too long")
    whole = 18 + header + 12 + content + 32
    need(whole <= 1 << 24, "too long")
    need(content >= 16, "bad header", "no room for a tag")
    need(len(data) >= whole, "truncated")
    need(len(data) == whole, "trailing bytes")
    need(hashlib.sha256(data[:-32]).digest() == data[-32:], "damaged")
    return data[: 18 + header], data[18 : 18 + header], data[18 + header : 30 + header], data[30 + header : -32]


def exactly(value, fields, name, optional=()):
    need(isinstance(value, dict), name, "not an object")
    need(set(value) - set(optional) == set(fields), name, f"fields {sorted(value)}")


def once(pairs):
    need(len({key for key, _ in pairs}) == len(pairs), "twice")
    return dict(pairs)


def parse(text, name):
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError, Refused):
        raise Refused(f"{name}: not JSON") from None


def decode(text, length=None, name="bad header"):
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, AttributeError, binascii.Error):
        raise Refused(f"{name}: not base64") from None
    need(base64.b64encode(value).decode() == text, name, "not canonical base64")
    need(length is None or len(value) == length, name, "a length")
    return value


def is_print(text):
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{16}", text) is not None


def whole_number(value, least, most):
    return type(value) is int and least <= value <= most


def header_of(text):
    bad = "bad header"
    header = parse(text, bad)
    exactly(
        header,
        ("identity", "file", "revision", "written", "salt", "generations", "custody", "slots", "nextSlot"),
        bad,
    )
    need(re.fullmatch("[0-9a-f]{32}", header["file"]), bad, "file")
    need(re.fullmatch("([0-9a-f]{2}){8,64}", header["salt"]), bad, "salt")
    need(whole_number(header["revision"], 1, 2**53 - 1), bad, "revision")
    slots(header)
    numbers = []
    for generation in header["generations"]:
        exactly(
            generation,
            ("number", "kind", "threshold", "total", "prints", "rootToken", "created", "source", "vaultClusterId", "fields"),
            bad,
        )
        need(generation["kind"] in ("unseal", "recovery", "static"), bad, "kind")
        need(1 <= generation["threshold"] <= generation["total"] <= 255, bad, "threshold")
        need(all(map(is_print, generation["prints"])) and len(generation["prints"]) <= generation["total"], bad)
        for field in generation["fields"]:
            exactly(field, ("name", "purpose", "len", "prints"), bad)
        numbers.append(generation["number"])
    need(numbers == sorted(set(numbers)), bad, "order of generations")
    for entry in header["custody"]:
        exactly(entry, ("name", "path", "host", "mode", "uid", "gid", "versions"), bad)
        for version in entry["versions"]:
            exactly(version, ("number", "size", "print", "kept"), bad)
    return header


def slots(header):
    bad, together = "bad header", 0
    ids = [slot.get("id") for slot in header["slots"]]
    need(1 <= len(ids) <= 32 and len(set(ids)) == len(ids), bad, "slots")
    for slot in header["slots"]:
        exactly(slot, ("id", "kind", "label", "created", "salt", "check", "nonce", "wrapped"), bad, ("cost",))
        need(slot["kind"] in KINDS, bad, "kind of a slot")
        need(whole_number(slot["id"], 1, header["nextSlot"] - 1), bad, "number of a slot")
        need(("cost" in slot) == (slot["kind"] == "passphrase"), bad, "cost")
        for field, length in (("salt", 16), ("check", 32), ("nonce", 12), ("wrapped", 48)):
            decode(slot[field], length)
        if "cost" in slot:
            exactly(slot["cost"], ("m", "t", "p"), bad)
            m, t, p = (slot["cost"][name] for name in "mtp")
            need(m >= 65536 and t >= 3 and p >= 1, "too weak")
            need(m <= 1048576 and t <= 16 and p <= 4 and m * t <= 4194304, "too costly")
            together += m * t
            need(together <= 16777216, "too costly")


def recovery(text):
    letters = re.sub(r"[\s-]", "", text.decode()).upper().replace("O", "0").replace("I", "1").replace("L", "1")
    need(len(letters) == 40 and set(letters) <= set(ALPHABET), "wrong secret", "no recovery code")
    number = 0
    for letter in letters:
        number = number << 5 | ALPHABET.index(letter)
    code = number.to_bytes(25, "big")
    need(hashlib.sha256(b"baowatch recovery code v1" + code[:20]).digest()[:5] == code[20:], "wrong secret", "checksum")
    return code[:20]


def keyed(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def slot_key(slot, secret):
    salt = decode(slot["salt"])
    if slot["kind"] == "passphrase":
        cost = slot["cost"]
        kdf = Argon2id(salt=salt, length=32, iterations=cost["t"], lanes=cost["p"], memory_cost=cost["m"])
        return kdf.derive(secret)
    return keyed(secret, b"baowatch keystore v1 slot key\0", slot["kind"].encode(), b"\0", salt)


def unwrap(header, kind, secret):
    answer = f"no slot: {kind}"
    for slot in header["slots"]:
        if slot["kind"] != kind:
            continue
        key = slot_key(slot, secret)
        fits = hmac.compare_digest(keyed(key, b"baowatch keystore v1 slot check"), decode(slot["check"]))
        bound = f"baowatch keystore v1 slot\0{header['file']}\0{slot['id']}\0{kind}".encode()
        try:
            data_key = AESGCM(key).decrypt(decode(slot["nonce"]), decode(slot["wrapped"]), bound)
        except InvalidTag:
            data_key = None
        if fits and data_key is not None:
            return data_key, slot["id"]
        if fits or data_key is not None:
            answer = f"slot altered: {slot['id']}"
        elif not answer.startswith("slot altered"):
            answer = "wrong secret"
    raise Refused(answer)


def token_print(salt, token):
    text = token.strip()
    made_up = not text.startswith((b"s.", b"hvs.", b"b.", b"hvb.")) or len(text) < 20
    return None if made_up else fingerprint(salt, text)


def fingerprint(salt, data):
    return keyed(salt, data)[:8].hex()


def sha(data):
    return hashlib.sha256(data).hexdigest()


def agreed(header, content):
    """What is inside, in prints and digests, if header and content tell of the same."""
    bad = "bad content"
    exactly(content, ("generations", "custody"), bad)
    salt = bytes.fromhex(header["salt"])
    need([g["number"] for g in header["generations"]] == [g["number"] for g in content["generations"]], bad, "numbers")
    generations = []
    for seen, held in zip(header["generations"], content["generations"]):
        exactly(held, ("number", "shares", "rootToken", "fields"), bad)
        shares = [decode(share, name=bad) for share in held["shares"]]
        token = None if held["rootToken"] is None else decode(held["rootToken"], name=bad)
        fields = [(field["name"], decode(field["bytes"], name=bad)) for field in held["fields"]]
        prints = [fingerprint(salt, share) for share in shares]
        need(prints == seen["prints"], bad, "prints")
        need((None if token is None else token_print(salt, token)) == seen["rootToken"], bad, "root token")
        described = [(field["name"], field["len"]) for field in seen["fields"]]
        need(described == [(name, len(value)) for name, value in fields], bad, "fields")
        generations.append(
            {
                "number": seen["number"],
                "threshold": seen["threshold"],
                "total": seen["total"],
                "prints": prints,
                "rootTokenPrint": seen["rootToken"],
                "shares": [sha(share) for share in shares],
                "rootToken": None if token is None else sha(token),
                "fields": [[name, sha(value)] for name, value in fields],
            }
        )
    custody = []
    for file in content["custody"]:
        exactly(file, ("name", "number", "bytes"), bad)
        value = decode(file["bytes"], name=bad)
        custody.append((file["name"], file["number"], len(value), fingerprint(salt, value), sha(value)))
    described = [
        (entry["name"], version["number"], version["size"], version["print"])
        for entry in header["custody"]
        for version in entry["versions"]
    ]
    need(described == [file[:4] for file in custody], bad, "custody")
    return generations, [
        {"name": name, "number": number, "print": found, "bytes": digest} for name, number, _, found, digest in custody
    ]


def opened(data, kind, secret):
    front, text, nonce, sealed = split(data)
    header = header_of(text)
    if kind == "recovery":
        secret = recovery(secret)
    data_key, slot = unwrap(header, kind, secret)
    try:
        plain = AESGCM(data_key).decrypt(nonce, sealed, front)
    except InvalidTag:
        raise Refused("altered") from None
    generations, custody = agreed(header, parse(plain, "bad content"))
    return {
        "identity": header["identity"],
        "revision": header["revision"],
        "slot": slot,
        "generations": generations,
        "custody": custody,
    }


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in KINDS:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        data = file.read((1 << 24) + 1)
    try:
        answer = opened(data, sys.argv[2], sys.stdin.buffer.read())
    except Refused as refused:
        sys.exit(str(refused))
    except (KeyError, TypeError, AttributeError):
        sys.exit("bad header: a value is of another type")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()

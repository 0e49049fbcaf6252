"""X25519, Ed25519 and its points by hand, as the RFCs have them."""

import hashlib
import hmac

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def hkdf(secret, info):
    """RFC 5869 without salt, one block."""
    key = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(key, info + b"\x01", "sha256")


def x25519(private, u=9):
    """RFC 7748, section 5: the ladder."""
    k = int.from_bytes(private, "little") & ~7 & ~(1 << 255) | 1 << 254
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in range(254, -1, -1):
        swap = k >> bit & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        x3, z3 = (d * a + c * b) ** 2 % P, u * (d * a - c * b) ** 2 % P
        e = a * a - b * b
        x2, z2 = a * a * b * b % P, e * (a * a + 121665 * e) % P
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, P) % P).to_bytes(32, "little")


def plus(one, two):
    """Points of Ed25519, affine (RFC 8032, section 5.1)."""
    (x1, y1), (x2, y2) = one, two
    t = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - t, -1, P)
    return x % P, y % P


def times_base(factor):
    y = 4 * pow(5, -1, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    power, total = (x if x % 2 == 0 else P - x, y), (0, 1)
    while factor:
        if factor & 1:
            total = plus(total, power)
        power, factor = plus(power, power), factor >> 1
    return (total[1] | (total[0] & 1) << 255).to_bytes(32, "little")


def ed25519(seed, message):
    """(public key, signature) of RFC 8032, section 5.1.5 and 5.1.6."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ~7 & ~(1 << 255) | 1 << 254
    public = times_base(scalar)
    r = int.from_bytes(hashlib.sha512(digest[32:] + message).digest(), "little") % ORDER
    R = times_base(r)
    k = int.from_bytes(hashlib.sha512(R + public + message).digest(), "little") % ORDER
    return public, R + ((r + k * scalar) % ORDER).to_bytes(32, "little")


def of_order_8():
    """A point of the order 8: a multiple of the order of the base point times one of the curve."""
    for y in range(3, 100):
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
        if x * x % P != square:
            continue
        point, power, factor = (0, 1), (x, y), ORDER
        while factor:
            if factor & 1:
                point = plus(point, power)
            power, factor = plus(power, power), factor >> 1
        four = plus(plus(point, point), plus(point, point))
        if four != (0, 1):
            return point
    raise AssertionError


def small_order():
    """The eight points whose order is 1, 2, 4 or 8, as keys of 32 bytes."""
    point, multiple, keys = of_order_8(), (0, 1), []
    for _ in range(8):
        keys.append((multiple[1] | (multiple[0] & 1) << 255).to_bytes(32, "little"))
        multiple = plus(multiple, point)
    assert multiple == (0, 1)
    return keys

